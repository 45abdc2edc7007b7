// What happened to each board, for the marks on its plots: the workbench's events, what this window saw of the board's state,
// and the user's notes.
import type { BoardView, Event } from '../backend/generated'
import { fleet } from '../fleet/fleet.svelte'
import { preferences } from '../settings/preferences.svelte'
import { workbench } from '../workbench.svelte'
import { merged, momentOf, momentsBetween, noteAt, type Moment, type Uptime } from './moments'

/** Moments that are kept of a board; as many as the workbench lists of all. */
const KEPT = 1000
/** Notes that are kept of all boards together; the oldest are dropped first. */
export const NOTES = 100
/** Characters of a note. */
export const NOTE_LENGTH = 120

export class BoardMoments {
  readonly board: string
  #listed = $state.raw<Moment[]>([])
  #seen = $state.raw<Moment[]>([])
  readonly notes: Moment[] = $derived.by(() =>
    preferences.value.notes.filter((n) => n.board === this.board).map(({ timeMs, text }) => noteAt(timeMs, text)),
  )
  readonly all: Moment[] = $derived.by(() => merged(this.#listed, this.#seen, this.notes))

  constructor(board: string) {
    this.board = board
  }

  /** Reads what happened so far, and follows until the returned function is called. */
  open(): () => void {
    void this.#read()
    const stopEvents = workbench.onEvent((event) => {
      if (event.board === null || event.board !== fleet.boards.get(this.board)?.name) return
      const moment = momentOf(event)
      if (moment) this.#listed = merged(this.#listed, [moment]).slice(-KEPT)
    })
    const stopBoard = workbench.listen(this.board, { resync: () => void this.#read() })
    return () => {
      stopEvents()
      stopBoard()
    }
  }

  async #read(): Promise<void> {
    try {
      const entries = await workbench.call('activity.list', { before: null, limit: KEPT, board: this.board })
      this.#listed = merged(this.#listed, entries.flatMap((entry) => momentOf(entry) ?? [])).slice(-KEPT)
    } catch {
      // The board went away meanwhile; its panel closes.
    }
  }

  /** Adds what a change of the board's view tells. */
  see(moments: Moment[]): void {
    if (moments.length > 0) this.#seen = merged(this.#seen, moments).slice(-KEPT)
  }
}

/** Writes a note at an instant of a board. */
export function addNote(board: string, timeMs: number, text: string): void {
  const note = { board, timeMs: Math.round(timeMs), text: text.trim().slice(0, NOTE_LENGTH) }
  if (note.text !== '') preferences.value.notes = [...preferences.value.notes, note].slice(-NOTES)
}

export function removeNote(board: string, moment: Moment): void {
  const same = (n: { board: string; timeMs: number; text: string }) => n.board === board && n.timeMs === moment.timeMs && n.text === moment.text
  preferences.value.notes = preferences.value.notes.filter((n) => !same(n))
}

/** By id of the board. A board without a session has no uptime in its view. */
const uptimes = new Map<string, Uptime>()

/** Takes notice of a board's new view, whether or not its plots are open. */
export function noteChange(old: BoardView | undefined, now: BoardView): void {
  const found = old ? momentsBetween(old, now, uptimes.get(now.id) ?? null, Date.now()) : []
  if (found.length > 0) momentsOf(now.id).see(found)
  const uptimeMs = now.device?.uptime_ms ?? null
  // Switching on is an event of its own.
  if (now.machine?.state === 'off') uptimes.delete(now.id)
  else if (uptimeMs !== null) uptimes.set(now.id, { uptimeMs, heardMs: now.device?.heard_ms ?? 0 })
}

/** A restored state has an earlier uptime without a reset. */
export function noteEvent({ event, board }: Event): void {
  if (event === 'machine.restored' && board !== null) uptimes.delete(fleet.byRef(board)?.id ?? '')
}

const all = new Map<string, BoardMoments>()

export function momentsOf(board: string): BoardMoments {
  const known = all.get(board)
  if (known) return known
  // Outlives the first panel that uses it: its derived values must not end with that panel.
  let made!: BoardMoments
  $effect.root(() => {
    made = new BoardMoments(board)
  })
  all.set(board, made)
  return made
}

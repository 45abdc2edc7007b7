// What is done with many boards at once: the marked ones, or those under a menu. It shows how far it is, can be cancelled, and
// says once what came of it and why it did not go on some boards.
import { at, attempts } from '../attempts.svelte'
import { asApiError } from '../backend/backend'
import type { BoardView, PowerAction } from '../backend/generated'
import { count } from '../format/format'
import { place } from '../place.svelte'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import { isStartable, isStoppable } from './badge'
import { fleet } from './fleet.svelte'
import { inOrder, type Renaming } from './rename'

/** Requests under way at the same time. */
const ABREAST = 8

/** What needs an answer or a text before it is done. */
export type MarksForm =
  | { kind: 'deploy' | 'rename' | 'label' | 'remove'; boards: string[] }
  | { kind: 'remove app'; boards: string[]; app: string }

export interface Refusal {
  name: string
  why: string
}
export interface Outcome {
  sentence: string
  refusals: Refusal[]
}

class Marks {
  form = $state.raw<MarksForm | null>(null)
  running = $state.raw<{ what: string; done: number; total: number; sinceMs: number } | null>(null)
  outcome = $state.raw<Outcome | null>(null)
  #cancelled = false

  ask(form: MarksForm): void {
    this.outcome = null
    this.form = form
    place.panel = 'fleet'
  }

  cancel(): void {
    this.#cancelled = true
  }

  say(sentence: string, refusals: Refusal[] = []): void {
    this.outcome = refusals.length > 0 ? { sentence, refusals } : null
    announcer.say(sentence, refusals.length > 0 ? 'bad' : 'quiet')
  }

  power(boards: string[], action: PowerAction): Promise<void> {
    const [now, past] = powerWords[action]
    return this.#each(now, past, able(boards, action), (board) => workbench.call('board.power', { board, action }))
  }

  startApp(boards: string[], app: string): Promise<void> {
    return this.#each(`Starting ${app} on`, `Requested the start of ${app} on`, boards, (board) => workbench.call('app.start', { board, app }))
  }

  stopApp(boards: string[], app: string): Promise<void> {
    return this.#each(`Stopping ${app} on`, `Requested the stop of ${app} on`, boards, (board) => workbench.call('app.stop', { board, app }))
  }

  removeApp(boards: string[], app: string): Promise<void> {
    this.form = null
    return this.#each(`Removing ${app} from`, `Requested the removal of ${app} from`, boards, (board) => workbench.call('app.remove', { board, app }))
  }

  async remove(boards: string[]): Promise<void> {
    this.form = null
    await this.#each('Removing', 'Removed', boards, (board) => workbench.call('board.remove', { board }))
    for (const id of boards) if (!fleet.boards.has(id)) place.marked.delete(id)
  }

  /** One after the other: a name must be free before it is given. */
  async rename(renamings: Renaming[]): Promise<void> {
    this.form = null
    const steps = inOrder(renamings)
    const boards = steps.map(({ id }) => id)
    await this.#each('Renaming', 'Renamed', boards, (board, i) => workbench.call('board.rename', { board, name: steps[i]!.to }), 1)
  }

  /** All boards or none, in one request. False: it was refused, and the panel says why. */
  async label(boards: string[], add: string[], remove: string[]): Promise<boolean> {
    const done = await attempts.run(at.marks, 'Labelling', () => workbench.call('board.label', { boards, add, remove }))
    if (!done) return false
    this.form = null
    this.say(`Changed the labels of ${count(boards.length, 'board')}`)
    return true
  }

  async #each(
    now: string,
    past: string,
    boards: string[],
    act: (board: string, i: number) => Promise<unknown>,
    abreast = ABREAST,
  ): Promise<void> {
    if (this.running || boards.length === 0) return
    const name = new Map(boards.map((id) => [id, fleet.boards.get(id)?.name ?? id]))
    const refusals: Refusal[] = []
    let next = 0
    let done = 0
    this.#cancelled = false
    this.outcome = null
    const show = () => (this.running = { what: `${now} ${count(boards.length, 'board')}`, done, total: boards.length, sinceMs })
    const sinceMs = Date.now()
    show()
    const work = async () => {
      while (next < boards.length && !this.#cancelled) {
        const i = next++
        const id = boards[i]!
        try {
          await act(id, i)
        } catch (thrown) {
          refusals.push({ name: name.get(id)!, why: asApiError(thrown).message })
        }
        done += 1
        show()
      }
    }
    await Promise.all(Array.from({ length: Math.min(abreast, boards.length) }, work))
    this.running = null
    const went = done - refusals.length
    const rest = boards.length - done
    const parts = [`${past} ${count(went, 'board')}`]
    if (refusals.length > 0) parts.push(`${count(refusals.length, 'board')} refused`)
    if (rest > 0) parts.push(`${count(rest, 'board')} left as before`)
    this.say(parts.join(', '), refusals)
  }
}

const powerWords: Record<PowerAction, [string, string]> = {
  on: ['Switching on', 'Switched on'],
  off: ['Cutting the power of', 'Cut the power of'],
  reset: ['Resetting', 'Reset'],
  cut: ['Cutting and restoring the power of', 'Cut and restored the power of'],
  pause: ['Pausing', 'Paused'],
  resume: ['Resuming', 'Resumed'],
}

/** Those of the boards for which a switch makes sense now. */
export function able(boards: string[], action: PowerAction): string[] {
  return boards.filter((id) => {
    const state = fleet.boards.get(id)?.machine?.state
    if (state === undefined) return false
    if (action === 'on') return state === 'off'
    if (action === 'pause') return state === 'running'
    if (action === 'resume') return state === 'paused'
    return state !== 'off'
  })
}

export interface AppOnMany {
  name: string
  /** Boards that have it, that could start it, that could stop it. */
  on: string[]
  startable: string[]
  stoppable: string[]
}

/** The apps of several boards, by name. */
export function appsOf(boards: BoardView[]): AppOnMany[] {
  const apps = new Map<string, AppOnMany>()
  for (const board of boards) {
    for (const app of board.apps) {
      const entry = apps.get(app.name) ?? { name: app.name, on: [], startable: [], stoppable: [] }
      apps.set(app.name, entry)
      entry.on.push(board.id)
      if (isStartable(app)) entry.startable.push(board.id)
      if (isStoppable(board, app)) entry.stoppable.push(board.id)
    }
  }
  return [...apps.values()].sort((a, b) => a.name.localeCompare(b.name))
}

export const marks = new Marks()

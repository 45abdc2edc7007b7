// The lines of each board's console, and the user's filters.
import type { LogLine } from '../backend/generated'
import { untrack } from 'svelte'
import { fleet } from '../fleet/fleet.svelte'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import { keepNewest, shownLines, sourceAfter, sourcesOf, type Shown } from './lines'

/** Lines that are kept in the window; the workbench keeps more. */
export const KEPT = 5000

export class BoardConsole {
  readonly board: string
  lines = $state.raw<LogLine[]>([])
  dropped = $state(0)
  source = $state<string | null>(null)
  search = $state('')
  follow = $state(true)
  /** The lines at the time of the user's pause; null while lines flow. */
  frozen = $state.raw<LogLine[] | null>(null)

  readonly sources: string[] = $derived(sourcesOf(this.lines))
  readonly shown: Shown[] = $derived(shownLines(this.frozen ?? this.lines, this.source, this.search))
  readonly waiting: number = $derived.by(() => {
    const last = this.frozen?.at(-1)?.sequence
    if (this.frozen === null) return 0
    return this.lines.filter((l) => last === undefined || l.sequence > last).length
  })

  #apps: string[] = []

  constructor(board: string) {
    this.board = board
    // A console that is filtered to an app shows all again when the app is removed.
    $effect(() => {
      const apps = fleet.boards.get(board)?.apps.map((app) => app.name) ?? []
      untrack(() => this.#adapt(apps))
    })
  }

  #adapt(apps: string[]): void {
    const source = sourceAfter(this.source, this.#apps, apps)
    this.#apps = apps
    if (source === this.source) return
    announcer.say(`The console shows all sources again: ${this.source} was removed`)
    this.source = source
  }

  get paused(): boolean {
    return this.frozen !== null
  }
  set paused(paused: boolean) {
    this.frozen = paused ? this.lines : null
  }

  /** Reads the stored lines and receives new ones until the returned function is called. */
  open(): () => void {
    const stop = workbench.listen(this.board, {
      logs: (lines) => (this.lines = keepNewest(this.lines, lines, KEPT)),
      resync: () => void this.#read(),
    })
    void this.#read()
    return stop
  }

  async #read(): Promise<void> {
    try {
      const { lines, dropped } = await workbench.call('logs.query', {
        board: this.board,
        after: null,
        source: null,
        limit: KEPT,
      })
      this.dropped = dropped
      this.lines = keepNewest(lines, this.lines, KEPT)
    } catch {
      // The board went away meanwhile; its panel closes.
    }
  }
}

const consoles = new Map<string, BoardConsole>()

export function consoleOf(board: string): BoardConsole {
  const known = consoles.get(board)
  if (known) return known
  // Outlives the first panel that uses it: its derived values must not end with that panel.
  let made!: BoardConsole
  $effect.root(() => {
    made = new BoardConsole(board)
  })
  consoles.set(board, made)
  return made
}

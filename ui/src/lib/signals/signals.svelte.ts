// The lines of a board's plots. They always come from the workbench, decimated there; nothing is lost when the panel closes.
import type { Series } from '../backend/generated'
import { workbench } from '../workbench.svelte'
import { appOf } from './colours'
import { PlotView } from './view.svelte'

/** More than the workbench keeps of a board: lines are decimated only if it keeps more one day. */
export const MAX_POINTS = 2400
const REFRESH_MS = 250
const QUIET_MS = 1500

export class BoardSignals extends PlotView {
  readonly board: string
  series = $state.raw<Series[]>([])
  /** The form about thresholds is open, for this line at first. */
  thresholdFor = $state<string | null>(null)

  #asking = false
  #again = false
  #lastAsk = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(board: string) {
    super()
    this.board = board
  }

  /** Reads the lines now and whenever there are new ones, until the returned function is called. */
  open(): () => void {
    const soon = () => this.#soon()
    const stop = workbench.listen(this.board, { metrics: soon, appSamples: soon, resync: soon })
    void this.refresh()
    // Time passes in the plot even when the board is silent.
    const idle = setInterval(() => {
      if (Date.now() - this.#lastAsk > QUIET_MS) this.#soon()
    }, 500)
    return () => {
      stop()
      clearInterval(idle)
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.cursorMs = null
      // A form that comes back with the page would take the focus.
      this.thresholdFor = null
      this.noteMs = null
    }
  }

  async refresh(): Promise<void> {
    // Paused plots read only what the user zoomed or moved to.
    if (this.paused && this.zoom === null) return
    if (this.#asking) {
      this.#again = true
      return
    }
    this.#asking = true
    this.#lastAsk = Date.now()
    try {
      const now = Date.now()
      const series = await workbench.call('metrics.query', {
        board: this.board,
        series: [],
        window_s: this.backS,
        max_points: MAX_POINTS,
      })
      if (!this.paused || this.zoom !== null) this.series = series
      if (!this.paused) this.endMs = now
    } catch {
      // The board went away meanwhile; its panel closes.
    } finally {
      this.loaded = true
      this.#asking = false
      if (this.#again) {
        this.#again = false
        this.#soon()
      }
    }
  }

  #soon(): void {
    if (this.paused || this.#timer !== undefined) return
    const wait = Math.max(0, this.#lastAsk + REFRESH_MS - Date.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.refresh()
    }, wait)
  }
}

/** The lines of a board and of its current apps; lines of removed apps are excluded. */
export function presentOf(series: Series[], apps: Array<{ name: string }>): Series[] {
  return series.filter(({ id }) => appOf(id) === null || apps.some(({ name }) => name === appOf(id)))
}

/** The lines that the user did not hide. */
export function shownOf(series: Series[], hidden: string[]): Series[] {
  return series.filter(({ id }) => !hidden.includes(kind(id)))
}

/** `fuel:blink` is of the kind `fuel`. */
export function kind(id: string): string {
  return id.split(':')[0] ?? id
}

const all = new Map<string, BoardSignals>()

export function signalsOf(board: string): BoardSignals {
  const known = all.get(board)
  if (known) return known
  // Outlives the first panel that uses it: its derived values must not end with that panel.
  let made!: BoardSignals
  $effect.root(() => {
    made = new BoardSignals(board)
  })
  all.set(board, made)
  return made
}

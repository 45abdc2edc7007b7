// The content of a board's plots: the lines, the span of time, the cursor. Lines always come from the workbench, decimated
// there; nothing is lost when the panel closes.
import type { Series } from '../backend/generated'
import { preferences } from '../settings/preferences.svelte'
import { workbench } from '../workbench.svelte'
import { appOf } from './colours'

export const windows: Array<[number, string]> = [
  [60, 'last 60 s'],
  [300, 'last 5 min'],
  [900, 'last 15 min'],
  [3600, 'last hour'],
]

const MAX_POINTS = 1200
const REFRESH_MS = 250
const QUIET_MS = 1500

export class BoardSignals {
  readonly board: string
  series = $state.raw<Series[]>([])
  loaded = $state(false)
  /** The instant up to which the lines were read. */
  endMs = $state(Date.now())
  paused = $state(false)
  /** The span that the user zoomed to; null follows the time. */
  zoom = $state.raw<{ fromMs: number; toMs: number } | null>(null)
  /** The instant under the pointer, in any card. */
  cursorMs = $state<number | null>(null)
  /** The span that is being selected in one of the plots. */
  selection = $state.raw<{ fromMs: number; toMs: number } | null>(null)
  table = $state(false)

  readonly range: { fromMs: number; toMs: number } = $derived(
    this.zoom ?? { fromMs: this.endMs - preferences.value.windowS * 1000, toMs: this.endMs },
  )

  #asking = false
  #again = false
  #lastAsk = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(board: string) {
    this.board = board
  }

  /** Reads the lines now and whenever there are new ones, until the returned function is called. */
  open(): () => void {
    const stop = workbench.listen(this.board, { metrics: () => this.#soon(), resync: () => this.#soon() })
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
    }
  }

  async refresh(): Promise<void> {
    if (this.paused) return
    if (this.#asking) {
      this.#again = true
      return
    }
    this.#asking = true
    this.#lastAsk = Date.now()
    try {
      const now = Date.now()
      const back = this.zoom ? (now - this.zoom.fromMs) / 1000 : 0
      const series = await workbench.call('metrics.query', {
        board: this.board,
        series: [],
        window_s: Math.max(preferences.value.windowS, back) + 2,
        max_points: MAX_POINTS,
      })
      if (!this.paused) {
        this.series = series
        this.endMs = now
      }
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

  setPaused(paused: boolean): void {
    this.paused = paused
    if (!paused) void this.refresh()
  }

  setZoom(zoom: { fromMs: number; toMs: number } | null): void {
    this.zoom = zoom && zoom.toMs - zoom.fromMs >= 500 ? zoom : null
    void this.refresh()
  }

  /** Zooms by a factor about an instant; beyond the chosen window it follows again. */
  zoomBy(factor: number, aboutMs: number): void {
    const { fromMs, toMs } = this.range
    const next = { fromMs: aboutMs - (aboutMs - fromMs) * factor, toMs: aboutMs + (toMs - aboutMs) * factor }
    if (next.toMs - next.fromMs >= 3_600_000 || next.toMs - next.fromMs < 1000) return
    const whole = next.toMs - next.fromMs >= preferences.value.windowS * 1000 && next.toMs >= this.endMs
    this.setZoom(whole ? null : { fromMs: next.fromMs, toMs: Math.min(next.toMs, this.endMs) })
  }

  /** Moves the span by a share of its width; at the end it follows again. */
  panBy(share: number): void {
    const { fromMs, toMs } = this.range
    const by = (toMs - fromMs) * share
    this.setZoom(toMs + by >= this.endMs ? null : { fromMs: fromMs + by, toMs: toMs + by })
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

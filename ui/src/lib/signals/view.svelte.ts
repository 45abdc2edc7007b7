// What plots beside each other share: the span of time, the cursor, a selection. Where the lines come from is left to those
// that extend it.
import { preferences } from '../settings/preferences.svelte'

export const windows: Array<[number, string]> = [
  [60, 'last 60 s'],
  [300, 'last 5 min'],
  [900, 'last 15 min'],
  [3600, 'last hour'],
]

/** The narrowest and the widest span, in ms. */
const [NARROWEST, WIDEST] = [500, 3_600_000]

export interface Span {
  fromMs: number
  toMs: number
}

export abstract class PlotView {
  loaded = $state(false)
  /** The instant up to which the lines were read. */
  endMs = $state(Date.now())
  paused = $state(false)
  /** The span that the user zoomed to; null follows the time. */
  zoom = $state.raw<Span | null>(null)
  /** The instant under the pointer, in any card, or where the keys put it. */
  cursorMs = $state<number | null>(null)
  /** The span that is being selected in one of the plots. */
  selection = $state.raw<Span | null>(null)
  table = $state(false)
  /** The form that writes a note is open, for this instant. */
  noteMs = $state<number | null>(null)

  readonly range: Span = $derived(this.zoom ?? { fromMs: this.endMs - preferences.value.windowS * 1000, toMs: this.endMs })

  /** Reads the lines of the span shown. */
  abstract refresh(): Promise<void>

  /** How far back the lines must reach, in seconds before now. */
  protected get backS(): number {
    const zoomed = this.zoom ? (Date.now() - this.zoom.fromMs) / 1000 : 0
    return Math.max(preferences.value.windowS, zoomed) + 2
  }

  setPaused(paused: boolean): void {
    this.paused = paused
    if (!paused) void this.refresh()
  }

  setZoom(zoom: Span | null): void {
    this.zoom = zoom && zoom.toMs - zoom.fromMs >= NARROWEST ? zoom : null
    void this.refresh()
  }

  /** Zooms by a factor about an instant; beyond the chosen window it follows again. */
  zoomBy(factor: number, aboutMs: number): void {
    const { fromMs, toMs } = this.range
    const next = { fromMs: aboutMs - (aboutMs - fromMs) * factor, toMs: aboutMs + (toMs - aboutMs) * factor }
    if (next.toMs - next.fromMs >= WIDEST || next.toMs - next.fromMs < 2 * NARROWEST) return
    const whole = next.toMs - next.fromMs >= preferences.value.windowS * 1000 && next.toMs >= this.endMs
    this.setZoom(whole ? null : { fromMs: next.fromMs, toMs: Math.min(next.toMs, this.endMs) })
  }

  /** Moves the span by a share of its width; at the end it follows again. */
  panBy(share: number): void {
    const { fromMs, toMs } = this.range
    const by = (toMs - fromMs) * share
    this.setZoom(toMs + by >= this.endMs ? null : { fromMs: fromMs + by, toMs: toMs + by })
  }

  /** Moves the cursor by a share of the span, from the middle if there is none; the span moves with it. */
  moveCursor(share: number): void {
    const { fromMs, toMs } = this.range
    const step = (toMs - fromMs) * share
    this.showAt(this.cursorMs === null ? (fromMs + toMs) / 2 : Math.min(this.endMs, this.cursorMs + step))
  }

  /** Puts the cursor at an instant, and brings it into sight. */
  showAt(timeMs: number): void {
    const { fromMs, toMs } = this.range
    this.cursorMs = timeMs
    if (timeMs >= fromMs && timeMs <= toMs) return
    const half = (toMs - fromMs) / 2
    const end = Math.min(this.endMs, timeMs + half)
    this.setZoom({ fromMs: end - 2 * half, toMs: end })
  }

  get middleMs(): number {
    return (this.range.fromMs + this.range.toMs) / 2
  }
}

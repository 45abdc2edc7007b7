// Draws one plot on a canvas: grid, gaps, line. scale.ts computes their values.
import type { Series } from '../backend/generated'
import { stretches, tickLabels, type Gap } from './scale'

/** Colours of the theme, as the canvas takes them. */
export interface Ink {
  line: string
  grid: string
  text: string
  gap: string
}

export interface Picture {
  series: Series
  gaps: Gap[]
  fromMs: number
  toMs: number
  low: number
  high: number
  ticks: number[]
  /** Instants of the time axis. */
  timeTicks: number[]
}

/** Space for the numbers at the right of the plot, in pixels. */
export const GUTTER = 58
/** Space above and below the plot, for half a line of text. */
export const EDGE = 7
const FONT = '11px "Inter Variable", sans-serif'
/** A sample without a line to another one is drawn as a dot of this radius. */
const DOT = 1.6

/** The pixel of an instant in a plot that is `width` wide. */
export function xOf(timeMs: number, fromMs: number, toMs: number, width: number): number {
  return ((timeMs - fromMs) / (toMs - fromMs)) * width
}

/** The pixel of a value in a plot that is `height` high with its edges. */
export function yOf(value: number, low: number, high: number, height: number): number {
  return EDGE + (1 - (value - low) / (high - low)) * (height - 2 * EDGE)
}

export function draw(canvas: HTMLCanvasElement, width: number, height: number, ink: Ink, picture: Picture): void {
  const ratio = window.devicePixelRatio || 1
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)]
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h })
  const c = canvas.getContext('2d')
  if (!c) return
  c.setTransform(ratio, 0, 0, ratio, 0, 0)
  c.clearRect(0, 0, width, height)
  const { series, fromMs, toMs, low, high } = picture
  const plot = width - GUTTER
  const x = (t: number) => xOf(t, fromMs, toMs, plot)
  const y = (v: number) => yOf(v, low, high, height)

  c.fillStyle = ink.gap
  for (const gap of picture.gaps) {
    const [left, right] = [Math.max(0, x(gap.fromMs)), Math.min(plot, x(gap.toMs))]
    if (right > left) c.fillRect(left, EDGE, right - left, height - 2 * EDGE)
  }

  c.strokeStyle = ink.grid
  c.lineWidth = 1
  c.beginPath()
  for (const tick of picture.ticks) {
    const at = Math.round(y(tick)) + 0.5
    c.moveTo(0, at)
    c.lineTo(plot, at)
  }
  for (const tick of picture.timeTicks) {
    const at = Math.round(x(tick)) + 0.5
    c.moveTo(at, EDGE)
    c.lineTo(at, height - EDGE)
  }
  c.stroke()

  c.font = FONT
  c.fillStyle = ink.text
  c.textBaseline = 'middle'
  tickLabels(picture.ticks, series.unit).forEach((label, i) => c.fillText(label, plot + 6, y(picture.ticks[i]!), GUTTER - 6))

  c.save()
  c.beginPath()
  c.rect(0, 0, plot, height)
  c.clip()
  c.strokeStyle = c.fillStyle = ink.line
  c.lineWidth = 1.5
  c.lineJoin = 'round'
  for (const stretch of stretches(series.times_ms, series.values, fromMs, toMs)) {
    c.beginPath()
    if (stretch.length === 1) {
      c.arc(x(stretch[0]!.timeMs), y(stretch[0]!.value), DOT, 0, 2 * Math.PI)
      c.fill()
      continue
    }
    stretch.forEach(({ timeMs, value }, i) => (i === 0 ? c.moveTo(x(timeMs), y(value)) : c.lineTo(x(timeMs), y(value))))
    c.stroke()
  }
  c.restore()
}

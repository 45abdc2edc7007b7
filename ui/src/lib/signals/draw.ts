// Draws one plot on a canvas: grid, gaps, lines, thresholds, marks. scale.ts computes their values.
import type { Series } from '../backend/generated'
import type { Tone } from '../fleet/badge'
import { roomFor, type Moment } from './moments'
import { stretches, tickLabels, type Gap } from './scale'

/** Colours of the theme, as the canvas takes them. */
export interface Ink {
  grid: string
  text: string
  gap: string
  ground: string
  tones: Record<Tone, string>
}

export interface Line {
  series: Series
  /** A colour as the canvas takes it. */
  colour: string
  /** Lengths of dashes and of spaces between them; empty for a whole line. */
  dashes: number[]
}

export interface Picture {
  lines: Line[]
  unit: string
  /** With the cause of each, if it is known. */
  gaps: Array<Gap & { cause: string | null }>
  moments: Moment[]
  thresholds: Array<{ value: number; crossed: boolean }>
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
const SMALL = '10px "Inter Variable", sans-serif'
/** Characters of a label in a plot; the list of events has all of it. */
const LABEL = 22
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
  const { fromMs, toMs, low, high } = picture
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
  c.setLineDash([])
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
  tickLabels(picture.ticks, picture.unit).forEach((label, i) => c.fillText(label, plot + 6, y(picture.ticks[i]!), GUTTER - 6))

  c.save()
  c.beginPath()
  c.rect(0, 0, plot, height)
  c.clip()
  c.lineWidth = 1.5
  c.lineJoin = 'round'
  for (const { series, colour, dashes } of picture.lines) {
    c.strokeStyle = c.fillStyle = colour
    c.setLineDash(dashes)
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
  }
  drawThresholds(c, plot, y, ink, picture)
  drawMoments(c, plot, height, x, ink, picture)
  c.restore()
}

function drawThresholds(c: CanvasRenderingContext2D, plot: number, y: (v: number) => number, ink: Ink, picture: Picture): void {
  c.lineWidth = 1
  c.setLineDash([6, 3])
  for (const { value, crossed } of picture.thresholds) {
    c.strokeStyle = crossed ? ink.tones.bad : ink.tones.warn
    const at = Math.round(y(value)) + 0.5
    c.beginPath()
    c.moveTo(0, at)
    c.lineTo(plot, at)
    c.stroke()
  }
  c.setLineDash([])
}

/** Lines with words at their upper end, as far as there is room; a gap carries its cause in its middle. */
function drawMoments(c: CanvasRenderingContext2D, plot: number, height: number, x: (t: number) => number, ink: Ink, picture: Picture): void {
  c.font = SMALL
  c.textBaseline = 'middle'
  // Whole lines: dashes cost a software renderer many times as much.
  c.globalAlpha = 0.7
  for (const { timeMs, tone } of picture.moments) {
    c.fillStyle = ink.tones[tone]
    c.fillRect(Math.round(x(timeMs)), 0, 1, height)
  }
  c.globalAlpha = 1
  const placed = picture.moments.map(({ label, timeMs, tone }) => ({
    label: label.length > LABEL ? `${label.slice(0, LABEL - 1)}…` : label,
    x: x(timeMs) + 3,
    tone,
  }))
  const widths = placed.map(({ label }) => widthOf(c, label))
  const room = roomFor(placed.map((p, i) => ({ x: p.x, width: widths[i]!, first: p.tone === 'bad' })), plot)
  placed.forEach((p, i) => {
    if (room[i]) word(c, p.label, p.x, EDGE + 1, widths[i]!, ink.tones[p.tone], ink)
  })
  for (const { cause, fromMs, toMs } of picture.gaps) {
    if (cause === null) continue
    const [left, right] = [Math.max(0, x(fromMs)), Math.min(plot, x(toMs))]
    const width = widthOf(c, cause)
    if (right - left > width + 4) word(c, cause, (left + right - width) / 2, height / 2, width, ink.text, { ...ink, ground: ink.gap })
  }
}

/** Widths of words in the small font: the same few are drawn again and again. */
const widths = new Map<string, number>()

function widthOf(c: CanvasRenderingContext2D, text: string): number {
  const known = widths.get(text)
  if (known !== undefined) return known
  if (widths.size > 500) widths.clear()
  const width = c.measureText(text).width + 4
  widths.set(text, width)
  return width
}

function word(c: CanvasRenderingContext2D, text: string, left: number, middle: number, width: number, colour: string, ink: Ink): void {
  c.fillStyle = ink.ground
  c.globalAlpha = 0.85
  c.fillRect(left, middle - 6, width, 12)
  c.globalAlpha = 1
  c.fillStyle = colour
  c.fillText(text, left + 2, middle)
}

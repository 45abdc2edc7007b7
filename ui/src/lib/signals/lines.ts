// What one plot draws: a line, or the same quantity of several boards on one scale.
import type { Series } from '../backend/generated'
import { extremes, yRange } from './scale'
import type { Side } from './stats'

export interface PlotLine {
  /** Id of the board. */
  board: string
  /** In the legend of a plot with several lines. */
  name: string
  series: Series
  /** Number of its colour in the theme. */
  colour: number
  /** Lengths of dashes and spaces; empty for a whole line. */
  dashes: number[]
}

export interface ShownThreshold {
  value: number
  side: Side
  /** The latest value is beyond it. */
  crossed: boolean
  /** How often the line went beyond it in the span shown. */
  count: number
}

/** Lines that share a plot differ in more than their colour. */
const DASHES: number[][] = [[], [7, 3], [2, 2], [9, 3, 2, 3]]

export function dashesOf(position: number): number[] {
  return DASHES[position % DASHES.length]!
}

/** Bottom and top of a plot that shows these lines and these values in a span of time. */
export function rangeOf(lines: PlotLine[], also: number[], fromMs: number, toMs: number): [number, number] {
  const found = lines.flatMap(({ series }) => extremes(series.times_ms, series.values, fromMs, toMs)).filter((v) => v !== null)
  const all = [...found, ...(found.length > 0 ? also : [])]
  const tops = lines.map(({ series }) => series.max)
  const max = tops.some((top) => top === null) ? null : Math.max(...tops.filter((top) => top !== null))
  const unit = lines[0]?.series.unit ?? ''
  if (all.length === 0) return yRange({ unit, max }, null, null)
  return yRange({ unit, max: max !== null && also.some((v) => v > max) ? null : max }, Math.min(...all), Math.max(...all))
}

/** The latest value of a line that is not newer than an instant. */
export function lastUntil(series: Series, untilMs: number): number | null {
  for (let i = series.values.length - 1; i >= 0; i--) {
    const value = series.values[i] ?? null
    if (value !== null && series.times_ms[i]! <= untilMs) return value
  }
  return null
}

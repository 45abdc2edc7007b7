// Pure functions on plotted lines: ranges, ticks, gaps, readings, the table. `app/workbench/src/charts` does the same for
// exported files; test/plot-cases.json holds values that both must produce.
import type { Series } from '../backend/generated'
import { EM_DASH, quantity } from '../format/format'

const NBSP = '\u00a0'

export interface Gap {
  fromMs: number
  toMs: number
}

/** A time without samples that is longer than this many intervals is a gap. The workbench uses the same number. */
export const GAP_INTERVALS = 2.5
/** A line that ended this long ago has not stopped yet: a sample may be late. */
const QUIET_MS = 3000

/** The spans between two samples without data. */
export function gapsOf(times: number[], values: Array<number | null>): Gap[] {
  const gaps: Gap[] = []
  let last: number | null = null
  let open = false
  values.forEach((value, i) => {
    if (value === null) {
      open = last !== null
    } else {
      if (open && last !== null) gaps.push({ fromMs: last, toMs: times[i]! })
      last = times[i]!
      open = false
    }
  })
  return gaps
}

/** The usual time between two samples of a line in ms, without its gaps; null with fewer than two samples. */
export function intervalOf(times: number[], values: Array<number | null>): number | null {
  const steps: number[] = []
  for (let i = values.length - 1; i > 0 && steps.length < 64; i--) {
    if (values[i] !== null && values[i - 1] !== null) steps.push(times[i]! - times[i - 1]!)
  }
  if (steps.length === 0) return null
  return steps.sort((a, b) => a - b)[steps.length >> 1]!
}

/** The time since the last sample, if it is longer than the usual interval. */
export function trailingGap(times: number[], values: Array<number | null>, nowMs: number): Gap | null {
  const last = values.findLastIndex((value) => value !== null)
  if (last < 0) return null
  const quiet = Math.max(QUIET_MS, GAP_INTERVALS * (intervalOf(times, values) ?? 0))
  return nowMs - times[last]! > quiet ? { fromMs: times[last]!, toMs: nowMs } : null
}

/** The value of a line at an instant: between two samples on the line, beside one within half an interval; otherwise null. */
export function readAt(times: number[], values: Array<number | null>, atMs: number): number | null {
  const after = firstAtOrAfter(times, atMs)
  const before = times[after] === atMs ? after : after - 1
  const [left, right] = [values[before] ?? null, values[after] ?? null]
  if (left !== null && right !== null) {
    const [from, to] = [times[before]!, times[after]!]
    return to === from ? right : left + ((right - left) * (atMs - from)) / (to - from)
  }
  const reach = (intervalOf(times, values) ?? 1000) / 2
  if (left !== null && atMs - times[before]! <= reach) return left
  if (right !== null && times[after]! - atMs <= reach) return right
  return null
}

/** The first index whose time is not before an instant. */
export function firstAtOrAfter(times: number[], atMs: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! < atMs) low = middle + 1
    else high = middle
  }
  return low
}

export interface Sample {
  timeMs: number
  value: number
}

/** The segments of a line that overlap a span of time. No segment crosses a gap. */
export function stretches(times: number[], values: Array<number | null>, fromMs: number, toMs: number): Sample[][] {
  const all: Sample[][] = []
  let open: Sample[] | null = null
  const first = Math.max(0, firstAtOrAfter(times, fromMs) - 1)
  for (let i = first; i < times.length; i++) {
    const value = values[i] ?? null
    if (value === null) {
      open = null
      continue
    }
    if (!open) all.push((open = []))
    open.push({ timeMs: times[i]!, value })
    // One sample beyond the span extends the line to the edge.
    if (times[i]! > toMs) break
  }
  return all.filter((s) => s.some(({ timeMs }) => timeMs >= fromMs && timeMs <= toMs) || (s.length > 1 && s[0]!.timeMs <= toMs))
}

/** The lowest and the highest value of a line in a span of time. */
export function extremes(times: number[], values: Array<number | null>, fromMs: number, toMs: number): [number | null, number | null] {
  let low: number | null = null
  let high: number | null = null
  for (let i = firstAtOrAfter(times, fromMs); i < times.length && times[i]! <= toMs; i++) {
    const value = values[i] ?? null
    if (value === null) continue
    if (low === null || value < low) low = value
    if (high === null || value > high) high = value
  }
  return [low, high]
}

/** The next of 1, 2, 2.5, 4, 5, 8 × 10ⁿ (or 2ⁿ for bytes) at or above a value. */
export function niceTop(value: number, unit: string): number {
  if (!(value > 0)) return unit === 'B' ? 1024 : 1
  if (unit === 'B') return 2 ** Math.ceil(Math.log2(value))
  const decade = 10 ** Math.floor(Math.log10(value))
  for (const step of [1, 2, 2.5, 4, 5, 8, 10]) if (step * decade >= value * (1 - 1e-9)) return step * decade
  return 10 * decade
}

/** The smallest top of a scale: below it, noise would fill the plot. */
const LOWEST_TOP: Record<string, number> = { '%': 1, B: 1024 }

/** Bottom and top of a plot. Some quantities start at zero; others show their own range with a margin. */
export function yRange(series: Pick<Series, 'unit' | 'max'>, low: number | null, high: number | null): [number, number] {
  const { unit, max } = series
  if (low === null || high === null) return [0, max ?? niceTop(0, unit)]
  const fromZero = unit === 'B' || unit === '%' || unit.endsWith('/s') || (low >= 0 && low <= high * 0.5)
  if (fromZero && low >= 0) {
    const top = niceTop(Math.max(high * 1.1, LOWEST_TOP[unit] ?? 0), unit)
    return [0, max !== null && max >= high && max > 0 ? Math.min(top, max) : top]
  }
  const whole = unit === '' && Number.isInteger(low) && Number.isInteger(high)
  const least = unit === '°C' ? 0.5 : whole ? 2 : 0
  const air = Math.max((high - low) * 0.15, Math.abs(high) * 0.002, (least - (high - low)) / 2, 1e-6)
  return [low - air, high + air]
}

/** Number of decimal places that a step needs, at most `most`. */
function digits(step: number, most: number): number {
  for (let d = 0; d < most; d++) {
    const scaled = step * 10 ** d
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * Math.max(1, scaled)) return d
  }
  return most
}

/** A prefix and its factor, for figures up to a magnitude. */
function prefixOf(magnitude: number, unit: string): [number, string] {
  if (unit === 'B') {
    if (magnitude >= 1024 * 1024) return [1024 * 1024, 'MiB']
    return magnitude >= 1024 ? [1024, 'KiB'] : [1, 'B']
  }
  if (unit === '%') return [1, unit]
  for (const [size, prefix] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']] as const) {
    if (magnitude >= size) return [size === 1e4 ? 1e3 : size, prefix + unit]
  }
  return [1, unit]
}

/** Positions of the grid's lines, from the bottom up; at most `steps` (2 or 4) intervals. */
export function ticks(low: number, high: number, unit: string, steps: 2 | 4): number[] {
  if (low === 0) {
    const [size] = prefixOf(high, unit)
    const parts = steps === 4 && digits(high / size / 4, 3) <= 2 ? 4 : 2
    return Array.from({ length: parts + 1 }, (_, i) => (high * i) / parts)
  }
  const raw = (high - low) / steps
  const decade = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 2.5, 5, 10].map((s) => s * decade).find((s) => s >= raw * (1 - 1e-9))!
  const found: number[] = []
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step)
  return found
}

/** The ticks as text, all with the same prefix and the same number of digits. */
export function tickLabels(values: number[], unit: string): string[] {
  const [size, word] = prefixOf(Math.max(0, ...values.map(Math.abs)), unit)
  const step = values.length > 1 ? (values[1]! - values[0]!) / size : Math.abs(values[0] ?? 0) / size
  const d = digits(step, unit === 'B' ? 1 : 6)
  return values.map((v) => (v === 0 ? '0' : `${(v / size).toFixed(d)}${word === '' ? '' : NBSP + word}`))
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((s) => s * 1000)
/** Width of a time label with its margin, in pixels. */
const TIME_LABEL = 76

/** Full seconds, minutes or hours of the local day between two instants, as close as labels allow. */
export function timeTicks(fromMs: number, toMs: number, width: number): number[] {
  const most = Math.max(1, Math.floor(width / TIME_LABEL))
  const step = TIME_STEPS.find((s) => (toMs - fromMs) / s <= most) ?? Math.ceil((toMs - fromMs) / most / 3.6e6) * 3.6e6
  const offset = new Date(toMs).getTimezoneOffset() * 60_000
  const found: number[] = []
  for (let t = Math.ceil((fromMs - offset) / step) * step + offset; t <= toMs; t += step) found.push(t)
  return found
}

export function lastValue(series: Series): number | null {
  return series.values.at(-1) ?? null
}

/** A value with its unit. */
export function written(value: number | null, unit: string): string {
  return value === null ? EM_DASH : quantity(value, unit).filter(Boolean).join(NBSP)
}

export interface TableRow {
  timeMs: number
  values: Array<number | null>
}

/** The series as rows, newest first, at most `limit`; gaps have no row. */
export function tableRows(series: Series[], limit: number): TableRow[] {
  const rows = new Map<number, TableRow>()
  series.forEach((s, column) => {
    s.times_ms.forEach((timeMs, i) => {
      const value = s.values[i] ?? null
      if (value === null) return
      let row = rows.get(timeMs)
      if (!row) rows.set(timeMs, (row = { timeMs, values: series.map(() => null) }))
      row.values[column] = value
    })
  })
  return [...rows.values()].sort((a, b) => b.timeMs - a.timeMs).slice(0, limit)
}

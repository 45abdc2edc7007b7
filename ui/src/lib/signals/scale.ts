// Pure work on plotted lines: scales, gaps, the table.
import type { Series } from '../backend/generated'

export interface Gap {
  fromMs: number
  toMs: number
}

/** The spans between two samples in which nothing was heard. */
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

/** The end of the last sample, if nothing was heard for longer than `quietMs` since. */
export function trailingGap(times: number[], values: Array<number | null>, nowMs: number, quietMs = 3000): Gap | null {
  for (let i = values.length - 1; i >= 0; i--) {
    if (values[i] !== null) return nowMs - times[i]! > quietMs ? { fromMs: times[i]!, toMs: nowMs } : null
  }
  return null
}

/** The next of 1, 2, 2.5, 5 × 10ⁿ (or 2ⁿ for bytes) at or above a value. */
export function niceTop(value: number, unit: string): number {
  if (!(value > 0)) return unit === 'B' ? 1024 : 1
  if (unit === 'B') return 2 ** Math.ceil(Math.log2(value))
  const decade = 10 ** Math.floor(Math.log10(value))
  for (const step of [1, 2, 2.5, 5, 10]) if (step * decade >= value * (1 - 1e-9)) return step * decade
  return 10 * decade
}

/** Bottom and top of a plot. Quantities that start at zero do so; others show their own range with some air. */
export function yRange(series: Pick<Series, 'unit' | 'max'>, low: number | null, high: number | null): [number, number] {
  if (series.unit === '%') return [0, series.max ?? 100]
  const fromZero = series.unit === 'B' || series.unit.endsWith('/s')
  if (low === null || high === null) return [0, series.max ?? niceTop(0, series.unit)]
  if (fromZero) {
    const top = niceTop(high * 1.1, series.unit)
    return [0, series.max !== null && series.max > 0 ? Math.min(top, series.max) : top]
  }
  const air = Math.max((high - low) * 0.15, Math.abs(high) * 0.002, 1e-6)
  return [low - air, high + air]
}

/** The sample nearest to an instant that has a value. */
export function nearest(times: number[], atMs: number): number {
  let low = 0
  let high = times.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (times[middle]! < atMs) low = middle
    else high = middle
  }
  if (high < 0) return -1
  return Math.abs(times[low]! - atMs) <= Math.abs(times[high]! - atMs) ? low : high
}

export function lastValue(series: Series): number | null {
  return series.values.at(-1) ?? null
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

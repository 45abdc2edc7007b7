// Thresholds that the user set on lines: kept with the window's settings.
import type { Series } from '../backend/generated'
import { preferences } from '../settings/preferences.svelte'
import { lastUntil, type ShownThreshold } from './lines'
import { trailingGap, written } from './scale'
import { crossings, isCrossed, type Threshold } from './stats'

/** Thresholds of one line, and of all lines of all boards; the oldest are dropped first. */
export const [EACH, ALL] = [4, 100]

export function thresholdsOf(board: string, series: string): Threshold[] {
  return preferences.value.thresholds.filter((t) => t.board === board && t.series === series).map(({ value, side }) => ({ value, side }))
}

/** False if the line has as many as it can have, or has this one. */
export function addThreshold(board: string, series: string, { value, side }: Threshold): boolean {
  const have = thresholdsOf(board, series)
  if (have.length >= EACH || have.some((t) => t.value === value && t.side === side)) return false
  preferences.value.thresholds = [...preferences.value.thresholds, { board, series, value, side }].slice(-ALL)
  return true
}

export function removeThreshold(board: string, series: string, { value, side }: Threshold): void {
  preferences.value.thresholds = preferences.value.thresholds.filter(
    (t) => t.board !== board || t.series !== series || t.value !== value || t.side !== side,
  )
}

/** The thresholds of a line with what they tell of a span of time. */
export function shownThresholds(thresholds: Threshold[], series: Series, fromMs: number, toMs: number, endMs: number): ShownThreshold[] {
  const { times_ms, values } = series
  // What is not heard is not beyond anything.
  const last = trailingGap(times_ms, values, endMs) ? null : lastUntil(series, endMs)
  return thresholds.map((t) => ({
    value: t.value,
    side: t.side,
    crossed: isCrossed(last, t),
    count: crossings(times_ms, values, t, fromMs, toMs),
  }))
}

/** A threshold's value with its unit, in as many digits as it was given. */
export function limit(value: number, unit: string): string {
  return unit === '%' ? `${Number(value.toPrecision(6))}\u00a0%` : written(value, unit)
}

const decimal: Record<string, number> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9 }
const binary: Record<string, number> = { '': 1, K: 1024, k: 1024, M: 1024 ** 2, G: 1024 ** 3 }

/** A quantity as a user writes it for a unit: `50`, `50 %`, `64 KiB`, `1.9 M/s`. Null if it is none. */
export function parseQuantity(text: string, unit: string): number | null {
  const found = /^\s*([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?)\s*([kKMG]?)(i?)\s*(.*?)\s*$/.exec(text)
  if (!found) return null
  const [, figure, prefix, bi, rest] = found as unknown as [string, string, string, string, string]
  if (rest !== '' && rest.toLowerCase() !== unit.toLowerCase()) return null
  if (bi !== '' && (unit !== 'B' || prefix === '')) return null
  const factor = (unit === 'B' ? binary : decimal)[prefix]
  const value = Number(figure.replace(',', '.')) * (factor ?? NaN)
  return Number.isFinite(value) ? value : null
}

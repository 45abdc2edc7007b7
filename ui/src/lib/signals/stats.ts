// Statistics of a line in a span of time, and how often it crossed a threshold.
import { firstAtOrAfter } from './scale'

export interface Stats {
  /** Number of samples. */
  samples: number
  min: number
  max: number
  /** Of the samples, each counted once. */
  mean: number
  /** The value that 95 of 100 samples do not exceed; null with fewer than twenty samples. */
  p95: number | null
  last: number
}

/** Samples from which a 95th percentile differs from the maximum. */
const ENOUGH = 20

/** Null where the span has no sample. */
export function statsOf(times: number[], values: Array<number | null>, fromMs: number, toMs: number): Stats | null {
  const found: number[] = []
  let sum = 0
  for (let i = firstAtOrAfter(times, fromMs); i < times.length && times[i]! <= toMs; i++) {
    const value = values[i] ?? null
    if (value === null) continue
    found.push(value)
    sum += value
  }
  const last = found.at(-1)
  if (last === undefined) return null
  const sorted = found.toSorted((a, b) => a - b)
  return {
    samples: found.length,
    min: sorted[0]!,
    max: sorted.at(-1)!,
    mean: sum / found.length,
    p95: found.length < ENOUGH ? null : sorted[Math.ceil(found.length * 0.95) - 1]!,
    last,
  }
}

export type Side = 'above' | 'below'

export interface Threshold {
  value: number
  side: Side
}

export function isCrossed(value: number | null, { value: limit, side }: Threshold): boolean {
  return value !== null && (side === 'above' ? value > limit : value < limit)
}

/** How often a line went beyond a threshold in a span of time. After a gap it counts anew: nobody saw it come back. */
export function crossings(times: number[], values: Array<number | null>, threshold: Threshold, fromMs: number, toMs: number): number {
  let count = 0
  // The sample before the span tells whether the first one in it is a crossing.
  const first = firstAtOrAfter(times, fromMs)
  let beyond = first > 0 && isCrossed(values[first - 1] ?? null, threshold)
  for (let i = first; i < times.length && times[i]! <= toMs; i++) {
    const now = isCrossed(values[i] ?? null, threshold)
    if (now && !beyond) count += 1
    beyond = now
  }
  return count
}

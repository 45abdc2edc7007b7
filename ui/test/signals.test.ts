import { describe, expect, it } from 'vitest'
import type { Series } from '$lib/backend/generated'
import { COLOURS, colourOf, remember } from '$lib/signals/colours'
import {
  extremes,
  gapsOf,
  intervalOf,
  niceTop,
  readAt,
  stretches,
  tableRows,
  tickLabels,
  ticks,
  timeTicks,
  trailingGap,
  written,
  yRange,
} from '$lib/signals/scale'
import cases from './plot-cases.json'

describe('gaps', () => {
  it('span from the last value before to the first one after', () => {
    expect(gapsOf([0, 1, 2, 3, 4], [1, null, null, 4, 5])).toEqual([{ fromMs: 0, toMs: 3 }])
  })
  it('are none before the first value', () => {
    expect(gapsOf([0, 1, 2], [null, 1, 2])).toEqual([])
  })
  it('trail when nothing is heard', () => {
    expect(trailingGap([1000, 2000], [1, 2], 9000)).toEqual({ fromMs: 2000, toMs: 9000 })
    expect(trailingGap([1000, 2000], [1, 2], 3000)).toBeNull()
  })
  it('do not trail a line whose samples come seldom', () => {
    expect(trailingGap([0, 5000, 10_000], [1, 2, 3], 20_000)).toBeNull()
    expect(trailingGap([0, 5000, 10_000], [1, 2, 3], 23_000)).toEqual({ fromMs: 10_000, toMs: 23_000 })
  })
  it('do not count as intervals', () => {
    expect(intervalOf([0, 1000, 30_000, 60_000, 61_000], [1, 2, null, 3, 4])).toBe(1000)
    expect(intervalOf([0], [1])).toBeNull()
  })
})

describe('the line', () => {
  const times = [0, 1000, 1500, 20_000, 21_000, 22_000]
  const values = [1, 2, null, 5, 6, 7]
  const at = (fromMs: number, toMs: number) => stretches(times, values, fromMs, toMs).map((s) => s.map((p) => p.value))

  it('never reaches over a gap', () => {
    expect(at(0, 30_000)).toEqual([[1, 2], [5, 6, 7]])
  })
  it('is led to the edges of the span', () => {
    expect(at(20_500, 21_500)).toEqual([[5, 6, 7]])
    expect(at(500, 600)).toEqual([[1, 2]])
  })
  it('leaves a span in the middle of a gap empty', () => {
    expect(at(5000, 10_000)).toEqual([])
  })
  it('knows the extremes of what is in sight', () => {
    expect(extremes(times, values, 900, 20_500)).toEqual([2, 5])
    expect(extremes(times, values, 5000, 6000)).toEqual([null, null])
  })
})

describe('a reading', () => {
  const times = [0, 1000, 2000, 2500, 30_000, 31_000]
  const values = [10, 20, 30, null, 50, 60]
  it.each([
    [1000, 20],
    [1500, 25],
    [250, 12.5],
    [2400, 30],
    [29_600, 50],
    [31_400, 60],
  ])('at %d ms is on the line', (ms, expected) => expect(readAt(times, values, ms)).toBe(expected))
  it.each([[2600], [5000], [25_000], [29_000], [32_000], [-1000]])('at %d ms is none: no sample is near', (ms) =>
    expect(readAt(times, values, ms)).toBeNull(),
  )
  it('of a line without samples is none', () => expect(readAt([], [], 5)).toBeNull())
})

describe('scales', () => {
  it.each([
    [71_000, 'B', 131_072],
    [1, '/s', 1],
    [1.9e6, '/s', 2e6],
    [2.1e6, '/s', 2.5e6],
    [0, '/s', 1],
  ])('%d %s', (value, unit, top) => expect(niceTop(value, unit)).toBe(top))

  it('never exceed what there is', () => {
    expect(yRange({ unit: 'B', max: 100_000 }, 0, 71_000)).toEqual([0, 100_000])
  })
  it('show small changes of what does not start at zero', () => {
    const [low, high] = yRange({ unit: '°C', max: null }, 23.4, 23.6)
    expect(low).toBeGreaterThan(23)
    expect(high).toBeLessThan(24)
  })
  it('stand when a value does not change, or there is none', () => {
    const [low, high] = yRange({ unit: '', max: null }, 5, 5)
    expect(high).toBeGreaterThan(low)
    expect(yRange({ unit: '', max: null }, null, null)).toEqual([0, 1])
  })
  it.each(cases.ranges)('range of $low to $high $unit', ({ unit, max, low, high, range }) => {
    const [bottom, top] = yRange({ unit, max }, low, high)
    expect(bottom).toBeCloseTo(range[0]!, 9)
    expect(top).toBeCloseTo(range[1]!, 9)
  })
  it.each(cases.ticks)('ticks of $low to $high $unit', ({ unit, low, high, steps, labels }) => {
    expect(tickLabels(ticks(low, high, unit, steps as 2 | 4), unit).map((l) => l.replace('\u00a0', ' '))).toEqual(labels)
  })
  it.each(cases.values)('$value $unit', ({ unit, value, text }) => {
    expect(written(value, unit).replace('\u00a0', ' ')).toBe(text)
  })
  it('mark full units of time, as close as labels allow', () => {
    const from = Date.UTC(2026, 10, 28, 12, 0, 3)
    const seconds = (width: number) => timeTicks(from, from + 60_000, width).map((t) => new Date(t).getUTCSeconds())
    expect(seconds(500)).toEqual([10, 20, 30, 40, 50, 0])
    expect(seconds(320)).toEqual([15, 30, 45, 0])
  })
})

describe('colours', () => {
  it('stay with an app, whatever comes and goes beside it', () => {
    let known = remember(['cpu', 'fuel:blink'], {})
    const blink = colourOf('fuel:blink', known)
    known = remember(['cpu', 'fuel:aaa', 'fuel:blink', 'memory:blink'], known)
    known = remember(['cpu', 'fuel:zzz'], known)
    known = remember(['fuel:blink'], known)
    expect(colourOf('fuel:blink', known)).toBe(blink)
    expect(colourOf('memory:blink', known)).toBe(blink)
  })
  it('tell apps apart that stand beside each other', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'].map((app) => `fuel:${app}`)
    const known = remember(ids, {})
    expect(new Set(ids.map((id) => colourOf(id, known))).size).toBe(5)
    expect(ids.every((id) => colourOf(id, known) >= 1 && colourOf(id, known) <= COLOURS)).toBe(true)
  })
  it('of the board are always the same', () => {
    expect(['cpu', 'heap', 'stack'].map((id) => colourOf(id, {}))).toEqual([1, 2, 3])
  })
  it('are not written again when nothing is new', () => {
    const known = remember(['fuel:blink'], {})
    expect(remember(['fuel:blink', 'cpu'], known)).toBe(known)
  })
})

it('the table joins series by time, newest first, without gaps', () => {
  const series = (id: string, times_ms: number[], values: Array<number | null>): Series => ({
    id,
    title: id,
    unit: '',
    max: null,
    times_ms,
    values,
  })
  const rows = tableRows([series('a', [1, 2, 3], [10, null, 30]), series('b', [2, 3], [null, 31])], 10)
  expect(rows).toEqual([
    { timeMs: 3, values: [30, 31] },
    { timeMs: 1, values: [10, null] },
  ])
})

import { describe, expect, it } from 'vitest'
import type { Series } from '$lib/backend/generated'
import { gapsOf, nearest, niceTop, tableRows, trailingGap, yRange } from '$lib/signals/scale'

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
})

it.each([
  [0, 0],
  [149, 1],
  [151, 2],
  [900, 2],
])('the sample nearest to %d', (at, expected) => expect(nearest([0, 100, 200], at)).toBe(expected))

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

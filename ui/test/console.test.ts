import { describe, expect, it } from 'vitest'
import type { LogLine } from '$lib/backend/generated'
import { keepNewest, pieces, shownLines, sourcesOf } from '$lib/console/lines'

const line = (sequence: number, text = `line ${sequence}`, source = 'fw'): LogLine => ({
  sequence,
  text,
  source,
  level: 'info',
  time_ms: sequence,
  uptime_ms: null,
})

describe('console lines', () => {
  it('joins what was read with what came meanwhile, once', () => {
    const joined = keepNewest([line(1), line(2)], [line(2), line(3)], 10)
    expect(joined.map((l) => l.sequence)).toEqual([1, 2, 3])
  })

  it('keeps the newest', () => {
    const all = Array.from({ length: 20 }, (_, i) => line(i))
    expect(keepNewest(all.slice(0, 10), all, 5).map((l) => l.sequence)).toEqual([15, 16, 17, 18, 19])
  })

  it('filters by source and text', () => {
    const lines = [line(1, 'Boot'), line(2, 't=1', 'sensor'), line(3, 'reboot')]
    expect(shownLines(lines, null, 'BOOT').map((s) => s.line.sequence)).toEqual([1, 3])
    expect(shownLines(lines, 'sensor', '').map((s) => s.line.sequence)).toEqual([2])
    expect(sourcesOf(lines)).toEqual(['fw', 'sensor'])
  })

  it('tells missing lines as a gap', () => {
    expect(shownLines([line(1), line(5)], null, '').map((s) => s.gap)).toEqual([0, 3])
  })

  it.each([
    ['abcABC', 'b', ['a', 'b', 'cA', 'B', 'C']],
    ['abc', '', ['abc']],
    ['abc', 'x', ['abc']],
  ])('cuts %s where %s is found', (text, search, expected) => expect(pieces(text, search)).toEqual(expected))
})

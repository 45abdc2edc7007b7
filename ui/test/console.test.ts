import { describe, expect, it } from 'vitest'
import type { LogLine } from '$lib/backend/generated'
import { plain, runs } from '$lib/console/colours'
import { keepNewest, lineAt, shownLines, sourcesOf } from '$lib/console/lines'

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

  it('finds text across colours', () => {
    const coloured = line(1, '\x1b[31mover\x1b[0mflow')
    expect(shownLines([coloured], null, 'overflow')).toHaveLength(1)
    expect(shownLines([coloured], null, '31m')).toHaveLength(0)
  })
})

it.each([
  [900, null],
  [1000, 1],
  [2500, 2],
  [4100, null],
  [9000, 3],
])('the line at %d ms', (timeMs, sequence) => {
  const shown = [1000, 2000, 9000].map((time_ms, i) => ({ gap: 0, line: { sequence: i + 1, time_ms, uptime_ms: null, source: 'fw', level: 'info', text: '' } }))
  expect(lineAt(shown, timeMs)).toBe(sequence)
})

describe('colours of lines', () => {
  const drawn = (text: string, search = '') =>
    runs(text, search).map(({ text, ink, bold, hit }) => [text, ink, bold ? 'bold' : '', hit ? 'hit' : ''].filter(Boolean).join(' '))

  it.each([
    ['abcABC', 'b', ['a', 'b hit', 'cA', 'B hit', 'C']],
    ['abc', '', ['abc']],
    ['abc', 'x', ['abc']],
    ['aaa', 'aa', ['aa hit', 'a']],
    ['\x1b[1;33m<wrn>\x1b[0m low', '', ['<wrn> yellow bold', ' low']],
    ['\x1b[31mover\x1b[0mflow', 'erf', ['ov red', 'er red hit', 'f hit', 'low']],
    ['\x1b[94mblue\x1b[39m, \x1b[1mbold\x1b[22m', '', ['blue blue', ', ', 'bold bold']],
    ['\x1b[38;5;9mred\x1b[48;5;1;32mgreen\x1b[38;2;1;31;1mgreen', '', ['red red', 'green green', 'green green']],
    ['\x1b[2Jstays', '', ['\x1b[2Jstays']],
    ['\x1b[m', '', []],
  ])('draws %j, searched for %j', (text, search, expected) => expect(drawn(text, search)).toEqual(expected))

  it('reads every text in whole, whatever is searched', () => {
    for (const text of ['a\x1b[31mA\x1b[mä', '\x1b[', '\x1b[31', 'm\x1b[1;;m'])
      for (const search of ['', 'a', 'aa', 'm'])
        expect(
          runs(text, search)
            .map((run) => run.text)
            .join(''),
        ).toBe(plain(text))
  })
})

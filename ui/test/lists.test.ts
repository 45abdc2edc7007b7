import { describe, expect, it } from 'vitest'
import type { BoardView } from '$lib/backend/generated'
import { MockBackend } from '$lib/backend/mock'
import { appLook, badgeOrder, boardLook } from '$lib/fleet/badge'
import { byName, matches, parseFilter } from '$lib/fleet/filter'
import { labelsIn, labelsOf } from '$lib/fleet/labels'
import { scrollToShow, visibleSlice } from '$lib/fleet/virtual'
import { find, score } from '$lib/palette/match'

describe('states', () => {
  it.each([
    ['boards', boardLook],
    ['apps', appLook],
  ])('of %s differ without their colour', (_what, looks) => {
    const words = Object.values(looks).map((l) => l.word)
    expect(new Set(words).size).toBe(words.length)
  })

  it('of boards differ in shape', () => {
    const shapes = Object.values(boardLook).map((l) => l.shape)
    expect(new Set(shapes).size).toBe(shapes.length)
  })

  it('stand in the order of urgency', () => {
    const atWork = ['unknown', 'failed', 'degraded', 'deploying', 'connecting', 'running', 'idle']
    expect(badgeOrder).toEqual([...atWork, 'paused', 'unauthenticated', 'unlinked', 'own_firmware', 'off', 'retired'])
  })
})

describe('the filter', () => {
  const boards = [...new MockBackend({ boards: 6 }).boards.values()]
  const names = (text: string) => boards.filter((b) => matches(b, parseFilter(text))).map((b) => b.name)

  it.each([
    ['', ['bench-1', 'bench-2', 'greenhouse-03', 'greenhouse-04', 'bench-3', 'roof-1']],
    ['GREEN', ['greenhouse-03', 'greenhouse-04']],
    ['blink', ['bench-1', 'bench-3']],
    ['blink running', ['bench-1']],
    ['unknown', ['roof-1']],
    ['nrf52840 deploying', ['greenhouse-03']],
    ['nothing-like-that', []],
    // A word finds labels too; a label is found whole.
    ['lab', ['bench-1', 'greenhouse-04']],
    ['label:lab', ['bench-1', 'greenhouse-04']],
    ['LABEL:lab green', ['greenhouse-04']],
    ['label:la', []],
    ['label:', ['bench-1', 'greenhouse-04']],
  ])('%s', (text, expected) => expect(names(text)).toEqual(expected))

  it('orders numbers as numbers', () => {
    const named = (name: string) => ({ ...boards[0]!, id: name, name }) satisfies BoardView
    const sorted = ['bench-10', 'bench-9', 'Bench-2'].map(named).sort(byName)
    expect(sorted.map((b) => b.name)).toEqual(['Bench-2', 'bench-9', 'bench-10'])
  })
})

describe('labels', () => {
  const boards = [...new MockBackend({ boards: 8 }).boards.values()]

  it('of several boards are counted, by name', () => {
    expect(labelsOf(boards.slice(0, 4))).toEqual([{ label: 'lab', boards: 2 }])
    expect(labelsOf([boards[1]!])).toEqual([])
    expect(labelsOf(boards).map(({ label }) => label)).toEqual(['a-label-of-thirty-two-characters', 'lab', 'on-the-roof', 'rack-2'])
  })

  it.each([
    ['', []],
    ['lab', ['lab']],
    ['  lab, bench-2  lab', ['lab', 'bench-2']],
    // Whether it can be one, the workbench says.
    ['Lab', ['Lab']],
  ])('are the words of %j', (text, expected) => expect(labelsIn(text)).toEqual(expected))
})

describe('long lists', () => {
  it.each([
    [0, 600, 1000, { first: 0, last: 14 }],
    [7600, 600, 1000, { first: 94, last: 114 }],
    [75_400, 600, 1000, { first: 986, last: 1000 }],
    [500, 600, 0, { first: 0, last: 0 }],
  ])('draw what is in sight at %d', (top, height, count, expected) => {
    expect(visibleSlice(top, height, 76, count)).toEqual(expected)
  })

  it.each([
    [3, 0, 0],
    [10, 0, 236],
    [0, 500, 0],
  ])('show row %d from %d', (row, from, to) => expect(scrollToShow(row, from, 600, 76)).toBe(to))
})

describe('the palette', () => {
  const action = (title: string, context = '') => ({ id: title, title, context, run: () => undefined })
  const actions = [action('Stop sensor', 'bench-1'), action('Remove sensor', 'bench-1'), action('Open sensor-rack')]

  it.each([
    ['sto', ['Stop sensor']],
    ['sensor', ['Stop sensor', 'Remove sensor', 'Open sensor-rack']],
    ['bench rem', ['Remove sensor']],
    ['zzz', []],
  ])('finds %s', (query, expected) => expect(find(actions, query, 9).map((a) => a.title)).toEqual(expected))

  it('prefers the start of a title', () => {
    expect(score(action('Stop'), 'stop')).toBeLessThan(score(action('Nonstop'), 'stop')!)
  })
})

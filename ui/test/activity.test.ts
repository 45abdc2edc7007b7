// The list of events: failures look like failures, and it is filtered by kind and time.
import { describe, expect, it } from 'vitest'
import { byDay, courseOf, dayOf, kindOf, passes, type Filter } from '$lib/activity/events'
import type { ActivityEntry } from '$lib/backend/generated'

const NOON = new Date(2026, 10, 28, 12).getTime()
const HOUR = 3_600_000
const entry = (event: string, text = '', agoMs = 0): ActivityEntry =>
  ({ revision: 1, time_ms: NOON - agoMs, event, board: 'bench-1', text }) as ActivityEntry

describe('an event', () => {
  it.each([
    ['app.trapped', 'blink 1.0.0 failed in tick: trap.', 'failed'],
    ['app.refused', '', 'failed'],
    ['machine.crashed', '', 'failed'],
    ['device.refused', '', 'failed'],
    ['app.exited', 'hello 1.0.0 ended itself with 0.', 'noted'],
    ['app.exited', 'hello 1.0.0 ended itself with 10.', 'failed'],
    ['device.unreachable', '', 'warned'],
    ['app.running', '', 'went well'],
    ['board.added', '', 'noted'],
    ['board.painted', 'of a newer workbench', 'noted'],
  ])('%s %s %s', (event, text, course) => expect(courseOf(entry(event, text))).toBe(course))

  it.each([
    ['device.connected', 'boards'],
    ['package.signed', 'apps'],
    ['gdb.opened', 'machines'],
    ['workbench.recovered', 'gateway'],
    ['board.painted', 'boards'],
    ['space.left', 'gateway'],
  ])('%s is about %s', (event, kind) => expect(kindOf(event)).toBe(kind))
})

describe('the filter', () => {
  const all: Filter = { search: '', kind: 'all', spanMs: null }
  it.each<[string, Partial<Filter>, boolean]>([
    ['lets everything through', {}, true],
    ['by kind', { kind: 'apps' }, true],
    ['by another kind', { kind: 'machines' }, false],
    ['failures', { kind: 'failures' }, true],
    ['a time that is long enough', { spanMs: 2 * HOUR }, true],
    ['a time that is too short', { spanMs: HOUR / 2 }, false],
    ['all words, in any order', { search: 'TRAP bench-1 failed' }, true],
    ['a word that is not there', { search: 'trap bench-2' }, false],
  ])('%s', (_what, some, expected) =>
    expect(passes(entry('app.trapped', 'blink failed: trap', HOUR), { ...all, ...some }, NOON)).toBe(expected),
  )
})

describe('days', () => {
  it.each([
    [0, 'Today'],
    [11 * HOUR, 'Today'],
    [13 * HOUR, 'Yesterday'],
    [40 * HOUR, 'Thu 2026-11-26'],
  ])('%d ms ago', (ago, day) => expect(dayOf(NOON - ago, NOON)).toBe(day))

  it('are in order, each once', () => {
    const days = byDay([entry('a', '', 0), entry('b', '', HOUR), entry('c', '', 13 * HOUR)], NOON)
    expect(days.map(({ day, entries }) => [day, entries.length])).toEqual([
      ['Today', 2],
      ['Yesterday', 1],
    ])
  })
})

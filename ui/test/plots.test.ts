// Plots that answer: events, notes, thresholds, statistics, the cursor by keys; with the stand-in for the workbench.
import { describe, expect, it } from 'vitest'
import type { BoardView, EventName } from '$lib/backend/generated'
import { MockBackend } from '$lib/backend/mock'
import { fleet } from '$lib/fleet/fleet.svelte'
import { place } from '$lib/place.svelte'
import { preferences } from '$lib/settings/preferences.svelte'
import { rangeOf } from '$lib/signals/lines'
import { causeOf, merged, momentOf, momentsBetween, nextMoment, noteAt, roomFor, within } from '$lib/signals/moments'
import { addNote, momentsOf, NOTES } from '$lib/signals/moments.svelte'
import { signalsOf } from '$lib/signals/signals.svelte'
import { crossings, isCrossed, statsOf } from '$lib/signals/stats'
import { addThreshold, EACH, limit, parseQuantity, shownThresholds, thresholdsOf } from '$lib/signals/thresholds'
import { announcer } from '$lib/status/announce.svelte'
import { button, click, idOf, open, press, settled, text, type } from './harness'

const plain = (s: string) => s.replaceAll('\u00a0', ' ')
const event = (name: EventName, time_ms: number, sentence = '') => momentOf({ event: name, time_ms, text: sentence })!

describe('events on plots', () => {
  it.each<[EventName, string, string, string]>([
    ['app.deploying', 'blink 1.0.0 is on its way.', 'deploy blink', 'busy'],
    ['app.running', 'blink 1.0.0 is running.', 'start blink', 'running'],
    ['app.trapped', 'blink 1.0.0 failed in tick: trap (unreachable); the board runs on.', 'fault blink', 'bad'],
    ['app.exited', 'hello 1.0.0 ended itself with 0.', 'end hello', 'quiet'],
    ['app.exited', 'hello 1.0.0 ended itself with 3.', 'end hello', 'bad'],
    ['machine.restored', 'It went back to s1.', 'restore', 'busy'],
    ['machine.stopped', 'Arduino Nano 33 BLE was switched off.', 'power off', 'warn'],
  ])('%s: %s', (name, sentence, label, tone) => {
    expect(event(name, 5, sentence)).toMatchObject({ timeMs: 5, label, tone, text: sentence })
  })
  it('leave out what does not explain a line', () => {
    expect(momentOf({ event: 'gdb.opened', time_ms: 1, text: '' })).toBeNull()
    expect(momentOf({ event: 'package.signed', time_ms: 1, text: '' })).toBeNull()
  })

  const view = (change: (board: BoardView) => void = () => {}): BoardView => {
    const board = structuredClone([...new MockBackend({ boards: 1 }).boards.values()][0]!)
    board.device!.uptime_ms = 60_000
    change(board)
    return board
  }
  it('tell of pauses and resets, which are no events', () => {
    const last = { uptimeMs: 59_000, heardMs: 90_000 }
    const words = (old: BoardView, now: BoardView, known: typeof last | null = last) =>
      momentsBetween(old, now, known, 100_000).map(({ label, timeMs, silence }) => [label, timeMs, silence])
    const paused = view((b) => (b.machine!.state = 'paused'))
    expect(words(view(), view())).toEqual([])
    expect(words(view(), paused)).toEqual([['pause', 100_000, 'paused']])
    expect(words(paused, view())).toEqual([['resume', 100_000, null]])
    const reset = view((b) => Object.assign(b.device!, { uptime_ms: 2_000, reset_reason: 'watchdog' }))
    expect(words(view(), reset)).toEqual([['reset', 98_000, 'reset: watchdog']])
    expect(words(view(), reset, null)).toEqual([])
  })

  it('say why a gap began: the first of them that silences a board', () => {
    const happened = [event('app.running', 1_000, 'a'), event('app.stopped', 19_000, 'a'), event('machine.stopped', 20_000), event('device.disconnected', 20_500), event('device.connected', 40_000)]
    expect(causeOf({ fromMs: 19_500, toMs: 41_000 }, happened)).toBe('off')
    // The event may be noted just before the last sample.
    expect(causeOf({ fromMs: 20_300, toMs: 41_000 }, happened)).toBe('off')
    expect(causeOf({ fromMs: 900, toMs: 5_000 }, happened)).toBeNull()
    expect(causeOf({ fromMs: 50_000, toMs: 60_000 }, happened)).toBeNull()
    // A lost link is noticed first, and explains little.
    const lost = [event('device.disconnected', 1_000), event('machine.restored', 2_000)]
    expect(causeOf({ fromMs: 900, toMs: 3_000 }, lost)).toBe('restored')
    expect(causeOf({ fromMs: 900, toMs: 3_000 }, lost.slice(0, 1))).toBe('no link')
  })

  it('are found one after the other, each once, and by span', () => {
    const [a, b, c] = [event('app.running', 10, 'a'), event('app.stopped', 20, 'a'), event('app.trapped', 30, 'a')]
    const all = merged([c, a], [b, a])
    expect(all.map((m) => m.timeMs)).toEqual([10, 20, 30])
    expect(within(all, 20, 30).map((m) => m.timeMs)).toEqual([20, 30])
    expect(nextMoment(all, 20, true)).toBe(c)
    expect(nextMoment(all, 20, false)).toBe(a)
    expect(nextMoment(all, 30, true)).toBeNull()
  })

  it('never have labels over each other, and faults keep theirs', () => {
    const at = (x: number, first = false) => ({ x, width: 50, first })
    expect(roomFor([at(0), at(30), at(100), at(960)], 1000)).toEqual([true, false, true, false])
    expect(roomFor([at(0), at(30, true)], 1000)).toEqual([false, true])
  })
})

describe('statistics', () => {
  const times = Array.from({ length: 100 }, (_, i) => i * 1000)
  const values = times.map((_, i) => (i === 50 ? null : i))
  it('are of the samples in the span', () => {
    expect(statsOf(times, values, 10_000, 14_000)).toEqual({ samples: 5, min: 10, max: 14, mean: 12, p95: null, last: 14 })
    expect(statsOf(times, values, 0, 99_000)).toMatchObject({ samples: 99, min: 0, max: 99, last: 99, p95: 95 })
    expect(statsOf(times, values, 50_000, 50_000)).toBeNull()
    expect(statsOf([], [], 0, 1)).toBeNull()
  })
})

describe('thresholds', () => {
  const above = { value: 5, side: 'above' } as const
  it('are crossed beyond their value, on their side', () => {
    expect([4, 5, 6, null].map((v) => isCrossed(v, above))).toEqual([false, false, true, false])
    expect([4, 5, 6].map((v) => isCrossed(v, { value: 5, side: 'below' }))).toEqual([true, false, false])
  })
  it('count how often a line went beyond them in the span', () => {
    const times = [0, 1, 2, 3, 4, 5, 6, 7]
    const values = [6, 7, 4, 8, null, 9, 3, 6]
    expect(crossings(times, values, above, 0, 7)).toBe(4)
    // Beyond already when the span begins.
    expect(crossings(times, values, above, 1, 2)).toBe(0)
    expect(crossings(times, values, above, 3, 3)).toBe(1)
  })
  it('are not crossed by a line that is not heard', () => {
    const series = { id: 'cpu', title: 'CPU busy', unit: '%', max: 100, times_ms: [0, 1000, 2000], values: [1, 1, 9] }
    expect(shownThresholds([above], series, 0, 2000, 2500)).toEqual([{ ...above, crossed: true, count: 1 }])
    expect(shownThresholds([above], series, 0, 2000, 60_000)).toEqual([{ ...above, crossed: false, count: 1 }])
  })
  it('are in sight, beyond the top of the scale too', () => {
    const line = { board: 'b', name: '', colour: 1, dashes: [], series: { id: 'cpu', title: '', unit: '%', max: 100, times_ms: [0, 1], values: [10, 20] } }
    expect(rangeOf([line], [], 0, 1)).toEqual([0, 25])
    expect(rangeOf([line], [60], 0, 1)).toEqual([0, 80])
    expect(rangeOf([line], [120], 0, 1)[1]).toBeGreaterThan(120)
  })
  it.each<[string, string, number | null]>([
    ['50', '%', 50],
    ['50 %', '%', 50],
    ['64 KiB', 'B', 65_536],
    ['64k', 'B', 65_536],
    ['1.5 M', '/s', 1.5e6],
    ['1,5 M/s', '/s', 1.5e6],
    ['-4.5 °C', '°C', -4.5],
    ['-3', '', -3],
    ['64 KiB', '%', null],
    ['5 V', '%', null],
    ['', '%', null],
    ['high', '', null],
    ['1e999', '', null],
  ])('are written as “%s” in %s', (written, unit, value) => expect(parseQuantity(written, unit)).toBe(value))
  it('are shown as they were given', () => {
    expect(plain([limit(0.01, '%'), limit(50, '%'), limit(65_536, 'B')].join(' '))).toBe('0.01 % 50 % 64 KiB')
  })
  it('are a few for each line, and none twice', () => {
    preferences.value.thresholds = []
    expect(addThreshold('b', 'cpu', above)).toBe(true)
    expect(addThreshold('b', 'cpu', { ...above })).toBe(false)
    for (let value = 10; value < 20; value++) addThreshold('b', 'cpu', { value, side: 'above' })
    expect(thresholdsOf('b', 'cpu')).toHaveLength(EACH)
    expect(thresholdsOf('other', 'cpu')).toEqual([])
    preferences.value.thresholds = []
  })
})

describe('the card of the plots', () => {
  const group = () => document.querySelector<HTMLElement>('[data-card=signals] [role=group]')!
  const said = () => plain(announcer.notice?.text ?? '')
  async function opened(): Promise<{ mock: MockBackend; id: string }> {
    preferences.value.notes = []
    preferences.value.thresholds = []
    const mock = await open({ boards: 1 })
    const id = idOf('bench-1')
    signalsOf(id).setZoom(null)
    signalsOf(id).cursorMs = null
    await settled()
    return { mock, id }
  }

  it('zooms at the cursor, moves, and follows again, all by keys; Follow says which', async () => {
    const { id } = await opened()
    const signals = signalsOf(id)
    const pressed = () => button('Follow')!.getAttribute('aria-pressed')
    expect(pressed()).toBe('true')
    signals.cursorMs = signals.range.fromMs + 15_000
    const share = () => (signals.cursorMs! - signals.range.fromMs) / (signals.range.toMs - signals.range.fromMs)
    const before = share()
    await press(group(), '+')
    expect(signals.range.toMs - signals.range.fromMs).toBeCloseTo(30_000)
    expect(share()).toBeCloseTo(before)
    expect(pressed()).toBe('false')
    const { fromMs } = signals.range
    await press(group(), 'ArrowLeft')
    expect(signals.range.fromMs).toBeCloseTo(fromMs - 7_500)
    await click(button('Follow'))
    expect([signals.zoom, pressed()]).toEqual([null, 'true'])
  })

  it('moves the cursor by keys, and reads the values there', async () => {
    const { id } = await opened()
    await press(group(), 'ArrowRight', { shiftKey: true })
    const first = signalsOf(id).cursorMs!
    expect(said()).toMatch(/^\d\d:\d\d:\d\d\.\d{3}: CPU busy \d+\.\d %, Heap \d/)
    await press(group(), 'ArrowRight', { shiftKey: true })
    expect(signalsOf(id).cursorMs! - first).toBeCloseTo(600)
    await press(group(), 'Escape')
    expect(signalsOf(id).cursorMs).toBeNull()
  })

  it('goes from event to event, and lists them with the gaps and their causes', async () => {
    const { mock, id } = await opened()
    const at = Date.now() - 3_000
    mock.send({ type: 'event', event: 'app.trapped', revision: 7, time_ms: at, board: 'bench-1', app: 'blink', text: 'blink 0.3.1 failed in tick: trap.', data: {} })
    mock.send({ type: 'event', event: 'app.running', revision: 8, time_ms: at, board: 'bench-2', app: 'x', text: 'x is running.', data: {} })
    await settled()
    signalsOf(id).showAt(at + 500)
    await press(group(), '[')
    expect(said()).toMatch(/blink 0\.3\.1 failed in tick/)
    expect(signalsOf(id).cursorMs).toBe(at)
    signalsOf(id).showAt(at - 300_000)
    const { fromMs, toMs } = signalsOf(id).range
    expect([fromMs, toMs].map((t) => t - at)).toEqual([-330_000, -270_000])
    signalsOf(id).setZoom(null)
    await settled()
    await click(button('Table'))
    const happened = plain(text('.events'))
    expect(happened).toMatch(/fault blink ?blink 0\.3\.1 failed in tick: trap\./)
    expect(happened).not.toContain('x is running')
    expect(happened).toMatch(/gap ?No samples for [\d.]+ s: no event tells why\./)
    expect(plain(text('.stats'))).toMatch(/CPU busy ?\d/)
    await click(button('Table'))
  })

  it('marks a pause that it saw', async () => {
    const { mock, id } = await opened()
    mock.change(id, (b) => (b.machine!.state = 'paused'))
    await settled()
    expect(momentsOf(id).all.at(-1)).toMatchObject({ label: 'pause', silence: 'paused' })
  })

  it('marks a reset though the session was gone in between; not a restored state, nor power', async () => {
    const { mock, id } = await opened()
    const becomes = async (uptime_ms: number | null) => {
      mock.change(id, (b) => (b.device!.uptime_ms = uptime_ms))
      await settled()
    }
    const resets = () => momentsOf(id).all.filter((m) => m.label === 'reset').length
    await becomes(60_000)
    const before = resets()
    for (const uptime of [null, 1_000]) await becomes(uptime)
    expect(resets() - before).toBe(1)
    await becomes(60_000)
    mock.send({ type: 'event', event: 'machine.restored', revision: null, time_ms: Date.now(), board: 'bench-1', app: null, text: '', data: {} })
    await becomes(30_000)
    mock.change(id, (b) => (b.machine!.state = 'off'))
    await becomes(500)
    expect(resets() - before).toBe(1)
  })

  it('keeps a note at the cursor, shows it in the list, and removes it', async () => {
    const { id } = await opened()
    const at = signalsOf(id).endMs - 20_000
    signalsOf(id).cursorMs = at
    await press(group(), 'n')
    await type('[aria-label^="Note at"]', '  touched the sensor ')
    document.querySelector('form[aria-label^=Note]')!.dispatchEvent(new SubmitEvent('submit', { bubbles: true, cancelable: true }))
    await settled()
    expect(preferences.value.notes).toEqual([{ board: id, timeMs: Math.round(at), text: 'touched the sensor' }])
    await click(button('Table'))
    expect(text('.events')).toContain('touched the sensor')
    await click(button('Remove the note touched the sensor'))
    expect(preferences.value.notes).toEqual([])
    await click(button('Table'))
  })

  it('keeps a bounded number of notes, and none that is empty', () => {
    preferences.value.notes = []
    addNote('b', 1, '   ')
    for (let i = 0; i < NOTES + 5; i++) addNote('b', i, `note ${i}`)
    expect([preferences.value.notes.length, preferences.value.notes[0]!.text]).toEqual([NOTES, 'note 5'])
    expect(noteAt(1, 'x').note).toBe(true)
    preferences.value.notes = []
  })

  it('sets a threshold by keys, says when it is crossed, and refuses what is no value', async () => {
    const { id } = await opened()
    await press(group(), 't')
    const submit = async () => {
      document.querySelector('form[aria-label^=Thresholds]')!.dispatchEvent(new SubmitEvent('submit', { bubbles: true, cancelable: true }))
      await settled()
    }
    await type('[aria-label="Value in %"]', 'much')
    await submit()
    expect(text('form [role=alert]')).toContain('“much” is no value in %')
    await type('[aria-label="Value in %"]', '1')
    await submit()
    expect(thresholdsOf(id, 'cpu')).toEqual([{ value: 1, side: 'above' }])
    // On a slow machine the stand-in's samples are of long ago by now.
    signalsOf(id).paused = true
    signalsOf(id).endMs = signalsOf(id).series[0]!.times_ms.at(-1)!
    await settled()
    expect(document.querySelector('figure')!.getAttribute('aria-label')).toMatch(/^CPU busy: .*, above 1\u00a0%/)
    expect(plain(text('figure .threshold.crossed'))).toMatch(/^above 1 % · \d×$/)
    await click(button('Remove the threshold above 1 % of CPU busy'))
    expect(thresholdsOf(id, 'cpu')).toEqual([])
    await press(document.querySelector('form')!, 'Escape')
    expect(document.querySelector('form[aria-label^=Thresholds]')).toBeNull()
    signalsOf(id).setPaused(false)
  })

  it('are drawn for new samples, not for each change of their board', async () => {
    Object.defineProperty(HTMLElement.prototype, 'clientWidth', { configurable: true, get: () => 600 })
    const { mock, id } = await opened()
    let drawn = 0
    const before = HTMLCanvasElement.prototype.getContext
    HTMLCanvasElement.prototype.getContext = (() => ((drawn += 1), null)) as never
    signalsOf(id).series = [...signalsOf(id).series.map((s) => ({ ...s }))]
    signalsOf(id).paused = true
    await settled()
    const once = drawn
    mock.change(id, (b) => (b.leds[0]!.lit = !b.leds[0]!.lit))
    mock.change(id, (b) => (b.badge_detail = 'something else'))
    await settled()
    HTMLCanvasElement.prototype.getContext = before
    signalsOf(id).setPaused(false)
    expect(once).toBeGreaterThan(0)
    expect(drawn).toBe(once)
  })

  it('says where its data begins', async () => {
    const { id } = await opened()
    expect(text('[data-card=signals] header')).toContain('1 gap')
    // Two notes would not fit: a gap says more.
    signalsOf(id).setZoom({ fromMs: Date.now() - 1_800_000, toMs: Date.now() - 60_000 })
    await settled()
    expect(text('[data-card=signals] header')).toMatch(/data since \d\d:\d\d:\d\d/)
    signalsOf(id).setZoom(null)
  })

  it('changes no note and no threshold in a window of its own, which saves nothing', async () => {
    const { id } = await opened()
    place.alone = { board: id, card: 'signals' }
    await settled()
    await press(group(), 'n')
    await press(group(), 't')
    expect(document.querySelector('form')).toBeNull()
    expect(button('Annotate the plots')).toBeUndefined()
    place.alone = null
    expect(fleet.boards.has(id)).toBe(true)
  })
})

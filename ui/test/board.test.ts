// The page of a board with the stand-in for the workbench: limits, failures, console, plots, flame graph.
import { flushSync, mount, tick, unmount } from 'svelte'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import App from '../src/App.svelte'
import { attempts } from '$lib/attempts.svelte'
import { MockBackend, type MockOptions } from '$lib/backend/mock'
import type { AppView, BoardView } from '$lib/backend/generated'
import { kindOf } from '$lib/board/limits'
import { deadEnd, remedies } from '$lib/board/remedies'
import { consoleOf } from '$lib/console/console.svelte'
import { choices, sourceAfter } from '$lib/console/lines'
import { fleet } from '$lib/fleet/fleet.svelte'
import { place } from '$lib/place.svelte'
import { preferences } from '$lib/settings/preferences.svelte'
import { signalsOf } from '$lib/signals/signals.svelte'
import { clock } from '$lib/status/clock.svelte'
import { announcer } from '$lib/status/announce.svelte'
import { workbench } from '$lib/workbench.svelte'

let app: Record<string, unknown> | undefined
let backend: MockBackend

async function open(options: MockOptions = {}): Promise<void> {
  backend = new MockBackend(options)
  app = mount(App, { target: document.body })
  await workbench.start(backend)
  await settled()
}
async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise((r) => setTimeout(r, 0))
  await tick()
  flushSync()
}
const named = (name: string): BoardView => [...backend.boards.values()].find((b) => b.name === name)!
const text = (selector: string) => document.querySelector(selector)?.textContent?.replace(/\s+/g, ' ').trim() ?? ''
const button = (name: string) =>
  [...document.querySelectorAll('button')].find((b) => (b.getAttribute('aria-label') ?? b.textContent ?? '').trim() === name)
const press = async (target: Element, key: string) => {
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
  await settled()
}
const app0 = (id: string, change: (app: AppView) => void) => backend.change(id, (b) => change(b.apps[0]!))

beforeEach(() => {
  for (const side of ['clientHeight', 'clientWidth']) {
    Object.defineProperty(HTMLElement.prototype, side, { configurable: true, get: () => 600 })
  }
  preferences.value.sources = {}
  preferences.value.colours = {}
})
afterEach(async () => {
  if (app) await unmount(app)
  app = undefined
  backend.close()
  fleet.replace({ revision: 0, boards: [] })
  Object.assign(place, { panel: 'fleet', inspected: null, flame: false })
  attempts.errors.clear()
  document.body.innerHTML = ''
})

describe("a board's limits", () => {
  it('shape its page: no drop zone, no samples, no Deploy, no plots; it says why', async () => {
    await open({ boards: 9 })
    place.open(named('hifive-1').id)
    await settled()
    expect(document.querySelector('.zone')).toBeNull()
    expect(button('Try a sample')).toBeUndefined()
    expect([...document.querySelectorAll('main header button')].some((b) => b.textContent?.startsWith('Deploy'))).toBe(false)
    expect(text('[data-card=apps]')).toContain('16 KiB of RAM cannot hold TLS')
    expect(text('[data-card=signals]')).toContain('hifive-1 sends no measurements')
    expect(text('[data-card=signals]')).not.toContain('once')
    await press(document.body, 'd')
    expect(document.querySelector('#deploy-path')).toBeNull()
    expect(announcer.notice?.text).toContain('16 KiB of RAM')
  })

  it('leave others alone', async () => {
    await open({ boards: 1 })
    expect(document.querySelector('.zone')).not.toBeNull()
    expect(text('main header')).toContain('Deploy')
  })
})

describe('an app that failed', () => {
  it('says when', async () => {
    await open({ boards: 1 })
    app0(named('bench-1').id, (a) => (a.ended_ms = clock.nowMs - 180_000))
    await settled()
    expect(text('li[aria-label^="blink "]').replaceAll('\u00a0', ' ')).toMatch(/failed \d\d:\d\d:\d\d, 3 min ago/)
  })

  it.each([
    ['capability-denied', 'gpio_write: gpio:7 is not granted', 'Grant gpio:7', 'gpio:7'],
    ['memory-limit', 'memory.grow to 9216 bytes was refused, 8192 are allowed; then unreachable', 'Raise the limit to 16 KiB', 'memory:16384'],
    ['instantiation', 'the module starts with 9216 bytes of memory, 8192 are allowed', null, null],
    ['execution-limit', 'ran longer than 1000 ms', 'Raise the limit to 2000 ms', 'callback:2000'],
    ['trap', 'unreachable', null, null],
  ])('%s: %s', (reason, detail, label, grant) => {
    const [way] = remedies({ reason, detail, export: 'tick', exit_code: null }, undefined)
    expect([way?.label.replace('\u00a0', ' ') ?? null, way?.grant ?? null]).toEqual([label, grant])
  })

  it('is deployed again with what it lacked in one click, from where it came', async () => {
    await open({ boards: 1 })
    const { id } = named('bench-1')
    preferences.value.sources = { blink: { path: '/src/blink.wat' } }
    app0(id, (a) => (a.failure = { reason: 'capability-denied', export: 'tick', detail: 'gpio_write: gpio:7 is not granted', exit_code: null }))
    await settled()
    button('Grant gpio:7')!.click()
    await settled()
    const deploy = backend.calls.find((c) => c.method === 'app.deploy')!
    expect(deploy.params).toMatchObject({
      source: { path: '/src/blink.wat' },
      boards: [id],
      name: 'blink',
      grant: ['log', 'metrics', 'timer', 'gpio:7'],
    })
  })

  it('is offered no grant of a pin that its board keeps, and told which it gives', async () => {
    await open({ boards: 1 })
    const { id } = named('bench-1')
    const called = (pin: number) => ({ reason: 'capability-denied', export: 'tick', detail: `gpio_write: gpio:${pin} is not granted`, exit_code: null })
    app0(id, (a) => (a.failure = called(5)))
    await settled()
    expect(button('Grant gpio:5')).toBeUndefined()
    expect(text('li[aria-label^="blink "]')).toContain('This board does not give pin 5 to apps. It gives them the pins 7, 13, 16, 24.')
    app0(id, (a) => (a.failure = called(13)))
    await settled()
    expect(button('Grant gpio:13')).toBeDefined()
    expect(text('li[aria-label^="blink "]')).not.toContain('This board does not give')

    // An owner of an earlier version does not say which pins its boards give.
    const silent = { ...kindOf(named('bench-1'))!, app_pins: null }
    expect(deadEnd(called(5), silent)).toBeNull()
    expect(remedies(called(5), silent)).toHaveLength(1)
    expect(deadEnd(called(5), { ...silent, app_pins: [] })).toBe('This board does not give pin 5 to apps. It gives them no pins.')
  })

  it('opens its source', async () => {
    await open({ boards: 1 })
    expect(button('Source of blink')).toBeUndefined()
    preferences.value.sources = { blink: { path: '/src/blink.wat' } }
    await settled()
    button('Source of blink')!.click()
    await settled()
    expect(backend.opened).toBe('/src/blink.wat')
  })

  it('asks for the file when this window never saw it, and remembers it', async () => {
    await open({ boards: 1 })
    app0(named('bench-1').id, (a) => (a.failure = { reason: 'memory-limit', export: 'tick', detail: 'memory.grow to 9216 bytes, 8192 are allowed', exit_code: null }))
    await settled()
    button('Raise the limit to 16\u00a0KiB')!.click()
    await settled()
    const deploy = backend.calls.find((c) => c.method === 'app.deploy')!
    expect(deploy.params).toMatchObject({ source: { path: '/home/me/apps/sensor.wasm' }, grant: expect.arrayContaining(['memory:16384']) })
    expect(preferences.value.sources['blink']).toEqual({ path: '/home/me/apps/sensor.wasm' })
  })
})

describe('the console', () => {
  it.each([
    ['blink', ['blink', 'sensor'], ['sensor'], null],
    ['sensor', ['blink', 'sensor'], ['sensor'], 'sensor'],
    ['fw', ['blink'], [], 'fw'],
    [null, ['blink'], [], null],
  ])('filtered to %s', (source, before, now, expected) => expect(sourceAfter(source, before, now)).toBe(expected))

  it('offers apps that said nothing yet', () => {
    expect(choices(['fw'], ['blink', 'fw'])).toEqual(['blink', 'fw'])
  })

  it('shows all sources again once the app that it is filtered to is removed', async () => {
    await open({ boards: 1 })
    const { id } = named('bench-1')
    consoleOf(id).source = 'blink'
    await settled()
    backend.change(id, (b) => (b.apps = b.apps.filter((a) => a.name !== 'blink')))
    await settled()
    expect(consoleOf(id).source).toBeNull()
    expect(document.querySelectorAll('[role=log] .line').length).toBeGreaterThan(5)
  })
})

describe('the plots', () => {
  const titles = () => [...document.querySelectorAll('figure')].map((f) => f.querySelector('.ellipsis')!.textContent)
  const swatch = (title: string) =>
    [...document.querySelectorAll('figure')]
      .find((f) => f.querySelector('.ellipsis')!.textContent === title)!
      .querySelector('.swatch')!
      .getAttribute('style')

  it('of a removed app go', async () => {
    await open({ boards: 1 })
    const { id } = named('bench-1')
    expect(titles()).toContain('sensor · fuel')
    backend.change(id, (b) => (b.apps = b.apps.filter((a) => a.name !== 'sensor')))
    await settled()
    expect(titles()).not.toContain('sensor · fuel')
    expect(titles()).toContain('CPU busy')
  })

  it('keep their colour when another app comes', async () => {
    await open({ boards: 1 })
    const { id } = named('bench-1')
    const before = swatch('sensor · fuel')
    backend.change(id, (b) => b.apps.unshift({ ...b.apps[1]!, name: 'aaa', state: 'running' }))
    backend.tick()
    await signalsOf(id).refresh()
    await settled()
    expect(titles()).toContain('aaa · fuel')
    expect(swatch('sensor · fuel')).toBe(before)
    expect(swatch('aaa · fuel')).not.toBe(before)
  })

  it('share one cursor, which reads no value in a gap', async () => {
    await open({ boards: 1 })
    const signals = signalsOf(named('bench-1').id)
    const values = () => [...document.querySelectorAll('figure .value strong')].map((v) => v.textContent)
    signals.cursorMs = signals.endMs - 10_500
    await settled()
    expect(document.querySelectorAll('figure .crosshair').length).toBe(titles().length)
    expect(values().every((v) => /\d/.test(v))).toBe(true)
    // The stand-in leaves out five samples.
    signals.cursorMs = signals.endMs - 22_500
    await settled()
    expect(values()).toEqual(titles().map(() => '–'))
    expect(document.querySelectorAll('figure .dot')).toHaveLength(0)
    signals.cursorMs = null
  })

  it('tell no value as if it were of now when the board is silent', async () => {
    await open({ boards: 1 })
    const signals = signalsOf(named('bench-1').id)
    signals.endMs += 30_000
    await settled()
    expect(document.querySelector('figure')!.getAttribute('aria-label')!.replaceAll('\u00a0', ' ')).toMatch(
      /^CPU busy: no sample for \d+ s, last \d/,
    )
    expect(text('figure .value')).toBe('–')
  })

  it('are exported as they stand on the screen', async () => {
    await open({ boards: 1 })
    const { id } = named('bench-1')
    const signals = signalsOf(id)
    signals.setZoom({ fromMs: signals.endMs - 30_000, toMs: signals.endMs - 10_000 })
    await settled()
    const { toMs } = signals.range
    button('More for sensor · fuel')!.click()
    await settled()
    ;[...document.querySelectorAll<HTMLElement>('[role=menuitem]')].find((m) => m.textContent!.includes('PNG'))!.click()
    await settled()
    expect(backend.calls.find((c) => c.method === 'metrics.export')!.params).toMatchObject({
      query: { board: id, series: ['fuel:sensor'], window_s: 20 },
      until_ms: toMs,
      colours: { 'fuel:sensor': preferences.value.colours['sensor'] },
    })
    signals.setZoom(null)
  })
})

describe('the flame graph', () => {
  const names = () => [...document.querySelectorAll('[role=treeitem]')].map((i) => i.getAttribute('aria-label')!.split('; ')[1] ?? i.getAttribute('aria-label')!.split(',')[0])
  const item = (name: string) => document.querySelectorAll<HTMLElement>('[role=treeitem]')[names().indexOf(name)]!

  async function openFlame(): Promise<void> {
    await open({ boards: 1 })
    Object.assign(place, { panel: 'emulation', inspected: named('bench-1').id })
    await settled()
    button('Record')!.click()
    await settled()
    button('Flame graph')!.click()
    await settled()
  }

  it('zooms by a click and shows all again', async () => {
    await openFlame()
    expect(names()).toContain('interrupt 17')
    item('drydock_device::session::poll::{closure#0}').click()
    await settled()
    expect(names()).not.toContain('interrupt 17')
    expect(names()).toContain('embedded_tls::record::encrypt')
    button('Show all')!.click()
    await settled()
    expect(names()).toContain('interrupt 17')
  })

  it('is walked, zoomed and left by keyboard, and tells about what has the focus', async () => {
    await openFlame()
    item('main').focus()
    await press(document.activeElement!, 'ArrowDown')
    await press(document.activeElement!, 'ArrowDown')
    expect(document.activeElement!.getAttribute('aria-label')).toContain('Apps::slice')
    expect(text('[role=tooltip]')).toContain('drydock_device::apps::Apps::slice')
    await press(document.activeElement!, 'ArrowRight')
    await press(document.activeElement!, 'Enter')
    expect(names()).not.toContain('drydock_device::apps::Apps::slice')
    await press(document.activeElement!, 'Escape')
    expect(names()).toContain('drydock_device::apps::Apps::slice')
  })

  it('searches by typing, in the table too', async () => {
    await openFlame()
    const field = document.querySelector<HTMLInputElement>('[aria-label="Search functions"]')!
    field.value = 'p256'
    field.dispatchEvent(new Event('input', { bubbles: true }))
    await settled()
    expect(document.querySelectorAll('[role=treeitem].hit')).toHaveLength(1)
    expect(text('.tools [role=status]').replaceAll('\u00a0', ' ')).toMatch(/^1 hit, \d+\.\d % of the cycles/)
    button('Table')!.click()
    await settled()
    expect(document.querySelectorAll('.functions tbody tr')).toHaveLength(1)
  })
})

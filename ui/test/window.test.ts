// The window's parts with the stand-in for the workbench.
import { flushSync, mount, tick, unmount } from 'svelte'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import App from '../src/App.svelte'
import { attempts } from '$lib/attempts.svelte'
import { MockBackend, type MockOptions } from '$lib/backend/mock'
import { noMetrics } from '$lib/board/limits'
import { fleet } from '$lib/fleet/fleet.svelte'
import { place } from '$lib/place.svelte'
import { together } from '$lib/emulation/together.svelte'
import { preferences } from '$lib/settings/preferences.svelte'
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

const text = (selector: string) => document.querySelector(selector)?.textContent?.replace(/\s+/g, ' ').trim() ?? ''
const button = (name: string) =>
  [...document.querySelectorAll('button')].find((b) => (b.getAttribute('aria-label') ?? b.textContent ?? '').trim() === name)

async function press(target: Element, key: string, more: KeyboardEventInit = {}): Promise<void> {
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }))
  await settled()
}

beforeEach(() => {
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => 600 })
})
afterEach(async () => {
  if (app) await unmount(app)
  app = undefined
  backend.close()
  fleet.replace({ revision: 0, boards: [] })
  fleet.filter = ''
  place.panel = 'fleet'
  place.adding = false
  place.alone = null
  preferences.value.cards = []
  place.marked.clear()
  attempts.errors.clear()
  document.body.innerHTML = ''
})

describe('the fleet', () => {
  it('says what it does while the workbench opens, and why it did not', async () => {
    await open({ failOpen: { code: 'internal', message: 'The disk is full.', detail: 'ENOSPC' } })
    expect(text('[role=alert]')).toContain('The disk is full.')
  })

  it('teaches the next action when it is empty', async () => {
    await open({ boards: 0 })
    button('Emulate an Arduino Nano 33 BLE')!.click()
    await settled()
    expect(backend.calls.some((c) => c.method === 'board.add')).toBe(true)
    expect(document.querySelectorAll('[role=row]')).toHaveLength(1)
  })

  it('draws only the rows in sight and tells how many there are', async () => {
    await open({ boards: 1000 })
    const grid = document.querySelector('[role=grid]')!
    expect(grid.getAttribute('aria-rowcount')).toBe('1000')
    expect(document.querySelectorAll('[role=row]').length).toBeLessThan(40)
  })

  it('opens boards with the arrow keys', async () => {
    await open()
    const grid = document.querySelector('[role=grid]')!
    expect(text('main h2')).toBe('bench-1')
    await press(grid, 'ArrowDown')
    expect(text('main h2')).toBe('bench-2')
    await press(grid, 'End')
    expect(text('main h2')).toBe('roof-1')
  })

  it('takes a newer view and leaves an older one out while it reads the state', async () => {
    await open({ boards: 1 })
    const [board] = [...backend.boards.values()]
    fleet.hold()
    fleet.put({ ...board!, name: 'older' }, 4)
    fleet.put({ ...board!, name: 'newer' }, 6)
    fleet.replace({ revision: 5, boards: [{ ...board!, name: 'read' }] })
    expect(fleet.boards.get(board!.id)!.name).toBe('newer')
    fleet.hold()
    fleet.put({ ...board!, name: 'older' }, 4)
    fleet.replace({ revision: 5, boards: [{ ...board!, name: 'read' }] })
    expect(fleet.boards.get(board!.id)!.name).toBe('read')
  })

  it('shows the sample that was pushed, without a new view of the board', async () => {
    await open({ boards: 1 })
    const [board] = [...backend.boards.values()]
    const sample = { ...board!.metrics!, cpu_percent: 37 }
    backend.send({ type: 'metrics', board: board!.id, samples: [board!.metrics!, sample] })
    await settled()
    expect(fleet.boards.get(board!.id)!.metrics!.cpu_percent).toBe(37)
    expect(text('[role=row]')).toContain('37 %')
  })

  it('passes the numbers that apps publish to the parts that show their board', async () => {
    await open({ boards: 2 })
    const [first, second] = [...backend.boards.keys()] as [string, string]
    const heard: string[] = []
    const stops = [first, second].map((board) =>
      workbench.listen(board, { appSamples: (series) => heard.push(...series.map(({ id }) => `${board} ${id}`)) }),
    )
    const sine = { id: 'value:wave:sine', title: 'wave: sine', unit: '', max: null, times_ms: [1], values: [0.5] }
    backend.send({ type: 'app_samples', board: first, series: [sine] })
    expect(heard).toEqual([`${first} value:wave:sine`])
    stops.forEach((stop) => stop())
  })

  it('puts a new board where its name stands', async () => {
    await open({ boards: 2 })
    const [board] = [...backend.boards.values()]
    for (const name of ['bench-10', 'aaa', 'bench-9', 'zzz']) fleet.put({ ...board!, id: name, name }, 9)
    const names = fleet.order.map((id) => fleet.boards.get(id)!.name)
    expect(names).toEqual(['aaa', 'bench-1', 'bench-2', 'bench-9', 'bench-10', 'zzz'])
    fleet.put({ ...board!, id: 'zzz', name: 'bench-3' }, 9)
    expect(fleet.order.indexOf('zzz')).toBe(3)
  })

  it('hears the lights of the open board alone, and how they are once it is opened', async () => {
    await open({ boards: 3 })
    const [first, second] = fleet.order as [string, string]
    expect([...backend.watched]).toEqual([first])
    const lit = (id: string) => fleet.boards.get(id)!.leds[0]!.lit
    const toggle = (id: string) => backend.send({ type: 'leds', board: id, leds: [[0, !lit(id)]] })
    const before = [lit(first), lit(second)]
    toggle(first)
    toggle(second)
    expect([lit(first), lit(second)]).toEqual([!before[0], before[1]])
    backend.boards.set(second, structuredClone(backend.boards.get(second)!))
    backend.boards.get(second)!.leds[0]!.lit = !before[1]
    place.open(second)
    await settled()
    await settled()
    expect([...backend.watched]).toEqual([second])
    expect(lit(second)).toBe(!before[1])
    place.open(first)
  })

  it('reads everything again when it was too slow', async () => {
    await open({ boards: 2 })
    const before = backend.calls.length
    backend.send({ type: 'resync' })
    await settled()
    expect(backend.calls.slice(before).map((c) => c.method)).toContain('board.list')
  })
})

describe('deploying', () => {
  it('by keyboard: D, path, Enter', async () => {
    await open({ boards: 1 })
    await press(document.body, 'd')
    const field = document.querySelector<HTMLInputElement>('#deploy-path')!
    expect(document.activeElement).toBe(field)
    field.value = '/x/probe.wasm'
    field.dispatchEvent(new Event('input', { bubbles: true }))
    field.form!.requestSubmit()
    await settled()
    const deploy = backend.calls.find((c) => c.method === 'app.deploy')!
    expect(deploy.params).toMatchObject({ source: { path: '/x/probe.wasm' }, grant: [] })
  })

  it('asks before an app gets more than the usual', async () => {
    await open({ boards: 1 })
    document.elementFromPoint = () => document.querySelector('[data-drop-board]')
    backend.drag({ type: 'drop', paths: ['/x/door.wasm'], x: 1, y: 1 })
    await settled()
    expect(backend.calls.some((c) => c.method === 'app.deploy')).toBe(false)
    button('Allow and deploy to bench-1')!.click()
    await settled()
    expect(backend.calls.find((c) => c.method === 'app.deploy')!.params).toMatchObject({ grant: ['gpio:7'] })
  })

  it('lights the targets, says what a drop would do, and where it was refused', async () => {
    await open({ boards: 2 })
    document.elementFromPoint = () => document.querySelector('main[data-drop-board]')
    backend.drag({ type: 'enter', paths: ['/x/probe.wasm'], x: 1, y: 1 })
    await settled()
    expect(document.querySelectorAll('[role=row].lit')).toHaveLength(2)
    expect(text('body')).toContain('Deploy probe 0.1.0 to bench-1')
    backend.drag({ type: 'leave' })
    backend.drag({ type: 'drop', paths: ['/x/notes.txt'], x: 1, y: 1 })
    await settled()
    expect(text('main [role=alert]')).toContain('notes.txt is not a WebAssembly module')
    expect(backend.calls.some((c) => c.method === 'app.deploy')).toBe(false)
  })
})

describe('programs of the user', () => {
  it('runs one that is dropped on a board, and shows what runs', async () => {
    await open({ boards: 2 })
    document.elementFromPoint = () => document.querySelector('main[data-drop-board]')
    backend.drag({ type: 'enter', paths: ['/build/zephyr.elf'], x: 1, y: 1 })
    await settled()
    expect(text('body')).toContain('Run zephyr.elf on bench-1 in place of what runs there')
    backend.drag({ type: 'drop', paths: ['/build/zephyr.elf'], x: 1, y: 1 })
    await settled()
    const given = backend.calls.find((c) => c.method === 'board.firmware')!
    expect(given.params).toMatchObject({ firmware: { path: '/build/zephyr.elf', address: null } })
    expect(text('[data-card=apps]')).toContain('zephyr.elf')
    expect(noMetrics([...backend.boards.values()].find((b) => b.firmware)!)).toContain('It runs a program of your own')
    expect(document.querySelector('[aria-label="Text to send"]')).not.toBeNull()
    // There are no measurements: the front panel is in their place. And there are no apps to deploy.
    const cards = () => [...document.querySelectorAll('main [data-card]')].map((card) => card.getAttribute('data-card'))
    expect(cards()).toEqual(['apps', 'front', 'console'])
    expect(text('main .actions')).not.toContain('Deploy')
    // What it was loaded with is kept where the file is read again.
    backend.change(place.boardId!, (b) => (b.firmware!.file = { ...b.firmware!.file, address: 0x2_0000, unmodelled: 'zero' }))
    await settled()
    button('Load it again')!.click()
    await settled()
    const again = backend.calls.filter((c) => c.method === 'board.firmware').at(-1)!
    expect(again.params).toMatchObject({ firmware: { path: '/build/zephyr.elf', address: 0x2_0000, unmodelled: 'zero' } })
    // Once it has been found to speak the link, the board is one like any other, with two more ways in its menu.
    backend.change(place.boardId!, (b) => (b.firmware!.links = true))
    await settled()
    expect(cards()).toEqual(['apps', 'signals', 'console', 'front'])
    expect(text('[data-card=apps]')).not.toContain('zephyr.elf')
    expect(text('main .facts')).toContain('own firmware zephyr.elf')
    expect(text('main .actions')).toContain('Deploy')
    expect(document.querySelector('[aria-label="Text to send"]')).toBeNull()
    button('More for bench-1')!.click()
    await settled()
    expect(text('[role=menu]')).toContain('Load zephyr.elf again')
    const ours = [...document.querySelectorAll<HTMLElement>('[role=menuitem]')].find((item) => item.textContent!.includes("Drydock's firmware"))
    ours!.click()
    await settled()
    expect(backend.calls.filter((c) => c.method === 'board.firmware').at(-1)!.params).toMatchObject({ firmware: null })
    expect(document.querySelector('[aria-label="Text to send"]')).toBeNull()
    expect(cards()).toEqual(['apps', 'signals', 'console', 'front'])
  })

  it('makes a board for one that is dropped where there is none', async () => {
    await open({ boards: 0 })
    document.elementFromPoint = () => null
    backend.drag({ type: 'enter', paths: ['/target/debug/app'], x: 1, y: 1 })
    await settled()
    expect(text('body')).toContain('Run app on a new Arduino Nano 33 BLE')
    backend.drag({ type: 'drop', paths: ['/target/debug/app'], x: 1, y: 1 })
    await settled()
    const added = backend.calls.find((c) => c.method === 'board.add')!
    expect(added.params).toMatchObject({ kind: 'nano33ble', firmware: { path: '/target/debug/app', address: null } })
  })

  it('says before the drop why a board cannot run one', async () => {
    await open({ boards: 1 })
    document.elementFromPoint = () => document.querySelector('main[data-drop-board]')
    backend.drag({ type: 'enter', paths: ['/x/zeros.bin'], x: 1, y: 1 })
    await settled()
    expect(text('body')).toContain('zeros.bin is no firmware for this board')
  })
})

describe('apps', () => {
  it('removes only after it has asked', async () => {
    await open({ boards: 2 })
    const remove = [...document.querySelectorAll('li button')].find((b) => b.textContent?.trim() === 'Remove') as HTMLElement
    remove.click()
    await settled()
    expect(backend.calls.some((c) => c.method === 'app.remove')).toBe(false)
    const group = document.querySelector('[role=group][aria-label="Remove blink from bench-1?"]')!
    group.querySelector('button')!.click()
    await settled()
    expect(backend.calls.find((c) => c.method === 'app.remove')!.params).toMatchObject({ app: 'blink' })
  })

  it('shows a refusal beside the app', async () => {
    await open({ boards: 1 })
    backend.refuse['app.stop'] = { code: 'board', message: 'bench-1 does not answer.', detail: null }
    button('Stop sensor')!.click()
    await settled()
    expect(text('main [role=alert]')).toContain('bench-1 does not answer.')
  })
})

describe('the cards', () => {
  const standing = () => [...document.querySelectorAll<HTMLElement>('[data-card]')].map((c) => c.dataset['card'])

  it('change places with the arrow keys on their grip, and stay at the edge', async () => {
    await open({ boards: 1 })
    const grip = () => document.querySelector('[data-card=apps] .grip')!
    await press(grip(), 'ArrowLeft')
    expect(standing()).toEqual(['apps', 'signals', 'console', 'front'])
    await press(grip(), 'ArrowRight')
    expect(standing()).toEqual(['signals', 'apps', 'console', 'front'])
    await press(grip(), 'ArrowDown')
    expect(standing()).toEqual(['signals', 'front', 'console', 'apps'])
  })

  it('stand as at first when what was kept is no order', async () => {
    preferences.value.cards = ['apps', 'apps', 'console', 'nonsense']
    await open({ boards: 1 })
    expect(standing()).toEqual(['apps', 'signals', 'console', 'front'])
  })

  it('are alone in a window of their own', async () => {
    const second = `b-${(0x3f9a0c + 7919).toString(16)}`
    place.alone = { board: second, card: 'console' }
    await open({ boards: 3 })
    expect(standing()).toEqual(['console'])
    expect(document.querySelector('.grip')).toBeNull()
    expect(text('main')).toContain(backend.boards.get(second)!.name)
  })
})

describe('the Emulation room', () => {
  it('keeps what it found of a machine while the view of its board changes', async () => {
    await open({ boards: 1 })
    const [id] = [...backend.boards.keys()]
    place.panel = 'emulation'
    place.inspected = id!
    await settled()
    const asked = () => backend.calls.filter((c) => ['snapshot.list', 'profile.view', 'monitor.view'].includes(c.method)).length
    const before = asked()
    expect(before).toBe(3)
    for (let i = 0; i < 5; i++) {
      backend.change(id!, (b) => (b.machine!.virtual_time_s += 1))
      await settled()
    }
    expect(asked()).toBe(before)
    place.inspected = null
  })

  it('says what the machines did together, not what each does while it executes', async () => {
    await open({ boards: 2 })
    const count = () => [...fleet.boards.values()].filter((b) => b.machine?.state === 'running').length
    const later = Date.now() + 60_000
    // Longer ago than what is looked back on.
    for (const ms of [0, 11_000]) together.look(later + ms)
    expect(together.mips).toBe(0)
    for (const id of fleet.order) backend.change(id, (b) => (b.machine!.instructions += 6_000_000))
    together.look(later + 21_000)
    expect(together.mips).toBeCloseTo((6 * count()) / 10)
    // A restarted machine subtracts nothing.
    backend.change(fleet.order[0]!, (b) => (b.machine!.instructions = 0))
    together.look(later + 31_000)
    expect(together.mips).toBe(0)
  })

  it('filters the machines by typing', async () => {
    await open({ boards: 40 })
    place.panel = 'emulation'
    await settled()
    const count = () => Number(document.querySelector('[role=table]')!.getAttribute('aria-rowcount')) - 1
    expect(count()).toBe(40)
    const field = document.querySelector<HTMLInputElement>('input[aria-label="Filter machines"]')!
    const type = async (text: string) => {
      field.value = text
      field.dispatchEvent(new Event('input', { bubbles: true }))
      await settled()
    }
    await type('greenhouse builtin')
    expect(count()).toBe(2)
    await type('no such thing')
    expect(count()).toBe(0)
    expect(text('main')).toContain('No machine matches')
  })

  it("shows what an engine's monitor answered and refused, and brings lines back", async () => {
    await open({ boards: 1 })
    place.panel = 'emulation'
    place.inspected = [...backend.boards.keys()][0]!
    await settled()
    const field = document.querySelector<HTMLInputElement>('aside input[aria-label^="Command for the monitor"]')!
    const say = async (line: string) => {
      field.value = line
      field.dispatchEvent(new Event('input', { bubbles: true }))
      field.form!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
      await settled()
    }
    await say('fly')
    expect(text('aside [role=log] .bad')).toContain('No such command or device: fly')
    await say('version')
    expect(text('aside [role=log]')).toContain('Renode, version 1.16.1')
    const seen: string[] = []
    for (const key of ['ArrowUp', 'ArrowUp', 'ArrowDown', 'ArrowDown']) {
      await press(field, key)
      seen.push(field.value)
    }
    expect(seen).toEqual(['version', 'fly', 'version', ''])
    place.inspected = null
  })
})

describe('the front panel', () => {
  const presses = () =>
    backend.calls.filter((c) => c.method === 'board.button').map((c) => (c.params as { pressed: boolean }).pressed)
  const point = (type: string, more: MouseEventInit = {}) =>
    [...document.querySelectorAll('[data-card=front] button')]
      .find((b) => b.getAttribute('aria-label')?.endsWith(' Button'))!
      .dispatchEvent(new MouseEvent(type, { bubbles: true, ...more }))
  const later = () => new Promise((done) => setTimeout(done, 80))
  const pressed = (expected: boolean[]) => vi.waitFor(() => expect(presses()).toEqual(expected), { timeout: 10_000 })

  it('lets a button go again though the click was over before the board said that it is down', async () => {
    await open({ boards: 1 })
    point('pointerdown')
    point('pointerup')
    point('pointerleave')
    await pressed([true, false])
    await settled()
    expect(backend.boards.values().next().value!.buttons[0]!.pressed).toBe(false)
  })

  it('keeps a button down with Shift until it is pressed again', async () => {
    await open({ boards: 1 })
    point('pointerdown', { shiftKey: true })
    point('pointerup')
    point('pointerleave')
    await pressed([true])
    await later()
    expect(presses()).toEqual([true])
    await settled()
    point('pointerdown')
    point('pointerup')
    await pressed([true, false])
  })
})

describe('the palette', () => {
  it('reaches actions by typing', async () => {
    await open({ boards: 2 })
    await press(document.body, 'k', { ctrlKey: true })
    const field = document.querySelector<HTMLInputElement>('[role=combobox]')!
    field.value = 'go to act'
    field.dispatchEvent(new Event('input', { bubbles: true }))
    await settled()
    await press(field, 'Enter')
    expect(text('main h2')).toBe('Activity')
  })

  it('asks before it removes, and takes no for an answer', async () => {
    await open({ boards: 2 })
    const ask = async () => {
      await press(document.body, 'k', { ctrlKey: true })
      const field = document.querySelector<HTMLInputElement>('[role=combobox]')!
      field.value = 'remove bench-1'
      field.dispatchEvent(new Event('input', { bubbles: true }))
      await settled()
      await press(field, 'Enter')
      return document.querySelector('[role=alertdialog]')!
    }
    const removed = () => backend.calls.filter((c) => c.method === 'board.remove').length
    const question = await ask()
    expect(question.getAttribute('aria-label')).toContain('bench-1')
    expect(removed()).toBe(0)
    await press(question, 'Escape')
    expect(document.querySelector('[role=alertdialog]')).toBeNull()
    expect(removed()).toBe(0)
    ;(await ask()).querySelector('button')!.click()
    await settled()
    expect(removed()).toBe(1)
  })
})

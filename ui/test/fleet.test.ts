// The list of boards: states, many boards at once, and every way to reach the actions.
import { describe, expect, it, vi } from 'vitest'
import { appLook, lookOfApp } from '$lib/fleet/badge'
import { fleet } from '$lib/fleet/fleet.svelte'
import { marks } from '$lib/fleet/marks.svelte'
import { inOrder, namesFrom, problemOf } from '$lib/fleet/rename'
import { isDense } from '$lib/fleet/virtual'
import { MockBackend } from '$lib/backend/mock'
import { allActions } from '$lib/palette/actions'
import { place } from '$lib/place.svelte'
import { preferences } from '$lib/settings/preferences.svelte'
import { announcer } from '$lib/status/announce.svelte'
import { asked, button, click, idOf, nameOfControl, open, press, settled, text, type } from './harness'

const grid = () => document.querySelector('[role=grid]')!
const rows = () => [...document.querySelectorAll<HTMLElement>('[role=row]')]
const rowOf = (name: string) => rows().find((row) => row.querySelector('.name')?.textContent === name)!

const item = (name: string) => [...document.querySelectorAll('[role=menuitem]')].find((i) => nameOfControl(i).startsWith(name))

/** Chooses from the open menu and waits until it was done on all boards. */
async function choose(name: string): Promise<void> {
  await click(item(name))
  await vi.waitFor(() => expect(marks.running).toBeNull())
  await settled()
}

async function mark(...names: string[]): Promise<void> {
  for (const name of names) await click(rowOf(name), { ctrlKey: true })
}

describe('an app of a board', () => {
  const [board] = [...new MockBackend({ boards: 1 }).boards.values()]
  const sensor = board!.apps.find((a) => a.name === 'sensor')!
  const machine = (state: 'off' | 'paused' | 'crashed' | 'running') => ({ ...board!, machine: { ...board!.machine!, state } })
  const silent = { ...board!, device: { ...board!.device!, session: null } }

  it.each([
    ['runs', board!, 'running'],
    ['is off with its board', machine('off'), 'off'],
    ['is off with its crashed board', machine('crashed'), 'off'],
    ['is paused with its board', machine('paused'), 'paused'],
    ['is not heard while its board is silent', silent, 'not heard'],
  ])('%s', (_what, of, word) => expect(lookOfApp(of, sensor).word).toBe(word))

  it('keeps a state that lasts', () => {
    for (const state of ['failed', 'stopped', 'exited', 'installed'] as const) {
      expect(lookOfApp(machine('off'), { ...sensor, state })).toBe(appLook[state])
    }
  })
})

describe('a board that is off', () => {
  it('is called off, and offers to stop nothing', async () => {
    const backend = await open({ boards: 2 })
    const id = idOf('bench-1')
    expect(button('Stop sensor')).toBeDefined()
    await backend.call('board.power', { board: id, action: 'off' })
    await settled()
    expect(text('main .badge')).toBe('off')
    expect(rowOf('bench-1').querySelector('.word')?.textContent).toBe('off')
    expect(document.querySelector('li[aria-label="sensor 1.2.0, off"]')).not.toBeNull()
    expect(button('Stop sensor')).toBeUndefined()
    expect(text('main .facts')).not.toContain('up ')
    expect(allActions().some((a) => a.title === 'Stop sensor')).toBe(false)
  })
})

describe('the list', () => {
  it.each([
    ['auto', 12, false],
    ['auto', 13, true],
    ['three', 1000, false],
    ['one', 1, true],
  ])('%s of %d boards', (choice, boards, dense) => expect(isDense(choice, boards)).toBe(dense))

  it('shows each board in one line on demand', async () => {
    await open({ boards: 3 })
    expect(rows()[0]!.querySelector('.second')).not.toBeNull()
    await click(button('Show each board in one line'))
    expect(rows()[0]!.querySelector('.second')).toBeNull()
    expect(rows()[0]!.textContent).toContain('sensor 1.2.0')
  })

  it('says states in words', async () => {
    await open({ boards: 6 })
    const chips = [...document.querySelectorAll('[aria-label="Boards by state"] button')].map(nameOfControl)
    expect(chips).toEqual(['1 unknown', '1 failed', '1 deploying', '1 connecting', '2 running'])
  })

  it('brings a board that was found into sight, also past the filter', async () => {
    await open({ boards: 1000 })
    fleet.filter = 'bench'
    await settled()
    place.open(idOf('rack-700'))
    await settled()
    expect(fleet.filter).toBe('')
    const at = fleet.shown.indexOf(idOf('rack-700')) * 28
    const { scrollTop } = grid() as HTMLElement
    expect(scrollTop).toBeGreaterThan(at - 600)
    expect(scrollTop).toBeLessThanOrEqual(at)
  })

  it('stays where it is when the open board is removed', async () => {
    await open({ boards: 6 })
    place.open(idOf('bench-2'))
    await press(document.body, 'Delete')
    await click(button('Remove bench-2'))
    expect(asked('board.remove')).toHaveLength(1)
    expect(text('main h2')).toBe('bench-3')
  })
})

describe('marked boards', () => {
  it('are deployed to with D: where the app fits, with the reason where it does not', async () => {
    const backend = await open({ boards: 4 })
    backend.cannot.set(idOf('bench-2'), 'probe cannot run on bench-2: it takes no apps.')
    await mark('bench-1', 'bench-2', 'greenhouse-03')
    await press(document.body, 'd')
    expect(text('[aria-label="Marked boards"] label')).toBe('Module to deploy to 3 boards')
    const field = await type('#deploy-path', '/x/probe.wasm')
    await type('input[aria-label="Version"]', '2.1.0')
    field.form!.requestSubmit()
    await settled()
    const [deployed] = asked('app.deploy')
    expect(deployed!['boards']).toEqual([idOf('bench-1'), idOf('greenhouse-03')])
    expect(deployed!['version']).toBe('2.1.0')
    expect(text('.outcome')).toContain('2 boards, 1 board cannot take it')
    expect(text('.outcome li')).toBe('bench-2 probe cannot run on bench-2: it takes no apps.')
  })

  it('are switched together, and those that refuse say why', async () => {
    const backend = await open({ boards: 4 })
    await mark('bench-1', 'bench-2')
    await click(button('Power of 2 boards'))
    await choose('Pause time')
    expect(asked('board.power').map((p) => [p['board'], p['action']])).toEqual([
      [idOf('bench-1'), 'pause'],
      [idOf('bench-2'), 'pause'],
    ])
    backend.refuse['board.power'] = { code: 'board', message: 'It does not answer.', detail: null }
    await click(button('Power of 2 boards'))
    await choose('Resume time')
    expect(text('.outcome')).toContain('2 boards refused')
    expect(text('.outcome ul')).toContain('bench-1 It does not answer.')
  })

  it('have their apps started and stopped together', async () => {
    await open({ boards: 3 })
    await mark('bench-1', 'bench-2')
    await click(button('Stop an app on 2 boards'))
    await choose('Stop sensor')
    expect(asked('app.stop').map((p) => p['board'])).toEqual([idOf('bench-1'), idOf('bench-2')])
    await click(button('Start an app on 2 boards'))
    await choose('Start sensor')
    expect(asked('app.start')).toHaveLength(2)
  })

  it('are removed with Delete only after they were named', async () => {
    await open({ boards: 6 })
    await mark('bench-2', 'greenhouse-03')
    await press(grid(), 'Delete')
    expect(text('.ask')).toContain('bench-2, greenhouse-03')
    expect(asked('board.remove')).toHaveLength(0)
    await click(button('Remove 2 boards'))
    await vi.waitFor(() => expect(place.marked.size).toBe(0))
    expect(asked('board.remove')).toHaveLength(2)
  })

  it('are renamed with F2 by a pattern', async () => {
    await open({ boards: 3 })
    await mark('bench-1', 'bench-2')
    await press(document.body, 'F2')
    await type('#rename-pattern', 'rack-{nn}')
    expect(text('[aria-label="New names"]')).toBe('bench-1 → rack-01bench-2 → rack-02')
    document.querySelector<HTMLInputElement>('#rename-pattern')!.form!.requestSubmit()
    await settled()
    expect(asked('board.rename').map((p) => p['name'])).toEqual(['rack-01', 'rack-02'])
  })

  it('are labelled with L in one request, and what is refused keeps the form', async () => {
    const backend = await open({ boards: 4 })
    await mark('bench-1', 'bench-2')
    await press(document.body, 'l')
    expect(document.activeElement!.id).toBe('label-add')
    const submit = async () => {
      document.querySelector<HTMLInputElement>('#label-add')!.form!.requestSubmit()
      await settled()
    }
    await submit()
    expect(asked('board.label')).toEqual([])
    expect(text('fieldset label')).toBe('lab 1 of 2')

    backend.refuse['board.label'] = { code: 'usage', message: '"Rack" is no label.', detail: null }
    await type('#label-add', 'Rack')
    await submit()
    expect(text('[role=alert]')).toContain('"Rack" is no label.')
    expect(document.querySelector<HTMLInputElement>('#label-add')!.value).toBe('Rack')

    backend.refuse = {}
    await type('#label-add', 'rack-1, spare')
    await click(document.querySelector<HTMLInputElement>('fieldset input')!)
    await submit()
    expect(asked('board.label').at(-1)).toEqual({ boards: [idOf('bench-1'), idOf('bench-2')], add: ['rack-1', 'spare'], remove: ['lab'] })
    expect(document.querySelector('#label-add')).toBeNull()
    expect(document.activeElement).toBe(grid())
    for (const name of ['bench-1', 'bench-2']) expect(rowOf(name).querySelector('.labels')!.getAttribute('title')).toBe('Labels: rack-1, spare')
  })

  it('are labelled from the bar, the menu of a row, the header and the palette', async () => {
    await open({ boards: 4 })
    const form = () => document.querySelector('form[aria-label^="Labels of"]')?.getAttribute('aria-label')?.replace('\u00a0', ' ')
    const closes = () => press(document.querySelector('#label-add')!, 'Escape')
    await mark('bench-1', 'bench-2')
    await click([...document.querySelectorAll('[role=toolbar] button')].find((b) => nameOfControl(b).startsWith('More for')))
    await click(item('Label…'))
    expect(form()).toBe('Labels of 2 boards')
    await closes()
    expect(form()).toBeUndefined()

    rowOf('greenhouse-03').dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: 5, clientY: 5 }))
    await settled()
    await click(item('Label…'))
    expect(form()).toBe('Labels of greenhouse-03')
    await closes()

    await click(button('More for bench-1'))
    await click(item('Label…'))
    expect(form()).toBe('Labels of bench-1')
    await closes()

    const titles = allActions().filter((a) => a.title.startsWith('Label'))
    expect(titles.map((a) => a.title)).toEqual(['Label…', 'Label bench-1…'])
  })

  it('have one context menu; a row outside of the marks has its own', async () => {
    await open({ boards: 4 })
    await mark('bench-1', 'bench-2')
    const menuOf = async (name: string) => {
      rowOf(name).dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: 5, clientY: 5 }))
      await settled()
      const items = [...document.querySelectorAll('[role=menuitem]')].map((i) => i.textContent!.replace(/\s+/g, ' ').trim())
      await press(document.querySelector('[role=menu]')!, 'Escape')
      return items
    }
    expect(await menuOf('bench-1')).toContain('Remove 2 boards…')
    const own = await menuOf('greenhouse-04')
    expect(own).toContain('Remove greenhouse-04…')
    expect(own).toContain('Cut power')
  })

  it('keep what one of them just did, and say where the file is', async () => {
    await open({ boards: 2 })
    await click(button('More for bench-1'))
    await choose('Keep the last 10 minutes')
    expect(announcer.notice?.text).toBe('The last minutes of bench-1 are in /home/me/recordings/bench-1.drydock-rec')
    expect(allActions().map((a) => a.title)).toContain('Keep the last 10 minutes of bench-1')
    rowOf('bench-1').dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: 5, clientY: 5 }))
    await settled()
    expect(item('Keep the last 10 minutes')).toBeDefined()
  })

  it('are opened in the scope by menus and the palette', async () => {
    const backend = await open({ boards: 2 })
    await click(button('More for bench-1'))
    await choose('Open in the scope')
    expect(backend.scoped).toEqual([idOf('bench-1')])
    backend.scoped = []
    await allActions().find((a) => a.title === 'Open bench-1 in the scope')!.run()
    expect(backend.scoped).toEqual([idOf('bench-1')])
  })

  it('of one label are listed by its chip in the header', async () => {
    await open({ boards: 4 })
    const chip = () => button('List the boards labelled lab')!
    await click(chip())
    expect(fleet.filter).toBe('label:lab')
    expect(rows().map((row) => row.querySelector('.name')!.textContent)).toEqual(['bench-1', 'greenhouse-04'])
    expect(chip().getAttribute('aria-pressed')).toBe('true')
    await click(chip())
    expect(fleet.filter).toBe('')
  })

  it('come first in the palette', async () => {
    await open({ boards: 4 })
    await mark('bench-1', 'bench-2')
    const actions = allActions().slice(0, 9)
    expect(actions.map((a) => a.title)).toContain('Deploy…')
    expect(actions.map((a) => a.title)).toContain('Cut power')
    expect(actions.map((a) => a.context).filter((c) => !c.startsWith('2\u00a0boards marked'))).toEqual([])
  })

  it('are all that are listed after Ctrl+A, and no removed board', async () => {
    const backend = await open({ boards: 4 })
    await press(grid(), 'a', { ctrlKey: true })
    expect(place.marks).toHaveLength(4)
    backend.send({ type: 'board_removed', revision: 99, board: idOf('bench-1') })
    await settled()
    expect(text('.many')).toBe('3 marked')
  })

  it('stop being acted on when the rest is cancelled', async () => {
    const backend = await open({ boards: 30 })
    await press(grid(), 'a', { ctrlKey: true })
    const call = backend.call.bind(backend)
    backend.call = async (method, params) => {
      const answer = await call(method, params)
      if (method === 'board.power') button('Cancel the rest')?.click()
      return answer
    }
    await click(button('Power of 30 boards'))
    await choose('Reset')
    expect(asked('board.power').length).toBeLessThan(30)
    expect(document.querySelector('progress')).toBeNull()
  })
})

describe('names from a pattern', () => {
  const boards = [...new MockBackend({ boards: 3 }).boards.values()]
  it.each([
    ['rack-{n}', ['rack-1', 'rack-2', 'rack-3']],
    ['rack-{nnn}', ['rack-001', 'rack-002', 'rack-003']],
    ['{board}-{n}', ['nano33ble-1', 'nano33ble-2', 'nano33ble-3']],
    ['old-{name}', ['old-bench-1', 'old-bench-2', 'old-greenhouse-03']],
    [' shelf ', ['shelf-1', 'shelf-2', 'shelf-3']],
  ])('%s', (pattern, names) => expect(namesFrom(pattern, boards).map((r) => r.to)).toEqual(names))

  it('are unique', () => {
    expect(problemOf(namesFrom('x-{board}', boards), new Set())).toContain('Two boards would be called x-nano33ble')
    expect(problemOf(namesFrom('rack-{n}', boards), new Set(['rack-2']))).toBe('Another board is called rack-2.')
    expect(problemOf(namesFrom('rack-{n}', boards), new Set())).toBeNull()
  })

  it('are given only once they are free', () => {
    const step = (from: string, to: string) => ({ id: from, from, to })
    const chain = inOrder([step('a-1', 'a-2'), step('a-2', 'a-3')])
    expect(chain.map((s) => s.to)).toEqual(['a-3', 'a-2'])
    const taken = new Set(['a', 'b'])
    for (const { from, to } of inOrder([step('a', 'b'), step('b', 'a')])) {
      expect(taken.has(to)).toBe(false)
      taken.delete(from)
      taken.add(to)
    }
    expect([...taken].sort()).toEqual(['a', 'b'])
  })
})

describe('the palette', () => {
  it.each([
    'Rename bench-1…',
    'Help and keys',
    'Show the keyboard shortcuts',
    'Export the plots as SVG…',
    'Export the plots as CSV…',
    'Open a port for GDB on bench-1',
    'Profile bench-1 for 5 s',
    'Zoom in',
    'Zoom to 100 %',
    'Plots: zoom in',
    'Add a board…',
    'Copy the lines of the console',
    'Search the console',
    'Filter the boards',
    'List only running boards',
    'Mark all 2 listed boards',
    'Fork bench-1 in its state, without a link',
    'Save the state of bench-1 in a file…',
    'Press Button of bench-1',
    'List each board in one line',
    'Let bench-1 run in lockstep with others',
    'Turn pairing of other boards on',
    'Draw with the default renderer at the next start',
  ])('has: %s', async (title) => {
    await open({ boards: 2 })
    expect(allActions().map((a) => a.title.replaceAll('\u00a0', ' '))).toContain(title)
  })

  it('has no two actions that are one', async () => {
    await open({ boards: 6 })
    const ids = allActions().map((a) => a.id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('zooms the window, as its keys do', async () => {
    const backend = await open({ boards: 1 })
    await press(document.body, '+', { ctrlKey: true })
    expect(backend.zoomed).toBe(1.1)
    await press(document.body, '-', { ctrlKey: true })
    await press(document.body, '-', { ctrlKey: true })
    expect(preferences.value.zoom).toBe(90)
    await press(document.body, '0', { ctrlKey: true })
    expect(backend.zoomed).toBe(1)
  })
})

describe('without a mouse', () => {
  const active = () => {
    const element = document.activeElement!
    return element.getAttribute('data-card') ?? element.getAttribute('aria-label') ?? element.id
  }

  it('F6 goes from part to part, and Shift+F6 back', async () => {
    await open({ boards: 2 })
    const seen: string[] = []
    for (let i = 0; i < 9; i++) {
      await press(document.activeElement ?? document.body, 'F6')
      seen.push(active())
    }
    expect(seen).toEqual(
      ['', 'Boards', 'Board bench-1', 'apps', 'signals', 'Console of bench-1', 'front', 'Status', ''].map((name, i) =>
        i === 0 || i === 8 ? seen[0] : name,
      ),
    )
    await press(document.activeElement!, 'F6', { shiftKey: true })
    expect(active()).toBe('Status')
  })

  it('the first stops of Tab lead to the board and to its console', async () => {
    await open({ boards: 1 })
    const [toBoard, toConsole] = document.querySelectorAll<HTMLElement>('nav[aria-label=Skip] button')
    const stops = [...document.querySelectorAll('button, input, select, a[href], [tabindex="0"]')]
    expect(stops.indexOf(toBoard!)).toBe(0)
    toConsole!.click()
    expect(active()).toBe('Console of bench-1')
    toBoard!.click()
    expect(active()).toBe('Board bench-1')
  })

  it('the focus stays on the board when a rename or a removal is given up', async () => {
    await open({ boards: 2 })
    for (const key of ['F2', 'Delete']) {
      await press(document.body, key)
      expect(active()).toMatch(/^(New name of|Remove) bench-1$/)
      await press(document.activeElement!, 'Escape')
      expect(active()).toBe('Board bench-1')
    }
    expect(asked('board.remove')).toEqual([])
  })

  it('? lists the keys, Escape puts the list away', async () => {
    await open({ boards: 1 })
    await press(document.body, '?')
    const list = document.querySelector('[role=dialog]')!
    for (const key of ['F6', 'F2', 'Delete', '/', 'D']) {
      expect([...list.querySelectorAll('kbd')].map((k) => k.textContent)).toContain(key)
    }
    await press(document.activeElement!, 'Escape')
    expect(document.querySelector('[role=dialog]')).toBeNull()
  })

  it('every Remove is named with what it removes', async () => {
    await open({ boards: 1 })
    const removes = [...document.querySelectorAll('button')].filter((b) => b.textContent?.trim() === 'Remove')
    expect(removes.map(nameOfControl)).toEqual(['Remove blink from bench-1', 'Remove sensor from bench-1'])
  })
})

describe('after a run that was not closed', () => {
  const left = ['bench-1 was connected when Drydock ended without closing', 'blink was on its way to bench-2']

  it('the window says once what was left undone', async () => {
    await open({ boards: 2, recovered: left })
    const note = document.querySelector('[aria-label="The run before"]')!
    expect(note.textContent).toContain('Drydock was not closed the last time.')
    expect([...note.querySelectorAll('li')].map((li) => li.textContent)).toEqual(left.map((sentence) => `${sentence}.`))
    await click(note.querySelector('button[aria-label="Dismiss"]')!)
    expect(document.querySelector('[aria-label="The run before"]')).toBeNull()
  })

  it('a run that was closed says nothing', async () => {
    await open({ boards: 1 })
    expect(document.querySelector('[aria-label="The run before"]')).toBeNull()
  })
})

describe('a version that is not new', () => {
  const drop = async (backend: MockBackend) => {
    document.elementFromPoint = () => document.querySelector('main[data-drop-board]')
    backend.drag({ type: 'drop', paths: ['/x/blink.wasm'], x: 1, y: 1 })
    await settled()
  }

  it('is deployed as the next one when it was never signed', async () => {
    const backend = await open({ boards: 1 })
    backend.plan = { type: 'older', latest: '2.0.0', next: '2.0.1' }
    await drop(backend)
    expect(asked('app.deploy')).toEqual([])
    expect(text('main [role=group]')).toContain('blink 2.0.0 is signed already')
    await click(button('Deploy it as 2.0.1'))
    expect(asked('app.deploy')[0]!['version']).toBe('2.0.1')
  })

  it('is gone back to when it was signed, or deployed as the next one', async () => {
    const backend = await open({ boards: 1 })
    backend.plan = { type: 'rollback', latest: '2.0.0', next: '2.0.1' }
    await drop(backend)
    expect(button('Deploy it as 2.0.1')).toBeDefined()
    await click(button('Go back to 0.1.0'))
    expect(asked('app.deploy')[0]!['version']).toBe('0.1.0')
  })
})

describe('the settings', () => {
  it('are shown when the window opens in them', async () => {
    place.panel = 'settings'
    await open({ boards: 1 })
    expect(text('main h2')).toBe('Settings')
    expect(text('main')).toContain('gateway-7f31')
  })
})

// The room of plots of many boards: comparing marked boards, dashboards that are kept; with the stand-in for the workbench.
import { beforeEach, describe, expect, it } from 'vitest'
import { place } from '$lib/place.svelte'
import {
  addDashboard,
  addPanel,
  dashboardsOf,
  fromText,
  MOST_DASHBOARDS,
  MOST_LINES,
  MOST_PLOTS,
  movePanel,
  removePanel,
  renameDashboard,
  toText,
} from '$lib/plots/dashboards'
import { compare, openDashboard, room } from '$lib/plots/room.svelte'
import { preferences } from '$lib/settings/preferences.svelte'
import { announcer } from '$lib/status/announce.svelte'
import { workbench } from '$lib/workbench.svelte'
import { asked, button, click, idOf, open, press, settled, text, type } from './harness'

const plain = (s: string) => s.replaceAll('\u00a0', ' ')

beforeEach(() => {
  Object.defineProperty(HTMLElement.prototype, 'clientWidth', { configurable: true, get: () => 1000 })
  Object.assign(preferences.value, { dashboards: [], dashboard: '', boardColours: {}, hiddenSeries: ['temperature', 'link_retries', 'memory'] })
  Object.assign(room, { compared: null, left: 0, removed: null, series: {}, table: false, cursorMs: null, zoom: null, paused: false })
})

describe('dashboards', () => {
  const cpu = { series: 'cpu', boards: ['a', 'b'] }
  const heap = { series: 'heap', boards: ['a'] }
  it('belong to a fleet, and their names differ', () => {
    expect(addDashboard('/x', 'Lab', [cpu])).toBe('Lab')
    expect(addDashboard('/x', 'Lab', [])).toBe('Lab 2')
    expect(addDashboard('/y', 'Lab', [])).toBe('Lab')
    expect(dashboardsOf('/x').map((d) => d.name)).toEqual(['Lab', 'Lab 2'])
    expect(renameDashboard('/x', 'Lab 2', 'Lab')).toBe(false)
    expect(renameDashboard('/x', 'Lab 2', '  ')).toBe(false)
    expect(renameDashboard('/x', 'Lab 2', ' Roof ')).toBe(true)
    expect(dashboardsOf('/x').map((d) => d.name)).toEqual(['Lab', 'Roof'])
    expect(dashboardsOf('/y').map((d) => d.name)).toEqual(['Lab'])
  })
  it('take a plot once, move and remove it', () => {
    addDashboard('/x', 'Lab', [cpu])
    expect(addPanel('/x', 'Lab', { ...cpu })).toBe('Lab has this plot already.')
    expect(addPanel('/x', 'Lab', heap)).toBeNull()
    expect(addPanel('/x', 'Gone', heap)).toContain('no dashboard Gone')
    movePanel('/x', 'Lab', heap, -1)
    movePanel('/x', 'Lab', heap, -1)
    expect(dashboardsOf('/x')[0]!.panels).toEqual([heap, cpu])
    removePanel('/x', 'Lab', cpu)
    expect(dashboardsOf('/x')[0]!.panels).toEqual([heap])
  })
  it('are bounded', () => {
    addDashboard('/x', 'Lab', [])
    for (let i = 0; i < MOST_PLOTS; i++) expect(addPanel('/x', 'Lab', { series: `s${i}`, boards: ['a'] })).toBeNull()
    expect(addPanel('/x', 'Lab', cpu)).toContain('which is the most')
    for (let i = 1; i < MOST_DASHBOARDS; i++) expect(addDashboard('/x', `d${i}`, [])).not.toBeNull()
    expect(addDashboard('/x', 'one more', [])).toBeNull()
  })
  it('go to another fleet as text, by names of boards', () => {
    const names: Record<string, string> = { a: 'bench-1', b: 'bench-2' }
    const written = toText({ fleet: '/x', name: 'Lab', panels: [cpu, heap] }, (id) => names[id]!)
    expect(written).not.toContain('/x')
    const there: Record<string, string> = { 'bench-1': 'z' }
    expect(fromText(written, (name) => there[name])).toEqual({
      name: 'Lab',
      panels: [{ series: 'cpu', boards: ['z'] }, { series: 'heap', boards: ['z'] }],
      missing: ['bench-2'],
    })
  })
  it.each([
    '',
    'nonsense',
    'null',
    '[]',
    '{"drydock-dashboard":2,"name":"x","plots":[]}',
    '{"drydock-dashboard":1,"plots":[]}',
    '{"drydock-dashboard":1,"name":"x","plots":[null]}',
    '{"drydock-dashboard":1,"name":"x","plots":[{"series":1,"boards":[]}]}',
    '{"drydock-dashboard":1,"name":"x","plots":[{"series":"cpu","boards":[{}]}]}',
  ])('are not read from %s', (written) => expect(fromText(written, () => 'a')).toBeNull())
})

describe('the room', () => {
  const figures = () => [...document.querySelectorAll('figure')].map((f) => plain(f.getAttribute('aria-label')!))
  async function comparing(...names: string[]): Promise<void> {
    compare(names.map(idOf))
    await settled()
    await settled()
  }

  it('teaches when it is empty', async () => {
    await open({ boards: 2 })
    place.panel = 'plots'
    await settled()
    expect(text('main')).toMatch(/No dashboard yet.*Mark two or more boards in Fleet and choose Compare plots/)
  })

  it('compares marked boards: each quantity in one plot, each board with its colour and value', async () => {
    await open({ boards: 3 })
    place.marked.add(idOf('bench-1'))
    place.marked.add(idOf('bench-2'))
    await settled()
    await click(button('More for 2 boards'))
    await click([...document.querySelectorAll<HTMLElement>('[role=menuitem]')].find((m) => m.textContent!.startsWith('Compare plots')))
    await settled()
    expect(text('main h2').replaceAll('\u00a0', ' ')).toBe('Compare 2 boards')
    // On a slow machine the stand-in's samples are of long ago by now.
    room.paused = true
    room.endMs = room.series[idOf('bench-1')]![0]!.times_ms.at(-1)!
    await settled()
    expect(figures()[0]).toMatch(/^CPU busy: bench-1 \d+\.\d %, bench-2 \d+\.\d %$/)
    expect(figures().some((f) => f.startsWith('Chip temperature'))).toBe(false)
    const legend = [...document.querySelector('figure .legend')!.querySelectorAll('path')].map((p) => p.getAttribute('stroke'))
    expect(new Set(legend).size).toBe(2)
  })

  it('keeps the colour of a board, whoever stands beside it', async () => {
    await open({ boards: 3 })
    const colourOf = (name: string) => preferences.value.boardColours[idOf(name)]
    await comparing('bench-1', 'bench-2')
    const before = colourOf('bench-2')
    await comparing('greenhouse-03', 'bench-2')
    expect(colourOf('bench-2')).toBe(before)
    expect(colourOf('greenhouse-03')).not.toBe(before)
  })

  it('compares no more boards than can be told apart, and says so', async () => {
    await open({ boards: 12 })
    compare([...Array(11).keys()].map((i) => [...document.querySelectorAll('[role=row][data-drop-board]')][i]!.getAttribute('data-drop-board')!))
    await settled()
    expect(room.compared).toHaveLength(MOST_LINES)
    expect(plain(text('main .note'))).toBe('8 boards of 11: more than 8 lines in one plot cannot be told apart.')
  })

  it('moves one cursor over all plots by keys, and says the values of each board', async () => {
    await open({ boards: 2 })
    await comparing('bench-1', 'bench-2')
    await press(document.querySelector('main [role=group]')!, 'ArrowRight', { shiftKey: true })
    expect(plain(announcer.notice!.text)).toMatch(/: CPU busy bench-1 \d+\.\d %, bench-2 \d+\.\d %; Heap /)
    await press(document.querySelector('main [role=group]')!, '+')
    expect(room.range.toMs - room.range.fromMs).toBeCloseTo(30_000)
    await press(document.querySelector('main [role=group]')!, 'Home')
    expect(room.zoom).toBeNull()
  })

  it('shows the numbers of each board as a table', async () => {
    await open({ boards: 2 })
    await comparing('bench-1', 'bench-2')
    await click(button('Table'))
    expect(plain(text('main tbody tr'))).toMatch(/^CPU busy ?bench-1/)
    expect(document.querySelectorAll('main tbody tr').length).toBe(2 * room.panels.length)
  })

  it('keeps a comparison as a dashboard, which asks for its lines only, and which can be renamed, removed and kept again', async () => {
    await open({ boards: 2 })
    await comparing('bench-1', 'bench-2')
    await click(button('Keep as dashboard'))
    const [kept] = dashboardsOf(workbench.info!.data_dir)
    expect(kept).toMatchObject({ name: 'Compare', panels: [{ series: 'cpu', boards: [idOf('bench-1'), idOf('bench-2')] }, { series: 'heap' }, ...Array(kept!.panels.length - 2).fill({})] })
    removePanel(workbench.info!.data_dir, 'Compare', kept!.panels[1]!)
    openDashboard('Compare')
    await room.refresh()
    expect(asked('metrics.query').at(-1)!['series']).toEqual(kept!.panels.filter((_, i) => i !== 1).map((p) => p.series))
    const field = document.querySelector<HTMLInputElement>('[aria-label="Name of the dashboard"]')!
    field.value = 'Bench'
    field.dispatchEvent(new Event('change', { bubbles: true }))
    await settled()
    expect(room.dashboard!.name).toBe('Bench')
    await click(button('More for the dashboards'))
    await click([...document.querySelectorAll<HTMLElement>('[role=menuitem]')].find((m) => m.textContent!.includes('Remove Bench')))
    expect(room.dashboards).toEqual([])
    await click(button('Keep it'))
    expect(room.dashboard!.name).toBe('Bench')
  })

  it('takes a plot from the page of a board', async () => {
    await open({ boards: 1 })
    await click(button('More for CPU busy'))
    await click([...document.querySelectorAll<HTMLElement>('[role=menuitem]')].find((m) => m.textContent!.includes('Add to a new dashboard')))
    await settled()
    expect(place.panel).toBe('plots')
    expect(figures()).toEqual([expect.stringMatching(/^CPU busy · bench-1: /)])
  })

  it('says so where a board has gone or measured nothing', async () => {
    await open({ boards: 1 })
    addDashboard(workbench.info!.data_dir, 'Lab', [
      { series: 'cpu', boards: ['b-gone'] },
      { series: 'value:none:x', boards: [idOf('bench-1')] },
    ])
    openDashboard('Lab')
    await settled()
    await settled()
    expect([...document.querySelectorAll('.missing')].map((m) => plain(m.textContent!).replace(/\s+/g, ' '))).toEqual([
      expect.stringContaining('not in the fleet any more'),
      expect.stringContaining('No measurements of this in this span'),
    ])
  })

  it('refuses a text that is no dashboard, and takes one that is', async () => {
    await open({ boards: 1 })
    place.panel = 'plots'
    await settled()
    await click(button('More for the dashboards'))
    await click([...document.querySelectorAll<HTMLElement>('[role=menuitem]')].find((m) => m.textContent!.includes('Paste')))
    const submit = async (written: string) => {
      await type('textarea', written)
      document.querySelector('form')!.dispatchEvent(new SubmitEvent('submit', { bubbles: true, cancelable: true }))
      await settled()
    }
    await submit('hello')
    expect(text('form [role=alert]')).toContain('This is no dashboard')
    await submit('{"drydock-dashboard":1,"name":"Lab","plots":[{"series":"cpu","boards":["bench-1","far"]}]}')
    expect(room.dashboard).toMatchObject({ name: 'Lab', panels: [{ series: 'cpu', boards: [idOf('bench-1')] }] })
    expect(announcer.notice!.text).toContain('far')
  })
})

// The room of plots of many boards: what it shows, the lines of those boards, one span of time and one cursor for all.
import type { Series } from '../backend/generated'
import { fleet } from '../fleet/fleet.svelte'
import { count } from '../format/format'
import { place } from '../place.svelte'
import { preferences } from '../settings/preferences.svelte'
import { boardOrder, colourOf, remember } from '../signals/colours'
import { dashesOf, type PlotLine } from '../signals/lines'
import { MAX_POINTS, shownOf } from '../signals/signals.svelte'
import { PlotView } from '../signals/view.svelte'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import { addDashboard, addPanel, dashboardsOf, MOST_DASHBOARDS, MOST_LINES, type Dashboard, type Panel } from './dashboards'

/** Boards whose lines came are read at most this often. */
const REFRESH_MS = 500

class PlotsRoom extends PlotView {
  /** The boards that are compared; null shows a dashboard. */
  compared = $state.raw<string[] | null>(null)
  /** Boards that were marked beyond those that are compared. */
  left = $state(0)
  /** A dashboard that was just removed, until it is kept again or the room is left. */
  removed = $state.raw<Dashboard | null>(null)
  /** Lines by id of the board. */
  series = $state.raw<Record<string, Series[]>>({})

  readonly dashboards: Dashboard[] = $derived.by(() => (workbench.info ? dashboardsOf(workbench.info.data_dir) : []))
  readonly dashboard: Dashboard | null = $derived.by(() =>
    this.compared !== null
      ? null
      : (this.dashboards.find((d) => d.name === preferences.value.dashboard) ?? this.dashboards[0] ?? null),
  )
  // Boards change with each blink of an LED. As text, what is drawn is compared by value, and plots are drawn anew only for new samples.
  readonly #panelsText: string = $derived.by(() => {
    if (this.compared === null) return JSON.stringify(this.dashboard?.panels ?? [])
    const boards = this.compared
    const all = new Map(boards.flatMap((board) => this.#current(board)).map((s) => [s.id, s]))
    return JSON.stringify(shownOf([...all.values()], preferences.value.hiddenSeries).map(({ id }) => ({ series: id, boards })))
  })
  readonly #namesText: string = $derived.by(() => JSON.stringify(this.boards.map((id) => [id, fleet.boards.get(id)?.name ?? id])))
  /** What is shown, in order. */
  readonly panels: Panel[] = $derived(JSON.parse(this.#panelsText) as Panel[])
  /** Names of the boards that are in the fleet, by id. */
  readonly names: Map<string, string> = $derived(new Map(JSON.parse(this.#namesText) as Array<[string, string]>))
  /** The boards of the room, without those that were removed from the fleet. */
  readonly boards: string[] = $derived.by(() => {
    const all = this.compared ?? (this.dashboard?.panels ?? []).flatMap((p) => p.boards)
    return [...new Set(all)].filter((id) => fleet.boards.has(id))
  })

  #dirty = new Set<string>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #lastRead = 0
  #reading = false

  /** The lines of a board, without those of apps that it has no more. */
  #current(board: string): Series[] {
    const apps = fleet.boards.get(board)?.apps ?? []
    return (this.series[board] ?? []).filter(({ id }) => {
      const app = id.split(':')[1]
      return app === undefined || apps.some(({ name }) => name === app)
    })
  }

  /** The lines of one plot. */
  linesOf(panel: Panel): PlotLine[] {
    const several = panel.boards.length > 1
    return panel.boards.flatMap((board) => {
      const series = this.series[board]?.find((s) => s.id === panel.series)
      const name = this.names.get(board)
      if (!series || name === undefined) return []
      const colour = several ? boardColour(board) : colourOf(series.id, preferences.value.colours)
      return [{ board, name, series, colour, dashes: several ? dashesOf(boardOrder.indexOf(colour)) : [] }]
    })
  }

  /** Reads the lines of these boards now and whenever there are new ones, until the returned function is called. */
  follow(boards: string[]): () => void {
    const stops = boards.map((board) => workbench.listen(board, { metrics: () => this.#soon(board), resync: () => this.#soon(board) }))
    this.series = Object.fromEntries(Object.entries(this.series).filter(([board]) => boards.includes(board)))
    void this.refresh()
    const idle = setInterval(() => {
      if (Date.now() - this.#lastRead > 1500) this.#soon()
    }, 500)
    return () => {
      stops.forEach((stop) => stop())
      clearInterval(idle)
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.cursorMs = null
    }
  }

  refresh(): Promise<void> {
    this.boards.forEach((board) => this.#dirty.add(board))
    return this.#read()
  }

  #soon(board?: string): void {
    if (this.paused) return
    if (board !== undefined) this.#dirty.add(board)
    if (this.#timer !== undefined) return
    const wait = Math.max(0, this.#lastRead + REFRESH_MS - Date.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#read()
    }, wait)
  }

  async #read(): Promise<void> {
    if (this.#reading || (this.paused && this.zoom === null)) return
    this.#reading = true
    this.#lastRead = Date.now()
    const now = this.#lastRead
    const boards = [...this.#dirty].filter((board) => this.boards.includes(board))
    this.#dirty.clear()
    const read = await Promise.all(
      boards.map(async (board): Promise<[string, Series[]] | null> => {
        try {
          const series = this.compared ? [] : (this.dashboard?.panels ?? []).filter((p) => p.boards.includes(board)).map((p) => p.series)
          return [board, await workbench.call('metrics.query', { board, series, window_s: this.backS, max_points: MAX_POINTS })]
        } catch {
          // The board went away meanwhile.
          return null
        }
      }),
    )
    if (read.length > 0) this.series = { ...this.series, ...Object.fromEntries(read.filter((r) => r !== null)) }
    if (!this.paused) this.endMs = now
    this.loaded = true
    this.#reading = false
    if (this.#dirty.size > 0) this.#soon()
  }
}

/** A board keeps its colour in plots of several boards. */
function boardColour(board: string): number {
  return colourOf(`board:${board}`, preferences.value.boardColours)
}

/** Gives colours to boards that have none. */
export function rememberBoards(boards: string[]): void {
  const next = remember(
    boards.map((board) => `board:${board}`),
    preferences.value.boardColours,
    boardOrder,
  )
  if (next !== preferences.value.boardColours) preferences.value.boardColours = next
}

// Its derived values must not end with the first panel that uses it.
let made!: PlotsRoom
$effect.root(() => {
  made = new PlotsRoom()
})
export const room = made

/** Shows the plots of these boards over each other. */
export function compare(boards: string[]): void {
  room.compared = boards.slice(0, MOST_LINES)
  room.left = boards.length - room.compared.length
  place.panel = 'plots'
}

export function openDashboard(name: string): void {
  room.compared = null
  room.left = 0
  preferences.value.dashboard = name
  place.panel = 'plots'
}

const fleetId = () => workbench.info?.data_dir ?? ''

/** Keeps plots as a new dashboard and opens it. */
export function keepAs(wanted: string, panels: Panel[]): void {
  const name = addDashboard(fleetId(), wanted, panels)
  if (name === null) announcer.say(`There are ${count(MOST_DASHBOARDS, 'dashboard')}, which is the most. Remove one first.`, 'bad')
  else openDashboard(name)
}

/** What adds a plot to a dashboard, for its menu and for the palette. */
export function addItems(panel: Panel, title: string): Array<{ label: string; run: () => void }> {
  const add = (name: string) => {
    const why = addPanel(fleetId(), name, panel)
    announcer.say(why ?? `Added ${title} to ${name}`, why === null ? 'quiet' : 'bad')
  }
  return [
    ...room.dashboards.map(({ name }) => ({ label: `Add to ${name}`, run: () => add(name) })),
    { label: 'Add to a new dashboard', run: () => keepAs('Dashboard', [panel]) },
  ]
}

// Dashboards: named grids of plots, kept with the window's settings. A dashboard belongs to one fleet, by its data directory.
import { preferences } from '../settings/preferences.svelte'

/** One plot: the same line of one or several boards. */
export interface Panel {
  /** Id of the line, for example `cpu` or `fuel:blink`. */
  series: string
  /** Ids of the boards. */
  boards: string[]
}

export interface Dashboard {
  /** Data directory of the fleet. */
  fleet: string
  name: string
  panels: Panel[]
}

/** Lines of one plot that can still be told apart: as many as the theme has colours. */
export const MOST_LINES = 8
/** Plots of a dashboard, and dashboards that are kept. */
export const [MOST_PLOTS, MOST_DASHBOARDS] = [24, 20]
/** Characters of a name. */
export const NAME_LENGTH = 40

export function dashboardsOf(fleet: string): Dashboard[] {
  return preferences.value.dashboards.filter((d) => d.fleet === fleet)
}

/** A name that no dashboard of the fleet has: `Compare`, `Compare 2`, … */
export function freeName(fleet: string, wanted: string): string {
  const base = wanted.trim().slice(0, NAME_LENGTH - 3) || 'Dashboard'
  const taken = new Set(dashboardsOf(fleet).map((d) => d.name))
  if (!taken.has(base)) return base
  let n = 2
  while (taken.has(`${base} ${n}`)) n += 1
  return `${base} ${n}`
}

/** Keeps a new dashboard and returns its name; null if there are as many as there can be. */
export function addDashboard(fleet: string, wanted: string, panels: Panel[]): string | null {
  if (preferences.value.dashboards.length >= MOST_DASHBOARDS) return null
  const name = freeName(fleet, wanted)
  preferences.value.dashboards = [...preferences.value.dashboards, { fleet, name, panels: panels.slice(0, MOST_PLOTS) }]
  return name
}

export function removeDashboard({ fleet, name }: Dashboard): void {
  preferences.value.dashboards = preferences.value.dashboards.filter((d) => d.fleet !== fleet || d.name !== name)
}

function change(fleet: string, name: string, with_: (d: Dashboard) => Dashboard): void {
  preferences.value.dashboards = preferences.value.dashboards.map((d) => (d.fleet === fleet && d.name === name ? with_(d) : d))
}

/** False if the name is empty or another dashboard has it. */
export function renameDashboard(fleet: string, name: string, to: string): boolean {
  const next = to.trim().slice(0, NAME_LENGTH)
  if (next === name) return true
  if (next === '' || dashboardsOf(fleet).some((d) => d.name === next)) return false
  change(fleet, name, (d) => ({ ...d, name: next }))
  return true
}

const same = (a: Panel, b: Panel) => a.series === b.series && a.boards.join() === b.boards.join()

/** Why a plot was not added; null if it was. */
export function addPanel(fleet: string, name: string, panel: Panel): string | null {
  const dashboard = dashboardsOf(fleet).find((d) => d.name === name)
  if (!dashboard) return `There is no dashboard ${name} any more.`
  if (dashboard.panels.some((p) => same(p, panel))) return `${name} has this plot already.`
  if (dashboard.panels.length >= MOST_PLOTS) return `${name} has ${MOST_PLOTS} plots, which is the most. Remove one first.`
  change(fleet, name, (d) => ({ ...d, panels: [...d.panels, panel] }))
  return null
}

export function removePanel(fleet: string, name: string, panel: Panel): void {
  change(fleet, name, (d) => ({ ...d, panels: d.panels.filter((p) => !same(p, panel)) }))
}

/** Moves a plot by one place. */
export function movePanel(fleet: string, name: string, panel: Panel, by: 1 | -1): void {
  change(fleet, name, (d) => {
    const from = d.panels.findIndex((p) => same(p, panel))
    const to = from + by
    if (from < 0 || to < 0 || to >= d.panels.length) return d
    const panels = [...d.panels]
    ;[panels[from], panels[to]] = [panels[to]!, panels[from]!]
    return { ...d, panels }
  })
}

/** The dashboard as text for another fleet: boards by name. */
export function toText({ name, panels }: Dashboard, nameOf: (board: string) => string): string {
  const file = { 'drydock-dashboard': 1, name, plots: panels.map(({ series, boards }) => ({ series, boards: boards.map(nameOf) })) }
  return JSON.stringify(file, null, 2)
}

export interface FromText {
  name: string
  panels: Panel[]
  /** Names of boards that this fleet does not have. */
  missing: string[]
}

/** Reads what `toText` wrote. Null if it is something else. */
export function fromText(text: string, idOf: (name: string) => string | undefined): FromText | null {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return null
  }
  const file = read as { 'drydock-dashboard'?: unknown; name?: unknown; plots?: unknown } | null
  if (file?.['drydock-dashboard'] !== 1 || typeof file.name !== 'string' || !Array.isArray(file.plots)) return null
  const missing = new Set<string>()
  const panels: Panel[] = []
  for (const plot of file.plots.slice(0, MOST_PLOTS) as Array<{ series?: unknown; boards?: unknown } | null>) {
    if (typeof plot?.series !== 'string' || plot.series.length > 200 || !Array.isArray(plot.boards)) return null
    const boards: string[] = []
    for (const name of plot.boards.slice(0, MOST_LINES) as unknown[]) {
      if (typeof name !== 'string') return null
      const id = idOf(name)
      if (id === undefined) missing.add(name)
      else if (!boards.includes(id)) boards.push(id)
    }
    const panel = { series: plot.series, boards }
    if (boards.length > 0 && !panels.some((p) => same(p, panel))) panels.push(panel)
  }
  return { name: file.name.slice(0, NAME_LENGTH), panels, missing: [...missing] }
}

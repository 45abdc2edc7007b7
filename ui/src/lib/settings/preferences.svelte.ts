// Settings of the window on this machine: theme, widths, chosen views. No data of the fleet is here.
import type { AppSource } from '../backend/generated'
import type { Dashboard } from '../plots/dashboards'

export type ThemeChoice = 'system' | 'dark' | 'light'

export interface KeptThreshold {
  board: string
  series: string
  value: number
  side: 'above' | 'below'
}

export interface Stored {
  theme: ThemeChoice
  listWidth: number
  railWidth: number
  topShare: number
  appsWidth: number
  frontWidth: number
  /** The panel beside the boards of the Connect room, and the jobs below them. */
  connectWidth: number
  jobsHeight: number
  /** How provisioned boards are named; `{n}` becomes a number. */
  namePattern: string
  /** The cards of a board's page: upper left, upper right, lower left, lower right. */
  cards: string[]
  windowS: number
  hiddenSeries: string[]
  /** The colours of apps in plots, by name. */
  colours: Record<string, number>
  /** The colours of boards in plots of several boards, by id. */
  boardColours: Record<string, number>
  /** Notes on the plots of boards, by id of the board. */
  notes: Array<{ board: string; timeMs: number; text: string }>
  /** Thresholds of lines, by id of the board and of the line. */
  thresholds: KeptThreshold[]
  /** Grids of plots, and the name of the one that is open. */
  dashboards: Dashboard[]
  dashboard: string
  /** The source of an app's last deployed module, by name of the app. */
  sources: Record<string, AppSource>
  /** Lines of a board's row in the list: one, three, or by the number of boards. */
  rows: string
  /** Size of everything in the window, in percent. */
  zoom: number
  panel: string
  board: string
}

/** Delay before saving: a width changes often while it is dragged. */
const GATHER_MS = 200
const defaults: Stored = {
  theme: 'system',
  listWidth: 300,
  railWidth: 168,
  topShare: 0.62,
  appsWidth: 300,
  frontWidth: 268,
  connectWidth: 440,
  jobsHeight: 200,
  namePattern: 'board-{n}',
  cards: ['apps', 'signals', 'console', 'front'],
  windowS: 60,
  hiddenSeries: ['temperature', 'link_retries', 'memory'],
  colours: {},
  boardColours: {},
  notes: [],
  thresholds: [],
  dashboards: [],
  dashboard: '',
  sources: {},
  rows: 'auto',
  zoom: 100,
  panel: 'fleet',
  board: '',
}

declare global {
  interface Window {
    /** The settings saved by the shell; available before anything else runs. */
    __DRYDOCK_KEPT__?: object
  }
}

/** The saved settings, limited to those of the current form. */
function read(all: object = window.__DRYDOCK_KEPT__ ?? {}): Stored {
  const kept = Object.entries(all).filter(([k, v]) => {
    const d = defaults[k as keyof Stored]
    return typeof d === typeof v && Array.isArray(d) === Array.isArray(v)
  })
  return { ...defaults, ...Object.fromEntries(kept) }
}

class Preferences {
  value = $state(read())
  systemDark = $state(true)
  readonly theme: 'dark' | 'light' = $derived(
    this.value.theme === 'system' ? (this.systemDark ? 'dark' : 'light') : this.value.theme,
  )

  /** Adopts settings from another window of this program. */
  adopt(stored: object): void {
    this.value = read(stored)
  }

  /** Follows the system's theme and saves changes; called once, at start. */
  start(keep: (stored: Stored) => void): void {
    const query = window.matchMedia('(prefers-color-scheme: dark)')
    this.systemDark = query.matches
    query.addEventListener('change', (e) => (this.systemDark = e.matches))
    let waiting: ReturnType<typeof setTimeout> | undefined
    $effect.root(() => {
      $effect.pre(() => {
        document.documentElement.dataset['theme'] = this.theme
      })
      $effect(() => {
        const stored = $state.snapshot(this.value)
        clearTimeout(waiting)
        waiting = setTimeout(() => keep(stored), GATHER_MS)
      })
    })
  }
}

export const preferences = new Preferences()

// What the window remembers on this machine: theme, widths, chosen views. Nothing of the fleet lives here.

export type ThemeChoice = 'system' | 'dark' | 'light'

interface Stored {
  theme: ThemeChoice
  listWidth: number
  railWidth: number
  topShare: number
  appsWidth: number
  frontWidth: number
  windowS: number
  hiddenSeries: string[]
}

const KEY = 'drydock.window'
const defaults: Stored = {
  theme: 'system',
  listWidth: 300,
  railWidth: 168,
  topShare: 0.62,
  appsWidth: 300,
  frontWidth: 268,
  windowS: 60,
  hiddenSeries: ['temperature', 'link_retries', 'memory'],
}

function read(): Stored {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    const known = Object.entries(stored as object).filter(([k, v]) => {
      const d = defaults[k as keyof Stored]
      return typeof d === typeof v && Array.isArray(d) === Array.isArray(v)
    })
    return { ...defaults, ...Object.fromEntries(known) }
  } catch {
    return { ...defaults }
  }
}

class Preferences {
  value = $state(read())
  systemDark = $state(true)
  readonly theme: 'dark' | 'light' = $derived(
    this.value.theme === 'system' ? (this.systemDark ? 'dark' : 'light') : this.value.theme,
  )

  /** Follows the system's theme and keeps what is changed; called once, at start. */
  start(): void {
    const query = window.matchMedia('(prefers-color-scheme: dark)')
    this.systemDark = query.matches
    query.addEventListener('change', (e) => (this.systemDark = e.matches))
    $effect.root(() => {
      $effect.pre(() => {
        document.documentElement.dataset['theme'] = this.theme
      })
      $effect(() => {
        const text = JSON.stringify(this.value)
        try {
          localStorage.setItem(KEY, text)
        } catch {
          // Without storage the window still works; it only forgets.
        }
      })
    })
  }
}

export const preferences = new Preferences()

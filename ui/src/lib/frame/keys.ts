// Keys that hold in the whole window.
import { chooseAndDeploy } from '../board/actions'
import { deployments } from '../board/deploy.svelte'
import { place, type Panel } from '../place.svelte'

const mac = typeof navigator !== 'undefined' && navigator.userAgent.includes('Mac')
export const modKey = mac ? '⌘' : 'Ctrl'

const panels: Record<string, Panel> = { '1': 'fleet', '2': 'emulation', '3': 'activity', '4': 'settings' }

export function onWindowKey(e: KeyboardEvent): void {
  const mod = mac ? e.metaKey : e.ctrlKey
  if (mod && !e.altKey) {
    const key = e.key.toLowerCase()
    const panel = panels[key]
    if (key === 'k') place.paletteOpen = !place.paletteOpen
    else if (key === 'f') focus('[data-key="console-search"]')
    else if (key === 'o') void chooseAndDeploy(place.targets())
    else if (panel) place.panel = panel
    else return
    e.preventDefault()
    return
  }
  if (e.ctrlKey || e.metaKey || e.altKey || place.paletteOpen || typing(e.target)) return
  if (e.key === '/') {
    place.panel = 'fleet'
    focus('[data-key="fleet-filter"]')
  } else if (e.key.toLowerCase() === 'd') {
    if (place.boardId === null) return
    place.panel = 'fleet'
    deployments.formFor = place.boardId
  } else return
  e.preventDefault()
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type=checkbox]), textarea, select')
}

/** Once the panel is painted. */
function focus(selector: string): void {
  requestAnimationFrame(() => {
    const field = document.querySelector<HTMLInputElement>(selector)
    field?.focus()
    field?.select()
  })
}

// Keys of the whole window. `shortcuts.ts` lists them for people.
import { chooseAndDeploy } from '../board/actions'
import { askDeploy, askLabel, askRemove, askRename } from '../fleet/many'
import { fleet } from '../fleet/fleet.svelte'
import { place, type Panel } from '../place.svelte'
import { setZoom, zoomBy } from '../settings/zoom'
import { isMac } from './modifier'
import { nextRegion } from './regions'

export { modKey } from './modifier'

const panels: Record<string, Panel> = { '1': 'fleet', '2': 'emulation', '3': 'connect', '4': 'activity', '5': 'settings', '6': 'plots' }

export function onWindowKey(e: KeyboardEvent): void {
  if (e.defaultPrevented || place.alone) return
  if (e.key === 'F6' && !place.paletteOpen && !place.keysOpen) {
    nextRegion(e.shiftKey)
    e.preventDefault()
    return
  }
  const mod = isMac ? e.metaKey : e.ctrlKey
  if (mod && !e.altKey) {
    const key = e.key.toLowerCase()
    const panel = panels[key]
    if (key === 'k') togglePalette()
    else if (key === 'f') focus('[data-key="console-search"]')
    else if (key === 'o') void chooseAndDeploy(place.targets())
    else if (key === '+' || key === '=') zoomBy(1)
    else if (key === '-') zoomBy(-1)
    else if (key === '0') setZoom(100)
    else if (panel) place.panel = panel
    else return
    e.preventDefault()
    return
  }
  if (e.ctrlKey || e.metaKey || e.altKey || place.paletteOpen || place.keysOpen || typing(e.target)) return
  if (e.key === '/') {
    place.panel = 'fleet'
    focus('[data-key="fleet-filter"]')
  } else if (e.key === '?' || e.key === 'F1') place.keysOpen = true
  else if (e.key.toLowerCase() === 'd') askDeploy(place.targets())
  else if (e.key === 'F2') askRename(place.targets())
  else if (e.key.toLowerCase() === 'l') askLabel(place.targets())
  else if (e.key === 'Delete' && fleet.order.length > 0) askRemove(place.targets())
  else return
  e.preventDefault()
}

function togglePalette(): void {
  place.keysOpen = false
  place.paletteOpen = !place.paletteOpen
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

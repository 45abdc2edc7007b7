// The palette's actions for the window and the whole fleet.
import { addBoard, copyDiagnostics } from '../board/actions'
import { boardLook } from '../fleet/badge'
import { fleet } from '../fleet/fleet.svelte'
import { count } from '../format/format'
import { modKey } from '../frame/modifier'
import { focusOn } from '../frame/regions'
import { place } from '../place.svelte'
import { compare, keepAs, openDashboard, room } from '../plots/room.svelte'
import { preferences } from '../settings/preferences.svelte'
import { setPairing } from '../settings/pairing'
import { setZoom, zoomBy } from '../settings/zoom'
import { workbench } from '../workbench.svelte'
import type { Action } from './match'

export function windowActions(): Action[] {
  const act = (title: string, run: () => unknown, key?: string): Action => ({ id: title, title, context: 'window', key, run })
  const list = (run: () => void) => () => ((place.panel = 'fleet'), run())
  const choose = <K extends 'theme' | 'rows'>(key: K, value: (typeof preferences.value)[K]) => () => (preferences.value[key] = value)
  return [
    act('Help and keys', () => (place.keysOpen = true), '?'),
    act('Show the keyboard shortcuts', () => (place.keysOpen = true), '?'),
    act('Add a board…', list(() => (place.adding = true))),
    ...workbench.kinds.filter(({ addable }) => addable).map((kind) => act(`Add an emulated ${kind.title}`, () => addBoard({ kind: kind.id }))),
    act('Go to Fleet', () => (place.panel = 'fleet'), `${modKey} 1`),
    act('Go to Emulation', () => (place.panel = 'emulation'), `${modKey} 2`),
    act('Go to Connect', () => (place.panel = 'connect'), `${modKey} 3`),
    act('Go to Activity', () => (place.panel = 'activity'), `${modKey} 4`),
    act('Go to Settings', () => (place.panel = 'settings'), `${modKey} 5`),
    act('Go to Plots', () => (place.panel = 'plots'), `${modKey} 6`),
    ...room.dashboards.map(({ name }) => act(`Open the dashboard ${name}`, () => openDashboard(name))),
    ...(place.marks.length > 1 ? [act(`Compare the plots of ${count(place.marks.length, 'marked board')}`, () => compare(place.marks))] : []),
    ...(fleet.shown.length > 1 ? [act('Compare the plots of the listed boards', () => compare(fleet.shown))] : []),
    act('New dashboard', () => keepAs('Dashboard', [])),
    act('Filter the boards', list(() => requestAnimationFrame(() => focusOn('[data-key="fleet-filter"]'))), '/'),
    ...fleet.counts.map(([badge, n]) =>
      act(`List only ${boardLook[badge].word} boards`, list(() => ((fleet.filter = ''), (fleet.state = badge))), String(n)),
    ),
    act('List all boards', list(() => ((fleet.filter = ''), (fleet.state = null)))),
    act(`Mark all ${count(fleet.shown.length, 'listed board')}`, list(() => fleet.shown.forEach((id) => place.marked.add(id))), `${modKey} A`),
    act('List each board in one line', choose('rows', 'one')),
    act('List each board in three lines', choose('rows', 'three')),
    act('Use the dark theme', choose('theme', 'dark')),
    act('Use the light theme', choose('theme', 'light')),
    act("Use the system's theme", choose('theme', 'system')),
    act('Zoom in', () => zoomBy(1), `${modKey} +`),
    act('Zoom out', () => zoomBy(-1), `${modKey} −`),
    act('Zoom to 100 %', () => setZoom(100), `${modKey} 0`),
    act(
      workbench.info?.pairing ? 'Turn pairing of other boards off' : 'Turn pairing of other boards on',
      () => ((place.panel = 'settings'), setPairing(!workbench.info?.pairing)),
    ),
    act('Draw with the default renderer at the next start', () => workbench.backend.resetRenderer()),
    act('Copy diagnostics', copyDiagnostics),
    act('Copy the path of the data directory', () => workbench.backend.copy(workbench.info?.data_dir ?? '')),
  ]
}

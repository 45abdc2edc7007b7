// What can be done with one board or with many, as a list: for the context menu, for the bar of the marks and for the palette.
import type { PowerAction } from '../backend/generated'
import { copyDiagnostics, keepLast, openScope, power, removeApp, startApp, stopApp } from '../board/actions'
import { deployments } from '../board/deploy.svelte'
import { count } from '../format/format'
import type { MenuItem } from '../frame/MenuList.svelte'
import { place } from '../place.svelte'
import { MOST_LINES } from '../plots/dashboards'
import { compare } from '../plots/room.svelte'
import { workbench } from '../workbench.svelte'
import { fleet } from './fleet.svelte'
import { able, appsOf, marks } from './marks.svelte'

/** `bench-1`, or `6 boards`. */
export function nameOf(boards: string[]): string {
  const [only] = boards
  return boards.length === 1 && only !== undefined ? (fleet.boards.get(only)?.name ?? only) : count(boards.length, 'board')
}

/** Opens the form that deploys to these boards. */
export function askDeploy(boards: string[]): void {
  const [only] = boards
  if (only === undefined) return
  if (boards.length > 1) {
    marks.ask({ kind: 'deploy', boards })
    return
  }
  place.open(only)
  deployments.openForm(only)
}

export function askRename(boards: string[]): void {
  const [only] = boards
  if (only === undefined) return
  if (boards.length > 1) {
    marks.ask({ kind: 'rename', boards })
    return
  }
  place.open(only)
  place.renaming = only
}

/** Opens the form about the labels of these boards, in the panel of the marks also for one. */
export function askLabel(boards: string[]): void {
  if (boards.length > 0) marks.ask({ kind: 'label', boards })
}

export function askRemove(boards: string[]): void {
  const [only] = boards
  if (only === undefined) return
  if (boards.length > 1) {
    marks.ask({ kind: 'remove', boards })
    return
  }
  place.open(only)
  place.removing = only
}

/** Which of the boards, where it is not all of them. */
function of(some: string[], boards: string[]): string | undefined {
  return some.length === boards.length ? undefined : `${some.length} of ${count(boards.length, 'board')}`
}

const switches: Array<[PowerAction, string]> = [
  ['on', 'Power on'],
  ['pause', 'Pause time'],
  ['resume', 'Resume time'],
  ['reset', 'Reset'],
  ['off', 'Cut power'],
]

export function powerItems(boards: string[]): MenuItem[] {
  return switches.flatMap(([action, label]) => {
    const some = able(boards, action)
    const [only] = some
    if (only === undefined) return []
    const run = () => (boards.length === 1 ? power(only, action) : marks.power(some, action))
    return [{ label, note: of(some, boards), run }]
  })
}

function views(boards: string[]) {
  return boards.flatMap((id) => fleet.boards.get(id) ?? [])
}

export function startItems(boards: string[]): MenuItem[] {
  return appsOf(views(boards)).flatMap(({ name, startable }) => {
    const [only] = startable
    if (only === undefined) return []
    const run = () => (boards.length === 1 ? startApp(only, name) : marks.startApp(startable, name))
    return [{ label: `Start ${name}`, note: of(startable, boards), run }]
  })
}

export function stopItems(boards: string[]): MenuItem[] {
  return appsOf(views(boards)).flatMap(({ name, stoppable }) => {
    const [only] = stoppable
    if (only === undefined) return []
    const run = () => (boards.length === 1 ? stopApp(only, name) : marks.stopApp(stoppable, name))
    return [{ label: `Stop ${name}`, note: of(stoppable, boards), run }]
  })
}

/** Where several boards can be compared. */
export function compareItems(boards: string[]): MenuItem[] {
  return boards.length > 1 ? [{ label: 'Compare plots', note: boards.length > MOST_LINES ? `the first ${MOST_LINES}` : undefined, run: () => compare(boards) }] : []
}

/** Removing asks first, unless the caller has asked. */
export function removeAppItems(boards: string[], asked = false): MenuItem[] {
  return appsOf(views(boards)).map(({ name, on }) => ({
    label: `Remove ${name}${asked ? '' : '…'}`,
    note: of(on, boards),
    bad: true,
    run: () => {
      if (!asked) marks.ask({ kind: 'remove app', boards: on, app: name })
      else if (boards.length > 1) void marks.removeApp(on, name)
      else void removeApp(on[0]!, name)
    },
  }))
}

/** Everything that makes sense for these boards. */
export function allItems(boards: string[]): MenuItem[] {
  const [only] = boards
  if (only === undefined) return []
  return [
    { label: 'Deploy…', run: () => askDeploy(boards) },
    ...startItems(boards),
    ...stopItems(boards),
    ...powerItems(boards),
    ...compareItems(boards),
    { label: 'Open in the scope', run: () => openScope(boards) },
    { label: 'Rename…', run: () => askRename(boards) },
    { label: 'Label…', run: () => askLabel(boards) },
    ...(boards.length === 1
      ? [
          { label: 'Keep the last 10 minutes', run: () => keepLast(only) },
          { label: `Copy id ${only}`, run: () => workbench.backend.copy(only) },
          { label: 'Copy diagnostics', run: copyDiagnostics },
        ]
      : []),
    ...removeAppItems(boards),
    { label: `Remove ${nameOf(boards)}…`, bad: true, run: () => askRemove(boards) },
  ]
}

// Every action of the window, as the palette lists them: for marked boards first, then the open board, then the rest.
import { boardLook } from '../fleet/badge'
import { fleet } from '../fleet/fleet.svelte'
import { allItems, nameOf } from '../fleet/many'
import { place } from '../place.svelte'
import { boardActions } from './board'
import { connectActions } from './connect'
import type { Action } from './match'
import { viewActions } from './view'
import { windowActions } from './window'

export function allActions(): Action[] {
  const open = place.boardId === null ? undefined : fleet.boards.get(place.boardId)
  const actions: Action[] = []
  if (place.marks.length > 1) actions.push(...markActions(place.marks))
  if (open) actions.push(...boardActions(open), ...viewActions(open))
  if (place.panel === 'connect') actions.unshift(...connectActions())
  actions.push(...windowActions())
  if (place.panel !== 'connect') actions.push(...connectActions())
  for (const id of fleet.order) {
    const board = fleet.boards.get(id)
    if (!board) continue
    const apps = board.apps.map((a) => a.name).join(' ')
    actions.push({
      id: `open ${id}`,
      title: `Open ${board.name}`,
      context: `${boardLook[board.badge].word} · ${board.title} ${apps}`,
      run: () => place.open(id),
    })
  }
  return actions
}

/** An action that needs confirmation asks in the panel of marked boards, which names them. */
function markActions(boards: string[]): Action[] {
  const context = `${nameOf(boards)} marked`
  const actions = allItems(boards).map(({ label, note, run }) => ({
    id: `marks ${label}`,
    title: label,
    context: note ? `${context} · ${note}` : context,
    run,
  }))
  return [...actions, { id: 'marks clear', title: 'Clear the marks', context, key: 'Escape', run: () => place.marked.clear() }]
}

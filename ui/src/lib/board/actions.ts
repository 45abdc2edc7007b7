// Actions on boards and apps; each shows its answer at its place in the window.
import { at, attempts } from '../attempts.svelte'
import type { BoardAdd, FirmwareFile, PowerAction } from '../backend/generated'
import { fleet } from '../fleet/fleet.svelte'
import { place } from '../place.svelte'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import { cardTitles, type CardName } from './cards'
import { boardName, deployments, placeOf } from './deploy.svelte'

export async function addBoard(board: Pick<BoardAdd, 'kind'> & Partial<BoardAdd>): Promise<boolean> {
  const params: BoardAdd = { name: null, engine: null, pace: 'realtime', seed: null, link_noise: null, kind_file: null, firmware: null, parts: [], part_values: null, record: null, ...board }
  const added = await attempts.run(at.add, 'Starting the machine', () => workbench.call('board.add', params))
  if (!added) return false
  place.open(added.id)
  announcer.say(`Added ${added.name}`)
  return true
}

export async function removeBoard(id: string): Promise<void> {
  const name = boardName(id)
  const { shown } = fleet
  const index = shown.indexOf(id)
  const neighbour = shown[index + 1] ?? shown[index - 1]
  const wasOpen = place.boardId === id
  const removed = await attempts.run(at.board(id), `Removing ${name}`, () => workbench.call('board.remove', { board: id }))
  if (!removed) return
  announcer.say(`Removed ${name}`)
  // The place in the list stays.
  if (wasOpen && neighbour !== undefined && fleet.boards.has(neighbour)) place.open(neighbour)
}

export function renameBoard(id: string, name: string): Promise<unknown> {
  return attempts.run(at.board(id), 'Renaming', () => workbench.call('board.rename', { board: id, name }))
}

/** A program of the user's own as the window gives it, without choices that only some programs need. */
export const firmwareFile = (path: string): FirmwareFile => ({ path, address: null, defmt: null, unmodelled: 'fault', arguments: '' })

/** Gives boards a program of the user's own; null: Drydock's firmware. */
export async function giveFirmware(boards: string[], firmware: FirmwareFile | null): Promise<void> {
  for (const board of boards) {
    const what = firmware === null ? "Starting Drydock's firmware" : 'Starting the program'
    const given = await attempts.run(at.board(board), what, () => workbench.call('board.firmware', { board, firmware }))
    if (given) announcer.say(`${given.name} runs ${given.firmware?.name ?? "Drydock's firmware"}`)
  }
}

const powerWords: Record<PowerAction, string> = {
  on: 'Powering on',
  off: 'Cutting power',
  reset: 'Resetting',
  cut: 'Cutting power and giving it back',
  pause: 'Pausing time',
  resume: 'Resuming time',
}

export function power(id: string, action: PowerAction): Promise<unknown> {
  return attempts.run(at.board(id), powerWords[action], () => workbench.call('board.power', { board: id, action }))
}

export function press(id: string, button: string, pressed: boolean): Promise<unknown> {
  return attempts.run(at.board(id), 'Pressing', () => workbench.call('board.button', { board: id, button, pressed }))
}

export function startApp(board: string, app: string): Promise<unknown> {
  return attempts.run(at.app(board, app), 'Starting', () => workbench.call('app.start', { board, app }))
}

export function stopApp(board: string, app: string): Promise<unknown> {
  return attempts.run(at.app(board, app), 'Stopping', () => workbench.call('app.stop', { board, app }))
}

/** Opens boards in the scope, which records them while its window is open. */
export function openScope(boards: string[]): Promise<unknown> {
  return attempts.run(at.board(boards[0] ?? ''), 'Opening the scope', () => workbench.backend.openScope(boards))
}

/** How much of the past *Keep the last 10 minutes* takes, in milliseconds. */
const KEPT_MS = 600_000

/** Writes what the board just did to a file, and says where it is. */
export async function keepLast(board: string): Promise<void> {
  const kept = await attempts.run(at.board(board), 'Keeping the last 10 minutes', () =>
    workbench.call('recording.keep', { board, last_ms: KEPT_MS, file: null, overwrite: false }),
  )
  if (kept) announcer.say(`The last minutes of ${boardName(board)} are in ${kept.file}${kept.reason ? `. ${kept.reason}` : ''}`)
}

/** Opens what an app was made from. */
export function openSource(board: string, app: string, path: string): Promise<unknown> {
  return attempts.run(at.app(board, app), 'Opening', () => workbench.backend.openSource(path))
}

export function cancelApp(board: string, app: string): Promise<unknown> {
  return attempts.run(at.app(board, app), 'Cancelling', () => workbench.call('app.cancel', { board, app }))
}

export async function removeApp(board: string, app: string): Promise<void> {
  const done = await attempts.run(at.app(board, app), 'Removing', () => workbench.call('app.remove', { board, app }))
  if (done) announcer.say(`Removing ${app} from ${boardName(board)}`)
}

/** Opens the system's dialog and deploys the chosen modules. */
export async function chooseAndDeploy(boards: string[], version: string | null = null): Promise<void> {
  if (boards.length === 0) return
  const paths = await attempts.run(placeOf(boards), 'Choosing a module', () => workbench.backend.chooseModules())
  if (paths && paths.length > 0) await deployments.deployPaths(paths, boards, { version })
}

export async function copyDiagnostics(): Promise<void> {
  const done = await attempts.run(at.settings, 'Collecting', async () => {
    const { text } = await workbench.call('system.diagnostics', {})
    await workbench.backend.copy(text)
    return true
  })
  if (done) announcer.say('Diagnostics copied; they hold no keys and no tokens')
}

/** Shows a card of the open board in a separate window; it stays on the page too. */
export async function popOut(card: CardName): Promise<void> {
  const board = place.boardId
  if (board === null) return
  const title = `${cardTitles[card]} of ${boardName(board)}`
  await attempts.run(at.board(board), 'Opening a window', () => workbench.backend.popOut(card, board, title))
}

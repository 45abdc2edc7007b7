// The look of each state: shape, colour and word, in one table for boards and one for apps. The workbench derives a board's
// badge and reports an app's state. An app's look also depends on its board: a board that is off runs nothing.
import type { AppState, AppView, Badge, BoardView } from '../backend/generated'

export type Shape =
  | 'dot'
  | 'ring'
  | 'half'
  | 'arc'
  | 'square'
  | 'diamond'
  | 'dashed'
  | 'bar'
  | 'pause'
  | 'keyhole'
  | 'broken'
  | 'power'
  | 'cross'
export type Tone = 'running' | 'bad' | 'warn' | 'busy' | 'quiet'
export interface Look {
  shape: Shape
  tone: Tone
  word: string
}

export const boardLook: Record<Badge, Look> = {
  unknown: { shape: 'dashed', tone: 'quiet', word: 'unknown' },
  failed: { shape: 'square', tone: 'bad', word: 'failed' },
  degraded: { shape: 'diamond', tone: 'warn', word: 'degraded' },
  deploying: { shape: 'arc', tone: 'busy', word: 'deploying' },
  connecting: { shape: 'half', tone: 'warn', word: 'connecting' },
  running: { shape: 'dot', tone: 'running', word: 'running' },
  idle: { shape: 'ring', tone: 'quiet', word: 'idle' },
  paused: { shape: 'pause', tone: 'warn', word: 'paused' },
  unauthenticated: { shape: 'keyhole', tone: 'quiet', word: 'unauthenticated' },
  unlinked: { shape: 'broken', tone: 'quiet', word: 'unlinked' },
  own_firmware: { shape: 'bar', tone: 'running', word: 'own firmware' },
  off: { shape: 'power', tone: 'quiet', word: 'off' },
  retired: { shape: 'cross', tone: 'quiet', word: 'retired' },
}

/** Most urgent first, as the workbench ranks them. */
export const badgeOrder = Object.keys(boardLook) as Badge[]

export const appLook: Record<AppState, Look> = {
  pending: { shape: 'half', tone: 'warn', word: 'waiting' },
  deploying: { shape: 'arc', tone: 'busy', word: 'deploying' },
  installed: { shape: 'ring', tone: 'quiet', word: 'installed' },
  starting: { shape: 'arc', tone: 'busy', word: 'starting' },
  running: { shape: 'dot', tone: 'running', word: 'running' },
  stopped: { shape: 'ring', tone: 'quiet', word: 'stopped' },
  exited: { shape: 'bar', tone: 'quiet', word: 'exited' },
  failed: { shape: 'square', tone: 'bad', word: 'failed' },
  removing: { shape: 'arc', tone: 'busy', word: 'removing' },
}

/** What the window knows of a board now. `silent`: it has no session, so its last report may be out of date. */
export type Liveness = 'live' | 'paused' | 'off' | 'silent'

export function liveness({ machine, device }: BoardView): Liveness {
  if (machine?.state === 'off' || machine?.state === 'crashed') return 'off'
  if (machine?.state === 'paused') return 'paused'
  if (device === null || device.session === null || device.state === 'unreachable') return 'silent'
  return 'live'
}

/** States that change by themselves: without reports from the board they may no longer hold. */
const moving: AppState[] = ['deploying', 'starting', 'running', 'removing']
const halted: Record<Exclude<Liveness, 'live'>, Look> = {
  off: { shape: 'power', tone: 'quiet', word: 'off' },
  paused: { shape: 'pause', tone: 'quiet', word: 'paused' },
  silent: { shape: 'dashed', tone: 'quiet', word: 'not heard' },
}

/** An app as it is known to be now: nothing runs on a board that is off, paused or silent. */
export function lookOfApp(board: BoardView, app: AppView): Look {
  const now = liveness(board)
  return now === 'live' || !moving.includes(app.state) ? appLook[app.state] : halted[now]
}

/** Whether the app can be told to stop now. */
export function isStoppable(board: BoardView, app: AppView): boolean {
  return liveness(board) === 'live' && (app.state === 'running' || app.state === 'starting')
}

/** Whether the app can be told to start now. A board that is off or silent starts it once it connects. */
export function isStartable({ state }: AppView): boolean {
  return ['installed', 'stopped', 'exited', 'failed'].includes(state)
}

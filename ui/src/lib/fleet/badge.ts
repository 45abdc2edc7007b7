// How states look: shape, colour and word, in one table for boards and one for apps. The workbench derives the board's
// badge; here it only gets its looks.
import type { AppState, Badge } from '../backend/generated'

export type Shape = 'dot' | 'ring' | 'half' | 'arc' | 'square' | 'diamond' | 'dashed' | 'bar'
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

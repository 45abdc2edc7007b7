// How machines and their numbers look.
import type { MachineState } from '../backend/generated'
import type { Look } from '../fleet/badge'

const NBSP = '\u00a0'

export const machineLook: Record<MachineState, Look> = {
  off: { shape: 'power', tone: 'quiet', word: 'off' },
  running: { shape: 'dot', tone: 'running', word: 'running' },
  paused: { shape: 'pause', tone: 'warn', word: 'paused' },
  crashed: { shape: 'square', tone: 'bad', word: 'crashed' },
  ended: { shape: 'power', tone: 'quiet', word: 'ended' },
}

/** Virtual time, with microseconds while it is short, so that a step is visible. */
export function virtualTime(seconds: number): string {
  if (seconds < 1000) return `${seconds.toFixed(6)}${NBSP}s`
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0')
  return `${Math.floor(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}${NBSP}h`
}

/** Virtual seconds per second of the host. */
export function times(speed: number): string {
  return `${speed.toFixed(speed < 10 ? 2 : 0)}${NBSP}×`
}

export function mips(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(1)}${NBSP}GIPS` : `${value.toFixed(value < 10 ? 1 : 0)}${NBSP}MIPS`
}

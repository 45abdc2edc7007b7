// Actions on machines other than switching them on and off.
import { at, attempts } from '../attempts.svelte'
import type { Pace } from '../backend/generated'
import { workbench } from '../workbench.svelte'

export function setPace(board: string, pace: Pace): Promise<unknown> {
  return attempts.run(at.board(board), 'Changing the pace', () => workbench.call('machine.pace', { board, pace }))
}

/** Executes instructions of a paused machine. */
export function step(board: string, count: number): Promise<unknown> {
  return attempts.run(at.board(board), 'Stepping', () => workbench.call('machine.step', { board, count }))
}

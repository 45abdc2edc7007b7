// Limits of a kind of board, and their texts on its page.
import type { BoardKindView, BoardView } from '../backend/generated'
import { workbench } from '../workbench.svelte'

/** The kind of a board; undefined while the kinds are being read. */
export function kindOf(board: Pick<BoardView, 'kind'>): BoardKindView | undefined {
  return workbench.kinds.find((kind) => kind.id === board.kind)
}

/** Why a board takes no apps, in a sentence; null if it takes them. */
export function noApps(board: Pick<BoardView, 'kind' | 'firmware'>): string | null {
  if (board.firmware && !board.firmware.links) return "It runs a program of your own; apps need Drydock's firmware."
  const kind = kindOf(board)
  return kind && !kind.takes_apps ? kind.limit : null
}

/** Why a board sends no measurements, in a sentence; null if it sends them. They need a session and an identity. */
export function noMetrics(board: Pick<BoardView, 'kind' | 'firmware'>): string | null {
  if (board.firmware && !board.firmware.links) return 'It runs a program of your own, which has no identity.'
  const kind = kindOf(board)
  return kind && !kind.enrolls ? kind.limit : null
}

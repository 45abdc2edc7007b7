// The labels of some boards, and what a form about them asks for. Which words can be labels, the workbench decides.
import type { BoardView } from '../backend/generated'

export interface LabelOnSome {
  label: string
  /** How many of the boards have it. */
  boards: number
}

/** The labels that any of the boards has, by name. */
export function labelsOf(boards: BoardView[]): LabelOnSome[] {
  const counts = new Map<string, number>()
  for (const { labels } of boards) for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts].map(([label, boards]) => ({ label, boards })).sort((a, b) => (a.label < b.label ? -1 : 1))
}

/** The words of a text, each once; commas part them, too. */
export function labelsIn(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))]
}

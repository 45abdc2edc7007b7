// Which boards a filter lets through, and in which order they stand.
import type { BoardView } from '../backend/generated'
import { appLook, boardLook } from './badge'

export function parseFilter(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean)
}

/** A view is never changed, only replaced: its text is made once. */
const haystacks = new WeakMap<BoardView, string>()

/** Before the name of a label in a filter. */
const LABEL = 'label:'

/** The filter that lets the boards with a label through. */
export function labelFilter(label: string): string {
  return `${LABEL}${label}`
}

/** Whether every word is found in the board's name, title, chip, engine, state, labels, or in one of its apps. A word
 * `label:lab` stands for just that label, `label:` for any. */
export function matches(board: BoardView, words: string[]): boolean {
  if (words.length === 0) return true
  if (words.some((word) => word.startsWith(LABEL) && !hasLabel(board, word.slice(LABEL.length)))) return false
  let text = haystacks.get(board)
  if (text === undefined) haystacks.set(board, (text = haystack(board)))
  const found = text
  return words.every((word) => word.startsWith(LABEL) || found.includes(word))
}

function hasLabel({ labels }: BoardView, label: string): boolean {
  return label === '' ? labels.length > 0 : labels.includes(label)
}

function haystack(board: BoardView): string {
  const parts = [board.name, board.id, board.kind, board.title, board.chip, boardLook[board.badge].word, board.badge_detail, ...board.labels]
  if (board.machine) parts.push(board.machine.engine)
  for (const app of board.apps) parts.push(app.name, app.version, appLook[app.state].word)
  return parts.join(' ').toLowerCase()
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** `bench-2` stands before `bench-10`. */
export function byName(a: BoardView, b: BoardView): number {
  return collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1)
}

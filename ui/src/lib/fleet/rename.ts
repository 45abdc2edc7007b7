// New names for many boards from one pattern.
import type { BoardView } from '../backend/generated'

export interface Renaming {
  id: string
  from: string
  to: string
}

/** `{n}` is the board's number from 1, `{nn}` and `{nnn}` with leading zeros; `{name}` its name, `{board}` its kind. */
const hole = /\{(n+|name|board)\}/g

/** The names that a pattern gives, in the order of the boards. A pattern without a hole is numbered at its end. */
export function namesFrom(pattern: string, boards: BoardView[]): Renaming[] {
  const text = pattern.trim()
  const whole = boards.length > 1 && !text.match(hole) ? `${text}-{n}` : text
  return boards.map((board, i) => ({
    id: board.id,
    from: board.name,
    to: whole.replace(hole, (_, word: string) => {
      if (word === 'name') return board.name
      if (word === 'board') return board.kind
      return String(i + 1).padStart(word.length, '0')
    }),
  }))
}

/** Why these names cannot be given; null if they can. `taken`: the names of all other boards. */
export function problemOf(renamings: Renaming[], taken: Set<string>): string | null {
  const seen = new Set<string>()
  for (const { to } of renamings) {
    if (to === '') return 'Write a name or a pattern.'
    if (taken.has(to)) return `Another board is called ${to}.`
    if (seen.has(to)) return `Two boards would be called ${to}; put {n} into the pattern.`
    seen.add(to)
  }
  return null
}

/** The order in which to rename, so that no name is given while another of these boards still has it. */
export function inOrder(renamings: Renaming[]): Renaming[] {
  const waiting = renamings.filter(({ from, to }) => from !== to)
  const steps: Renaming[] = []
  while (waiting.length > 0) {
    const held = new Set(waiting.map(({ from }) => from))
    const free = waiting.findIndex(({ to }) => !held.has(to))
    if (free >= 0) steps.push(...waiting.splice(free, 1))
    else {
      // A ring of names: one board steps aside.
      const [first] = waiting
      const aside = { ...first!, to: `${first!.to}-${first!.id}` }
      steps.push(aside)
      waiting[0] = { ...first!, from: aside.to }
    }
  }
  return steps
}

// Finds actions by a few letters of their words.

export interface Action {
  id: string
  title: string
  /** Its object, for example the board. */
  context: string
  key?: string
  run: () => unknown
  /** It cannot be undone: a confirmation that names the object comes first. */
  confirm?: { question: string; yes: string }
}

/** How well an action matches; null if it does not. Smaller is better. */
export function score(action: Pick<Action, 'title' | 'context'>, query: string): number | null {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const title = action.title.toLowerCase()
  const text = `${title} ${action.context.toLowerCase()}`
  let total = 0
  for (const word of words) {
    const inTitle = title.indexOf(word)
    if (inTitle === 0) continue
    if (inTitle > 0) total += title[inTitle - 1] === ' ' ? 1 : 3
    else if (text.includes(word)) total += 4
    else return null
  }
  return total
}

/** The matching actions, best first; equal ones keep their order. */
export function find(actions: Action[], query: string, limit: number): Action[] {
  return actions
    .map((action, order) => ({ action, order, fit: score(action, query) }))
    .filter((a): a is typeof a & { fit: number } => a.fit !== null)
    .sort((a, b) => a.fit - b.fit || a.order - b.order)
    .slice(0, limit)
    .map((a) => a.action)
}

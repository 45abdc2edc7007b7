// Colours of lines. A board's own quantities have fixed colours. An app gets a free colour when it is first seen and
// keeps it, even when other apps come and go.

/** Colours in the theme: `--plot-1` to `--plot-8`. */
export const COLOURS = 8

const fixed: Record<string, number> = { cpu: 1, heap: 2, stack: 3, temperature: 5, link_retries: 6 }
/** The order in which apps get colours: colours that no quantity of the board uses come first. */
const free = [4, 7, 8, 5, 6, 3, 2, 1]
/** The order in which boards get colours: neighbours differ much. */
export const boardOrder = [1, 8, 4, 2, 6, 5, 7, 3]
/** Limit of remembered names; the oldest are dropped first. */
const REMEMBERED = 200

/** The app of a line: `fuel:blink` and `memory:blink` both belong to `blink`. Null for the board's own lines. */
export function appOf(id: string): string | null {
  const [, app] = id.split(':')
  return app ?? null
}

/** The number of a line's colour, from 1. */
export function colourOf(id: string, remembered: Record<string, number>): number {
  const app = appOf(id)
  return (app === null ? fixed[id] : remembered[app]) ?? 1
}

/** The remembered colours after these lines are shown; the same object if nothing is new. */
export function remember(ids: string[], remembered: Record<string, number>, order = free): Record<string, number> {
  let next = remembered
  for (const id of ids) {
    const app = appOf(id)
    if (app === null || app in next) continue
    // Apps that are shown together must differ; if all colours are used, the least used one.
    const beside = new Set(ids.flatMap((other) => next[appOf(other) ?? ''] ?? []))
    const used = (colour: number) => Object.values(next).filter((c) => c === colour).length
    const choice = order.filter((c) => !beside.has(c)).sort((a, b) => used(a) - used(b))[0] ?? order[0]!
    const kept = Object.entries(next).slice(-(REMEMBERED - 1))
    next = { ...Object.fromEntries(kept), [app]: choice }
  }
  return next
}

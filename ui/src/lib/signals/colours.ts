// Which colour a line has. A board's own quantities have fixed colours; an app gets a free one when it is first seen and
// keeps it, whatever comes and goes beside it.

/** Colours in the theme: `--plot-1` to `--plot-8`. */
export const COLOURS = 8

const fixed: Record<string, number> = { cpu: 1, heap: 2, stack: 3, temperature: 5, link_retries: 6 }
/** The order in which apps get colours: those that no quantity of the board has come first. */
const free = [4, 7, 8, 5, 6, 3, 2, 1]
/** Names that are remembered; the oldest go first. */
const REMEMBERED = 200

/** Whose line it is: `fuel:blink` and `memory:blink` are both of the app `blink`. Null: the board's own. */
export function appOf(id: string): string | null {
  const [, app] = id.split(':')
  return app ?? null
}

/** The number of a line's colour, from 1. */
export function colourOf(id: string, remembered: Record<string, number>): number {
  const app = appOf(id)
  return (app === null ? fixed[id] : remembered[app]) ?? 1
}

/** What is remembered once these lines are shown; the very same object when nothing is new. */
export function remember(ids: string[], remembered: Record<string, number>): Record<string, number> {
  let next = remembered
  for (const id of ids) {
    const app = appOf(id)
    if (app === null || app in next) continue
    // Apps beside which this one is shown must not look like it; beyond that, the least used colour.
    const beside = new Set(ids.flatMap((other) => next[appOf(other) ?? ''] ?? []))
    const used = (colour: number) => Object.values(next).filter((c) => c === colour).length
    const choice = free.filter((c) => !beside.has(c)).sort((a, b) => used(a) - used(b))[0] ?? free[0]!
    const kept = Object.entries(next).slice(-(REMEMBERED - 1))
    next = { ...Object.fromEntries(kept), [app]: choice }
  }
  return next
}

// Pure work on console lines: joining, filtering, finding.
import type { LogLine } from '../backend/generated'

/** A line as it is shown; `gap`: how many lines are missing before it. */
export interface Shown {
  line: LogLine
  gap: number
}

/** `old` with the newer ones of `more` behind it, at most `limit` of the newest. Both ascend by sequence. */
export function keepNewest(old: LogLine[], more: LogLine[], limit: number): LogLine[] {
  const last = old.at(-1)?.sequence ?? -1
  const fresh = more.filter((l) => l.sequence > last)
  const all = fresh.length === 0 ? old : old.concat(fresh)
  return all.length > limit ? all.slice(all.length - limit) : all
}

export function sourcesOf(lines: LogLine[]): string[] {
  return [...new Set(lines.map((l) => l.source))].sort()
}

/** The lines of a source that hold a text (letter case aside). Gaps are told only while nothing is filtered away. */
export function shownLines(lines: LogLine[], source: string | null, search: string): Shown[] {
  const wanted = search.trim().toLowerCase()
  if (source === null && wanted === '') {
    return lines.map((line, i) => ({ line, gap: i === 0 ? 0 : line.sequence - lines[i - 1]!.sequence - 1 }))
  }
  return lines
    .filter((l) => (source === null || l.source === source) && (wanted === '' || l.text.toLowerCase().includes(wanted)))
    .map((line) => ({ line, gap: 0 }))
}

/** A text cut where the search was found: odd pieces are hits. */
export function pieces(text: string, search: string): string[] {
  const wanted = search.trim().toLowerCase()
  if (wanted === '') return [text]
  const lower = text.toLowerCase()
  const cut: string[] = []
  let from = 0
  for (;;) {
    const hit = lower.indexOf(wanted, from)
    if (hit < 0) break
    cut.push(text.slice(from, hit), text.slice(hit, hit + wanted.length))
    from = hit + wanted.length
  }
  cut.push(text.slice(from))
  return cut
}

/** The source that a console is filtered to once the apps of its board changed: a removed app is none any more. */
export function sourceAfter(source: string | null, before: string[], now: string[]): string | null {
  return source !== null && before.includes(source) && !now.includes(source) ? null : source
}

/** What can be filtered to: sources of lines, and apps that said nothing yet. */
export function choices(sources: string[], apps: string[]): string[] {
  return [...new Set([...sources, ...apps])].sort()
}

// Pure work on console lines: joining, filtering, finding.
import type { LogLine } from '../backend/generated'
import { plain } from './colours'

/** A displayed line; `gap` is the number of missing lines before it. */
export interface Shown {
  line: LogLine
  gap: number
}

/** `old` followed by the newer ones of `more`, at most the `limit` newest. Both ascend by sequence. */
export function keepNewest(old: LogLine[], more: LogLine[], limit: number): LogLine[] {
  const last = old.at(-1)?.sequence ?? -1
  const fresh = more.filter((l) => l.sequence > last)
  const all = fresh.length === 0 ? old : old.concat(fresh)
  return all.length > limit ? all.slice(all.length - limit) : all
}

export function sourcesOf(lines: LogLine[]): string[] {
  return [...new Set(lines.map((l) => l.source))].sort()
}

/** The lines of a source that contain a text (ignoring case). Gaps are shown only without a filter. */
export function shownLines(lines: LogLine[], source: string | null, search: string): Shown[] {
  const wanted = search.trim().toLowerCase()
  if (source === null && wanted === '') {
    return lines.map((line, i) => ({ line, gap: i === 0 ? 0 : line.sequence - lines[i - 1]!.sequence - 1 }))
  }
  return lines
    .filter((l) => (source === null || l.source === source) && (wanted === '' || plain(l.text).toLowerCase().includes(wanted)))
    .map((line) => ({ line, gap: 0 }))
}

/** The console's source filter after the apps of its board changed: a removed app is no longer a source. */
export function sourceAfter(source: string | null, before: string[], now: string[]): string | null {
  return source !== null && before.includes(source) && !now.includes(source) ? null : source
}

/** Choices of the filter: sources of lines, and apps without lines. */
export function choices(sources: string[], apps: string[]): string[] {
  return [...new Set([...sources, ...apps])].sort()
}

/** A line that came this long before an instant is no longer what happened then, in ms. */
const NEAR_MS = 2000

/** The sequence of the last line that had come at an instant; null if none came shortly before it. */
export function lineAt(shown: Shown[], timeMs: number): number | null {
  const line = shown.findLast(({ line }) => line.time_ms <= timeMs)?.line
  return line && timeMs - line.time_ms <= NEAR_MS ? line.sequence : null
}

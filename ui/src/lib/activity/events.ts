// Subject and outcome of each event: the table for the icons and the filters of the activity list.
import type { ActivityEntry, EventName } from '../backend/generated'
import type { Look } from '../fleet/badge'

export const kinds = ['boards', 'apps', 'machines', 'cables', 'gateway'] as const
export type Kind = (typeof kinds)[number]
export type Course = 'failed' | 'warned' | 'went well' | 'noted'

/** By the first part of an event's name. */
const kindOfPrefix: Record<string, Kind> = {
  board: 'boards',
  device: 'boards',
  app: 'apps',
  package: 'apps',
  machine: 'machines',
  profile: 'machines',
  gdb: 'machines',
  hardware: 'cables',
  job: 'cables',
  error: 'apps',
}

/** An event of a newer workbench is the gateway's. */
export function kindOf(event: EventName | string): Kind {
  return kindOfPrefix[event.split('.')[0]!] ?? 'gateway'
}

const failures: Set<string> = new Set<EventName>([
  'app.trapped',
  'app.refused',
  'connection.refused',
  'device.refused',
  'device.revoked',
  'error',
  'machine.crashed',
  'machine.failed',
])
const warnings: Set<string> = new Set<EventName>([
  'app.cancelled',
  'board.unplugged',
  'device.disconnected',
  'device.superseded',
  'device.unreachable',
  'gateway.recovered',
  'workbench.recovered',
])
const successes: Set<string> = new Set<EventName>(['app.running', 'board.plugged', 'device.connected', 'device.enrolled', 'device.returned'])

export function courseOf({ event, text }: Pick<ActivityEntry, 'event' | 'text'>): Course {
  // An app that ends itself says with which code.
  if (event === 'app.exited') return / with 0\.$/.test(text) ? 'noted' : 'failed'
  if (failures.has(event)) return 'failed'
  if (warnings.has(event)) return 'warned'
  return successes.has(event) ? 'went well' : 'noted'
}

export const courseLook: Record<Course, Look> = {
  failed: { shape: 'square', tone: 'bad', word: 'failed' },
  warned: { shape: 'diamond', tone: 'warn', word: 'warning' },
  'went well': { shape: 'dot', tone: 'running', word: 'done' },
  noted: { shape: 'ring', tone: 'quiet', word: 'noted' },
}

export interface Filter {
  search: string
  /** `failures` and `warnings` filter by outcome, the others by subject. */
  kind: 'all' | 'failures' | Kind
  /** Milliseconds back from now; null for all. */
  spanMs: number | null
}

export const spans: Array<[number | null, string]> = [
  [null, 'any time'],
  [3_600_000, 'last hour'],
  [86_400_000, 'last 24 hours'],
  [7 * 86_400_000, 'last 7 days'],
]

export function passes(entry: ActivityEntry, filter: Filter, nowMs: number): boolean {
  if (filter.spanMs !== null && entry.time_ms < nowMs - filter.spanMs) return false
  if (filter.kind === 'failures' && courseOf(entry) !== 'failed') return false
  if (filter.kind !== 'all' && filter.kind !== 'failures' && kindOf(entry.event) !== filter.kind) return false
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean)
  const text = `${entry.event} ${entry.board ?? ''} ${entry.text} ${courseLook[courseOf(entry)].word}`.toLowerCase()
  return words.every((word) => text.includes(word))
}

/** Entries by day, in the given order, newest first. */
export function byDay(entries: ActivityEntry[], nowMs: number): Array<{ day: string; entries: ActivityEntry[] }> {
  const days: Array<{ day: string; entries: ActivityEntry[] }> = []
  for (const entry of entries) {
    const day = dayOf(entry.time_ms, nowMs)
    const last = days.at(-1)
    if (last?.day === day) last.entries.push(entry)
    else days.push({ day, entries: [entry] })
  }
  return days
}

/** `Today`, `Yesterday`, or `Thu 2026-11-26`, in local time. */
export function dayOf(timeMs: number, nowMs: number): string {
  const t = new Date(timeMs)
  const now = new Date(nowMs)
  if (t.toDateString() === now.toDateString()) return 'Today'
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1)
  if (t.toDateString() === yesterday.toDateString()) return 'Yesterday'
  const two = (n: number) => String(n).padStart(2, '0')
  const weekday = new Intl.DateTimeFormat('en', { weekday: 'short' }).format(t)
  return `${weekday} ${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`
}

// Pure functions on what happened to a board, as its plots mark it: which events are marked, with which word; why a gap began.
import { courseOf } from '../activity/events'
import type { ActivityEntry, BoardView, EventName } from '../backend/generated'
import type { Tone } from '../fleet/badge'
import { firstAtOrAfter, type Gap } from './scale'

export interface Moment {
  id: string
  timeMs: number
  /** One or two words beside the line. */
  label: string
  /** One sentence. */
  text: string
  tone: Tone
  /** Why no samples come from then on, for example `paused`; null if they come on. */
  silence: string | null
  /** A note of the user's own. */
  note: boolean
}

/** Words of marked events; other events are not marked. */
const marked: Partial<Record<string, { label: string; tone: Tone; silence?: string }>> = {
  'app.deploying': { label: 'deploy', tone: 'busy' },
  'app.running': { label: 'start', tone: 'running' },
  'app.stopped': { label: 'stop', tone: 'quiet' },
  'app.exited': { label: 'end', tone: 'quiet' },
  'app.trapped': { label: 'fault', tone: 'bad' },
  'app.refused': { label: 'refused', tone: 'bad' },
  'app.removed': { label: 'remove', tone: 'quiet' },
  'machine.started': { label: 'power on', tone: 'busy' },
  'machine.stopped': { label: 'power off', tone: 'warn', silence: 'off' },
  'machine.restored': { label: 'restore', tone: 'busy', silence: 'restored' },
  'machine.crashed': { label: 'crash', tone: 'bad', silence: 'crashed' },
  'machine.failed': { label: 'failed', tone: 'bad', silence: 'failed' },
  'machine.faulted': { label: 'fault', tone: 'bad' },
  'machine.ended': { label: 'end', tone: 'quiet', silence: 'ended' },
  'device.connected': { label: 'link', tone: 'running' },
  'device.disconnected': { label: 'no link', tone: 'warn', silence: 'no link' },
  'device.unreachable': { label: 'silent', tone: 'warn', silence: 'not heard' },
  'board.plugged': { label: 'plugged', tone: 'running' },
  'board.unplugged': { label: 'unplugged', tone: 'warn', silence: 'unplugged' },
  'board.firmware': { label: 'firmware', tone: 'busy', silence: 'new firmware' },
}

/** Events whose sentence begins with the name of the app. */
const namesApp: Set<string> = new Set<EventName>(['app.deploying', 'app.running', 'app.stopped', 'app.exited', 'app.trapped'])

/** The mark of an event; null if plots do not mark it. */
export function momentOf({ event, time_ms, text }: Pick<ActivityEntry, 'event' | 'time_ms' | 'text'>): Moment | null {
  const look = marked[event]
  if (!look) return null
  const label = namesApp.has(event) ? `${look.label} ${text.split(' ')[0]}` : look.label
  const tone = courseOf({ event, text }) === 'failed' ? 'bad' : look.tone
  return moment(time_ms, label, text, tone, look.silence ?? null, event)
}

function moment(timeMs: number, label: string, text: string, tone: Tone, silence: string | null, kind: string): Moment {
  return { id: `${kind} ${timeMs} ${text}`, timeMs, label, text, tone, silence, note: false }
}

export function noteAt(timeMs: number, text: string): Moment {
  return { ...moment(timeMs, text, text, 'quiet', null, 'note'), note: true }
}

/** The latest that is known of a board's own clock. */
export interface Uptime {
  uptimeMs: number
  heardMs: number
}

/** What a change of a board's view tells that no event does: its time was stopped or let go, or it was reset. `last` is the
    uptime that was known before; null where the board may have a lower one without a reset. */
export function momentsBetween(old: BoardView, now: BoardView, last: Uptime | null, nowMs: number): Moment[] {
  const found: Moment[] = []
  const [before, after] = [old.machine?.state, now.machine?.state]
  if (after === 'paused' && before === 'running') {
    found.push(moment(nowMs, 'pause', `The time of ${now.name} was stopped.`, 'warn', 'paused', 'pause'))
  }
  if (before === 'paused' && after === 'running') found.push(moment(nowMs, 'resume', `The time of ${now.name} goes on.`, 'running', null, 'resume'))
  const uptimeMs = now.device?.uptime_ms ?? null
  if (last !== null && uptimeMs !== null && uptimeMs < last.uptimeMs) {
    const reason = now.device?.reset_reason
    // Its uptime tells when, if its time goes as the host's does; later than the last time it was heard before is certain.
    const at = Math.max(nowMs - uptimeMs, last.heardMs)
    const text = `${now.name} started anew${reason ? `: ${reason}` : ''}.`
    found.push(moment(at, 'reset', text, 'warn', reason ? (reason.includes('reset') ? reason : `reset: ${reason}`) : 'reset', 'reset'))
  }
  return found
}

/** Moments in ascending time, each once. */
export function merged(...lists: Moment[][]): Moment[] {
  const all = new Map(lists.flat().map((m) => [m.id, m]))
  return [...all.values()].sort((a, b) => a.timeMs - b.timeMs)
}

/** Those within a span of time. */
export function within(moments: Moment[], fromMs: number, toMs: number): Moment[] {
  const times = moments.map((m) => m.timeMs)
  return moments.slice(firstAtOrAfter(times, fromMs), firstAtOrAfter(times, toMs + 1))
}

/** Seconds by which an event may be noted before the last sample that came before it. */
const EARLY_MS = 2000

/** A lost link follows from most other causes, and may be noticed before them. */
const symptoms = new Set(['no link', 'not heard'])

/** Why a gap is one; null if nothing that happened explains it. The first cause counts: what follows, follows from it. */
export function causeOf(gap: Gap, moments: Moment[]): string | null {
  const causes = within(moments, gap.fromMs - EARLY_MS, gap.toMs).flatMap((m) => m.silence ?? [])
  return causes.find((cause) => !symptoms.has(cause)) ?? causes[0] ?? null
}

/** The nearest moment before or after an instant; null if there is none. */
export function nextMoment(moments: Moment[], fromMs: number, forward: boolean): Moment | null {
  return (forward ? moments.find((m) => m.timeMs > fromMs + 1) : moments.findLast((m) => m.timeMs < fromMs - 1)) ?? null
}

/** Which labels are drawn, given the pixel and the width of each, so that none covers another one; faults come first. */
export function roomFor(places: Array<{ x: number; width: number; first: boolean }>, plotWidth: number): boolean[] {
  const order = places.map((_, i) => i).sort((a, b) => Number(places[b]!.first) - Number(places[a]!.first) || a - b)
  const taken: Array<[number, number]> = []
  const shown = places.map(() => false)
  for (const i of order) {
    const { x, width } = places[i]!
    const [from, to] = [x, x + width]
    if (from < 0 || to > plotWidth || taken.some(([a, b]) => from < b && to > a)) continue
    taken.push([from, to])
    shown[i] = true
  }
  return shown
}

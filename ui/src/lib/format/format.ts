// How numbers, spans and instants are written. Pure functions; everything is written the same way everywhere.

const NBSP = '\u00a0'
export const EM_DASH = '–'

/** Splits a quantity of bytes into figure and unit; 1 KiB is 1,024 bytes. */
export function bytesParts(bytes: number): [string, string] {
  if (bytes < 1024) return [String(Math.round(bytes)), 'B']
  if (bytes < 1024 * 1024) return [trimmed(bytes / 1024), 'KiB']
  return [trimmed(bytes / (1024 * 1024)), 'MiB']
}

export function bytes(value: number): string {
  return bytesParts(value).join(NBSP)
}

/** A figure with three significant digits and an SI prefix for the unit. */
export function siParts(value: number): [string, string] {
  const size = Math.abs(value)
  if (size >= 1e9) return [significant(value / 1e9), 'G']
  if (size >= 1e6) return [significant(value / 1e6), 'M']
  if (size >= 1e4) return [significant(value / 1e3), 'k']
  if (size >= 100 || Number.isInteger(value)) return [String(Math.round(value)), '']
  return [significant(value), '']
}

/** The value of a series in figure and unit, after the series' unit. */
export function quantity(value: number | null | undefined, unit: string): [string, string] {
  if (value === null || value === undefined || !Number.isFinite(value)) return [EM_DASH, unit === 'B' ? '' : unit]
  if (unit === 'B') return bytesParts(value)
  if (unit === '%') return [value >= 99.95 || value === 0 ? String(Math.round(value)) : value.toFixed(1), '%']
  const [figure, prefix] = siParts(value)
  return [figure, prefix + unit]
}

function trimmed(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, '')
}

function significant(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(2)
}

/** A span in words: `12 s`, `3 min 5 s`, `3 h 12 min`, `2 d 4 h`. */
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  if (s < 60) return `${s}${NBSP}s`
  const min = Math.floor(s / 60)
  if (min < 60) return `${min}${NBSP}min ${s % 60}${NBSP}s`
  const h = Math.floor(min / 60)
  if (h < 24) return `${h}${NBSP}h ${min % 60}${NBSP}min`
  return `${Math.floor(h / 24)}${NBSP}d ${h % 24}${NBSP}h`
}

/** An age in one unit: `now`, `4 s ago`, `3 min ago`. */
export function age(ms: number): string {
  const s = Math.floor(ms / 1000)
  if (s < 1) return 'now'
  if (s < 60) return `${s}${NBSP}s ago`
  if (s < 3600) return `${Math.floor(s / 60)}${NBSP}min ago`
  if (s < 86_400) return `${Math.floor(s / 3600)}${NBSP}h ago`
  return `${Math.floor(s / 86_400)}${NBSP}d ago`
}

/** Local time of day with milliseconds, as the console shows it. */
export function clockMs(timeMs: number): string {
  return `${clock(timeMs)}.${String(new Date(timeMs).getMilliseconds()).padStart(3, '0')}`
}

export function clock(timeMs: number): string {
  const t = new Date(timeMs)
  return [t.getHours(), t.getMinutes(), t.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':')
}

/** Local day and time, for instants that may be long ago. */
export function dayClock(timeMs: number, nowMs: number): string {
  const t = new Date(timeMs)
  if (t.toDateString() === new Date(nowMs).toDateString()) return clock(timeMs)
  const day = `${t.getFullYear()}-${String(t.getMonth() + 1).padStart(2, '0')}-${String(t.getDate()).padStart(2, '0')}`
  return `${day} ${clock(timeMs)}`
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${whole(n)}${NBSP}${n === 1 ? one : many}`
}

const grouped = new Intl.NumberFormat('en')

/** `1,000` */
export function whole(n: number): string {
  return grouped.format(n)
}

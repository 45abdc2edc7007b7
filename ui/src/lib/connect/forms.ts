// What is typed into the forms of the Connect room. Pure functions.
import type { AppSource } from '../backend/generated'

/** Whether a firmware file carries no addresses. */
export function needsAddress(path: string): boolean {
  return /\.(bin|img|raw)$/i.test(path.trim())
}

/** An address of 32 bits, decimal or with `0x`; null if the text is none. */
export function addressOf(text: string): number | null {
  const digits = text.trim().replaceAll('_', '')
  if (!/^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(digits)) return null
  const value = Number(digits)
  return value <= 0xffff_ffff ? value : null
}

/** Bits per second; null if the text is none. */
export function baudOf(text: string): number | null {
  const value = Number(text.trim())
  return Number.isInteger(value) && value >= 50 && value <= 12_000_000 ? value : null
}

/** A TCP port; null for any, undefined if the text is none. */
export function portOf(text: string): number | null | undefined {
  if (text.trim() === '') return null
  const value = Number(text.trim())
  return Number.isInteger(value) && value >= 1 && value <= 65_535 ? value : undefined
}

/** Why boards cannot be named so; null if they can. */
export function namingProblem(pattern: string, boards: number): string | null {
  if (pattern.trim() === '') return boards > 1 ? 'Give a name with {n}, so that each board gets its own.' : null
  if (boards > 1 && !pattern.includes('{n}')) return 'The name of several boards needs {n}, which becomes a number.'
  return null
}

/** The first names that a pattern gives, as an example. */
export function names(pattern: string, taken: (name: string) => boolean, boards: number): string[] {
  if (!pattern.includes('{n}')) return [pattern.trim()]
  const found: string[] = []
  for (let n = 1; found.length < boards && n < 100_000; n++) {
    const name = pattern.trim().replaceAll('{n}', String(n))
    if (!taken(name)) found.push(name)
  }
  return found
}

/** Words separated by commas or spaces. */
export function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean)
}

/** `sensor.wasm`, or the name of the sample. */
export function appName(app: AppSource | null): string | null {
  if (app === null) return null
  if ('sample' in app) return app.sample
  return 'path' in app ? app.path.split(/[\\/]/).at(-1)! : app.bytes.name
}

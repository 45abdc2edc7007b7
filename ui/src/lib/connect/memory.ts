// What is typed to read memory over a probe, and how values look. Pure functions.

/** Most bytes of one request. */
export const MOST_BYTES = 64 * 1024
/** One after the last address. */
const END = 2 ** 32

/** An address of 32 bits, hexadecimal with or without `0x`; null if the text is none. */
export function hexAddressOf(text: string): number | null {
  const digits = text.trim().replaceAll('_', '')
  return /^(0x)?[0-9a-f]{1,8}$/i.test(digits) ? parseInt(digits, 16) : null
}

/** A number of bytes, decimal or with `0x`; null if the text is none that is read at once. */
export function lengthOf(text: string): number | null {
  const digits = text.trim().replaceAll('_', '')
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(digits)) return null
  const value = Number(digits)
  return value >= 1 && value <= MOST_BYTES ? value : null
}

/** Why memory cannot be read so, in a sentence; null if it can be asked for. */
export function memoryProblem(address: string, length: string): string | null {
  const from = hexAddressOf(address)
  const count = lengthOf(length)
  if (from === null) return 'The address is hexadecimal, up to 8 digits.'
  if (count === null) return `The length is 1 to ${MOST_BYTES.toLocaleString('en')} bytes.`
  return from + count > END ? 'It goes past the last address, 0xffffffff.' : null
}

/** `0x2000ff3c` */
export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`
}

/** The registers whose values are not those of an earlier read; none without one. */
export function changedSince<R extends { name: string; value: number }>(before: R[] | undefined, now: R[]): Set<string> {
  const old = new Map(before?.map(({ name, value }) => [name, value]))
  return new Set(now.filter(({ name, value }) => old.has(name) && old.get(name) !== value).map(({ name }) => name))
}

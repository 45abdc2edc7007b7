// Bytes of a serial port to lines of text: UTF-8 with replacement, in the board's colours, other control characters made
// visible. Keeps a bounded number of lines and bytes. No board can make it fail.

import { PLAIN, styled, type Run, type Style } from '../console/colours'

/** Bounds of what one terminal keeps. */
export const MOST_LINES = 5000
export const MOST_BYTES = 256 * 1024
/** A line that is longer goes on in the next one. */
export const MOST_COLUMNS = 2000

export interface TerminalLine {
  /** Counts from the first line ever. */
  id: number
  /** When its first character arrived. */
  timeMs: number
  text: string
  /** The line in pieces of one style each; null without colours. */
  runs: Run[] | null
}

/** Where the decoder is within an escape sequence: `csi` ends with a letter, `osc` with BEL or ESC \. */
type Escape = 'none' | 'esc' | 'charset' | 'csi' | 'osc' | 'osc esc'

/** A sequence that does not end is text after this many characters. */
const MOST_ESCAPE = 256

export class Terminal {
  lines: TerminalLine[] = []
  /** Raw bytes, for the hexadecimal view. */
  bytes: number[] = []
  /** Bytes that went before the first kept one. */
  droppedBytes = 0
  #decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })
  #next = 0
  #escape: Escape = 'none'
  #sequence = ''
  /** The line that is being written, and where the next character goes. */
  #cells: string[] = []
  /** The styles of its characters, where one was set. */
  #styles: Style[] = []
  #style: Style = PLAIN
  #column = 0
  #open: TerminalLine | null = null

  feed(bytes: Uint8Array, timeMs: number): void {
    for (const byte of bytes) this.bytes.push(byte)
    // Not at every byte: dropping copies the rest.
    if (this.bytes.length > MOST_BYTES * 1.25) {
      const over = this.bytes.length - MOST_BYTES
      this.bytes = this.bytes.slice(over)
      this.droppedBytes += over
    }
    for (const char of this.#decoder.decode(bytes, { stream: true })) this.#take(char, timeMs)
    this.#flush()
    if (this.lines.length > MOST_LINES) this.lines = this.lines.slice(-MOST_LINES)
  }

  clear(): void {
    this.lines = []
    this.bytes = []
    this.droppedBytes = 0
    this.#cells = []
    this.#styles = []
    this.#column = 0
    this.#open = null
  }

  #take(char: string, timeMs: number): void {
    if (this.#escape !== 'none') {
      this.#sequence += char
      if (this.#inEscape(char)) return
      // It was none: what was held back is shown.
      const held = this.#sequence
      this.#sequence = ''
      for (const c of held) this.#put(picture(c), timeMs)
      return
    }
    if (char === '\x1b') {
      this.#escape = 'esc'
      this.#sequence = char
    } else if (char === '\n') {
      this.#line(timeMs)
      this.#flush()
      this.#open = null
      this.#cells = []
      this.#styles = []
      this.#column = 0
    } else if (char === '\r') this.#column = 0
    else if (char === '\b') this.#column = Math.max(0, this.#column - 1)
    else this.#put(picture(char), timeMs)
  }

  /** Whether the character belongs to a sequence; on false the sequence is text. */
  #inEscape(char: string): boolean {
    const is = (next: Escape) => {
      this.#escape = next
      if (next === 'none') this.#sequence = ''
      return true
    }
    if (this.#sequence.length > MOST_ESCAPE) {
      this.#escape = 'none'
      return false
    }
    switch (this.#escape) {
      case 'esc':
        if (char === '[') return is('csi')
        if (char === ']') return is('osc')
        if (char === '(' || char === ')') return is('charset')
        if (/[78=>cDEHMNOZ]/.test(char)) return is('none')
        break
      case 'charset':
        return is('none')
      case 'csi':
        if (/[\x20-\x3f]/.test(char)) return true
        if (char === 'm') this.#style = styled(this.#style, this.#sequence.slice(2, -1))
        if (/[\x40-\x7e]/.test(char)) return is('none')
        break
      case 'osc':
        if (char === '\x07') return is('none')
        return is(char === '\x1b' ? 'osc esc' : 'osc')
      case 'osc esc':
        return is(char === '\\' ? 'none' : 'osc')
    }
    this.#escape = 'none'
    return false
  }

  #put(char: string, timeMs: number): void {
    if (this.#column >= MOST_COLUMNS) {
      this.#flush()
      this.#open = null
      this.#cells = []
      this.#styles = []
      this.#column = 0
    }
    this.#line(timeMs)
    this.#cells[this.#column] = char
    if (this.#style !== PLAIN || this.#styles[this.#column]) this.#styles[this.#column] = this.#style
    this.#column += 1
  }

  #line(timeMs: number): void {
    if (this.#open) return
    this.#open = { id: this.#next++, timeMs, text: '', runs: null }
    this.lines.push(this.#open)
  }

  #flush(): void {
    if (!this.#open) return
    const text = this.#cells.join('')
    const runs = this.#runs()
    if (text === this.#open.text && runs === null && this.#open.runs === null) return
    // A new object, so that the page draws the line again.
    this.#open = { ...this.#open, text, runs }
    this.lines[this.lines.length - 1] = this.#open
  }

  #runs(): Run[] | null {
    if (this.#styles.length === 0) return null
    const runs: Run[] = []
    this.#cells.forEach((char, column) => {
      const { ink, bold } = this.#styles[column] ?? PLAIN
      const last = runs.at(-1)
      if (last && last.ink === ink && last.bold === bold) last.text += char
      else runs.push({ text: char, ink, bold, hit: false })
    })
    return runs
  }
}

/** A control character in caret notation, which every font has: `^@` for NUL; tabs stay. */
function picture(char: string): string {
  const code = char.codePointAt(0)!
  if (code === 9 || (code >= 0x20 && code < 0x7f) || code >= 0xa0) return char
  if (code < 0x20 || code === 0x7f) return `^${String.fromCodePoint(code ^ 0x40)}`
  return '\ufffd'
}

export interface HexRow {
  /** Position of its first byte since the terminal was opened, or its address. */
  offset: number
  hex: string
  text: string
}

/** Rows of `width` bytes, whose offsets are multiples of it; at most `most`, the last ones. `dropped`: the first offset. */
export function hexRows(bytes: ArrayLike<number>, dropped: number, most: number, width: number): HexRow[] {
  const rows: HexRow[] = []
  const end = dropped + bytes.length
  const first = Math.max(Math.floor(dropped / width), Math.ceil(end / width) - most)
  for (let offset = first * width; offset < end; offset += width) {
    const row: string[] = []
    let text = ''
    for (let at = offset; at < Math.min(offset + width, end); at++) {
      const byte = bytes[at - dropped]
      row.push(byte === undefined ? '  ' : byte.toString(16).padStart(2, '0'))
      text += byte === undefined ? ' ' : byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'
    }
    rows.push({ offset, hex: row.join(' ').padEnd(width * 3 - 1), text })
  }
  return rows
}

export const lineEndings = { none: '', LF: '\n', CR: '\r', 'CR LF': '\r\n' } as const
export type LineEnding = keyof typeof lineEndings

/** The bytes that a typed line stands for; null if it is hexadecimal and is not. */
export function typedBytes(line: string, hex: boolean, ending: LineEnding): Uint8Array | null {
  if (!hex) return new TextEncoder().encode(line + lineEndings[ending])
  const digits = line.replace(/0x|[\s,]/gi, '')
  if (digits === '' || digits.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(digits)) return null
  return Uint8Array.from(digits.match(/../g)!, (byte) => parseInt(byte, 16))
}

export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

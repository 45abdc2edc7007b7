// The terminals of serial ports and debug probes: what they received, and what was typed into them. They stay when the panel is closed.
import { asApiError } from '../backend/backend'
import type { ApiError, ConsoleView } from '../backend/generated'
import { at, attempts } from '../attempts.svelte'
import { workbench } from '../workbench.svelte'
import { fromBase64, Terminal, toBase64, typedBytes, type LineEnding } from './terminal'

/** Lines that are kept of what was typed. */
const TYPED = 100
export const bauds = [9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600, 1_000_000, 2_000_000]

export class BoardConsole {
  readonly path: string
  /** The terminal in the workbench without its bytes; null if it is not open. */
  view = $state.raw<Omit<ConsoleView, 'chunks'> | null>(null)
  /** Whether the workbench was asked. */
  asked = $state(false)
  /** Where the workbench appends what arrives, if this window opened it. */
  log = $state<string | null>(null)
  /** The ELF file with which this window opened it last; null shows what arrives as it is. */
  defmt = $state<string | null>(null)
  /** Rises with each change of the text. */
  version = $state(0)
  hex = $state(false)
  times = $state(false)
  follow = $state(true)
  line = $state('')
  ending = $state<LineEnding>('LF')
  sendHex = $state(false)
  sendError = $state.raw<ApiError | null>(null)
  readonly terminal = new Terminal()
  #last: number | null = null
  /** Counts the updates: an answer during which one came is older than it. */
  #updates = 0
  #typed: string[] = []
  #back = 0
  #draft = ''

  constructor(path: string) {
    this.path = path
  }

  /** Reads what the workbench has, if it has a terminal here. */
  async attach(): Promise<void> {
    const before = this.#updates
    try {
      this.take(await workbench.call('console.read', { path: this.path, after: this.#last }), this.#updates === before)
    } catch {
      this.view = null
    }
    this.asked = true
  }

  /** `baud`: of a port. `kind`: of the board behind a probe, if the probe does not tell it. `defmt`: an ELF file. */
  async open({ baud = 0, kind = null, log, defmt }: { baud?: number; kind?: string | null; log: string | null; defmt: string | null }): Promise<void> {
    const before = this.#updates
    const what = baud > 0 ? 'Opening the port' : 'Opening the probe'
    const view = await attempts.run(at.connect, what, () => workbench.call('console.open', { path: this.path, baud, kind, log, defmt }))
    if (!view) return
    this.log = log
    this.defmt = defmt
    this.#forget()
    this.take(view, this.#updates === before)
    // Bytes that came before the answer are in it, or are read now.
    await this.attach()
  }

  async close(): Promise<void> {
    const { path } = this
    const closed = await attempts.run(at.connect, 'Closing', () => workbench.call('console.close', { path }))
    if (!closed) return
    this.view = null
    this.#forget()
  }

  /** An update. If chunks before it are missing, they are read. */
  update(view: ConsoleView): void {
    this.#updates += 1
    const first = view.chunks[0]?.sequence
    if (first !== undefined && first > (this.#last ?? 0) + 1) void this.attach()
    else this.take(view)
  }

  /** `newest`: its state is that of now; else only what arrived is taken. */
  take({ chunks, ...view }: ConsoleView, newest = true): void {
    if (newest || this.view === null) this.view = view
    for (const { sequence, time_ms, base64 } of chunks) {
      if (this.#last !== null && sequence <= this.#last) continue
      this.#last = sequence
      this.terminal.feed(fromBase64(base64), time_ms)
    }
    if (chunks.length > 0) this.version += 1
  }

  async send(): Promise<boolean> {
    const bytes = typedBytes(this.line, this.sendHex, this.ending)
    if (!bytes) {
      this.sendError = { code: 'usage', message: 'Type bytes as pairs of hexadecimal digits, for example 0d 0a.', detail: null }
      return false
    }
    const sent = this.line
    this.sendError = null
    try {
      await workbench.call('console.send', { path: this.path, base64: toBase64(bytes) })
    } catch (thrown) {
      this.sendError = asApiError(thrown)
      return false
    }
    if (sent !== '' && this.#typed.at(-1) !== sent) this.#typed = [...this.#typed, sent].slice(-TYPED)
    this.#back = 0
    if (this.line === sent) this.line = ''
    return true
  }

  /** Moves `by` lines back in what was typed, or forward again; the line that was being typed is at its end. */
  recall(by: number): void {
    const back = Math.min(this.#typed.length, Math.max(0, this.#back + by))
    if (back === this.#back) return
    if (this.#back === 0) this.#draft = this.line
    this.#back = back
    this.line = back === 0 ? this.#draft : (this.#typed.at(-back) ?? '')
  }

  clear(): void {
    this.terminal.clear()
    this.version += 1
  }

  #forget(): void {
    this.#last = null
    this.clear()
  }
}

const consoles = new Map<string, BoardConsole>()

export function boardConsole(path: string): BoardConsole {
  const known = consoles.get(path)
  if (known) return known
  const made = new BoardConsole(path)
  consoles.set(path, made)
  return made
}

/** An update about a terminal; one that this window never opened is read when its panel opens. */
export function takeConsole(view: ConsoleView): void {
  const known = consoles.get(view.path)
  if (known?.asked) known.update(view)
}

/** Updates were lost: reads what the open terminals missed. */
export function rereadConsoles(): void {
  for (const known of consoles.values()) if (known.view) void known.attach()
}

/** Forgets all terminals. */
export function dropConsoles(): void {
  consoles.clear()
}

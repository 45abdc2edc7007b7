// Registers and memory that were read over debug probes, and what is typed to read memory. They stay when the panel is closed.
import { at, attempts } from '../attempts.svelte'
import type { RegisterView } from '../backend/generated'
import { count } from '../format/format'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import { changedSince, hex32, hexAddressOf, lengthOf } from './memory'
import { fromBase64 } from './terminal'

export interface ReadRegisters {
  registers: RegisterView[]
  /** Those with another value than at the read before. */
  changed: Set<string>
  /** What was done to the core, as a sentence. */
  text: string
  atMs: number
}

export interface ReadMemory {
  address: number
  bytes: Uint8Array
  atMs: number
}

/** What is known of one probe's board. */
class Peek {
  registers = $state.raw<ReadRegisters | null>(null)
  memory = $state.raw<ReadMemory | null>(null)
  /** As typed. RAM of every chip with a probe begins here. */
  address = $state('0x20000000')
  length = $state('256')
  readonly #probe: string

  constructor(probe: string) {
    this.#probe = probe
  }

  /** `name`: of the board, for people. */
  async readRegisters(name: string): Promise<void> {
    const probe = this.#probe
    const read = await attempts.run(at.registers(probe), 'Reading registers', () => workbench.call('probe.registers', { probe }))
    if (!read) return
    const { registers, text } = read
    this.registers = { registers, text, changed: changedSince(this.registers?.registers, registers), atMs: Date.now() }
    announcer.say(`Read ${count(registers.length, 'register')} of ${name}`)
  }

  /** Reads what is typed, if that makes sense. */
  async readMemory(name: string): Promise<void> {
    const probe = this.#probe
    const [address, length] = [hexAddressOf(this.address), lengthOf(this.length)]
    if (address === null || length === null) return
    const read = await attempts.run(at.memory(probe), 'Reading memory', () => workbench.call('probe.read', { probe, address, length }))
    if (!read) return
    this.memory = { address: read.address, bytes: fromBase64(read.base64), atMs: Date.now() }
    announcer.say(`Read ${count(length, 'byte')} of ${name} at ${hex32(address)}`)
  }
}

const all = new Map<string, Peek>()

/** That of a probe, by its id. */
export function peekOf(probe: string): Peek {
  const known = all.get(probe)
  if (known) return known
  const made = new Peek(probe)
  all.set(probe, made)
  return made
}

/** Forgets everything that was read. */
export function dropPeeks(): void {
  all.clear()
}

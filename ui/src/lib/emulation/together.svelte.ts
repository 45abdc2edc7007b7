// The total speed of all machines: executed instructions per time. The speeds of single machines do not add up: they
// apply only while a machine executes, and a machine that sleeps most of the time seldom executes.
import { fleet } from '../fleet/fleet.svelte'

/** Time over which the rate is computed; the views of a large fleet are some seconds old. */
const SPAN_MS = 10_000

class Together {
  /** Million instructions a second; null if not known yet. */
  mips = $state<number | null>(null)
  /** Instructions of each machine at the last reading. */
  #before = new Map<string, number>()
  /** All that were carried out between two looks, counted up. */
  #seen: Array<{ ms: number; done: number }> = []

  /** Called once a second. */
  look(ms: number): void {
    let done = this.#seen.at(-1)?.done ?? 0
    const now = new Map<string, number>()
    for (const { id, machine } of fleet.boards.values()) {
      if (machine?.state !== 'running') continue
      now.set(id, machine.instructions)
      // A new or restarted machine is counted from here.
      done += Math.max(0, machine.instructions - (this.#before.get(id) ?? Infinity))
    }
    this.#before = now
    this.#seen.push({ ms, done })
    const first = this.#seen.findLast((seen) => ms - seen.ms >= SPAN_MS) ?? this.#seen[0]!
    this.#seen = this.#seen.filter((seen) => seen.ms >= first.ms)
    this.mips = ms > first.ms ? (done - first.done) / (ms - first.ms) / 1000 : null
  }
}

export const together = new Together()

// Adding many machines: one after the other, with progress, and cancellable; machines already added stay.
import { at, attempts } from '../attempts.svelte'
import type { BoardAdd } from '../backend/generated'
import { count } from '../format/format'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'

/** Most machines that are added at once. */
export const MOST = 1000

interface Under {
  done: number
  total: number
  startedMs: number
}

class Additions {
  /** The machines being added; null if there are none. */
  under = $state.raw<Under | null>(null)
  #cancelled = false

  async start(total: number, board: BoardAdd): Promise<void> {
    this.#cancelled = false
    let done = 0
    const startedMs = Date.now()
    this.under = { done, total, startedMs }
    while (done < total && !this.#cancelled) {
      const added = await attempts.run(at.add, 'Starting the machine', () => workbench.call('board.add', board))
      if (!added) break
      done += 1
      this.under = { done, total, startedMs }
    }
    this.under = null
    announcer.say(done === total ? `Added ${count(done, 'machine')}` : `Added ${done} of ${count(total, 'machine')}`)
  }

  cancel(): void {
    this.#cancelled = true
  }
}

export const additions = new Additions()

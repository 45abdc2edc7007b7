// The ports for debuggers: of emulated boards by their id, of boards behind debug probes by the id of the probe.
import { SvelteMap } from 'svelte/reactivity'
import { attempts } from '../attempts.svelte'
import type { GdbOpen, GdbView } from '../backend/generated'
import { workbench } from '../workbench.svelte'

/** Interval of asking how a port is. */
const LOOK_MS = 1000

/** What is asked for; null leaves the choice to the workbench. */
export type GdbWanted = Omit<GdbOpen, 'board'>

class GdbPorts {
  /** As they were last heard of; nothing is known of the others. */
  readonly views = new SvelteMap<string, GdbView>()
  /** Requests that changed a port: what was asked before their answers is older than these. */
  #changes = 0

  /** Asks how a port is, again and again, until the returned function is called. */
  watch(id: string): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    const look = async () => {
      const changes = this.#changes
      try {
        const view = await workbench.call('gdb.view', { board: id })
        if (changes === this.#changes && !isOver) this.views.set(id, view)
      } catch {
        // The board was removed: there is nothing to ask until it is back.
      }
      if (!isOver) timer = setTimeout(look, LOOK_MS)
    }
    this.views.delete(id)
    void look()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }

  /** `place`: where a refusal is shown. */
  async open(place: string, id: string, wanted: GdbWanted = { port: null, kind: null, elf: null }): Promise<void> {
    this.#changed(id, await attempts.run(place, 'Opening a port', () => workbench.call('gdb.open', { board: id, ...wanted })))
  }

  async close(place: string, id: string): Promise<void> {
    this.#changed(id, await attempts.run(place, 'Closing the port', () => workbench.call('gdb.close', { board: id })))
  }

  #changed(id: string, view: GdbView | null): void {
    if (!view) return
    this.#changes += 1
    this.views.set(id, view)
  }
}

export const gdbPorts = new GdbPorts()

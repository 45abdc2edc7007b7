// Requests without an answer yet, and refused ones, by the place in the window where the user made them, so that the
// answer appears there.
import { SvelteMap } from 'svelte/reactivity'
import { asApiError } from './backend/backend'
import type { ApiError } from './backend/generated'
import { announcer } from './status/announce.svelte'

class Attempts {
  readonly pending = new SvelteMap<string, string>()
  readonly errors = new SvelteMap<string, ApiError>()

  /** Runs a request that belongs to a place. Null if it failed; the place then shows why. */
  async run<T>(place: string, what: string, act: () => Promise<T>): Promise<T | null> {
    this.pending.set(place, what)
    this.errors.delete(place)
    try {
      return await act()
    } catch (thrown) {
      this.fail(place, asApiError(thrown))
      return null
    } finally {
      this.pending.delete(place)
    }
  }

  fail(place: string, error: ApiError): void {
    this.errors.set(place, error)
    announcer.say(error.message, 'bad')
  }

  dismiss(place: string): void {
    this.errors.delete(place)
  }
}

export const attempts = new Attempts()

/** The places. */
export const at = {
  board: (id: string) => `board ${id}`,
  machine: (id: string) => `machine ${id}`,
  app: (id: string, app: string) => `app ${id} ${app}`,
  deploy: (id: string) => `deploy ${id}`,
  signals: (id: string) => `signals ${id}`,
  /** Many boards at once. */
  marks: 'marks',
  add: 'add board',
  settings: 'settings',
  drop: 'drop',
  /** The panel of the Connect room. */
  connect: 'connect',
  hardware: 'hardware',
  virtual: 'virtual board',
  cable: (key: string) => `cable ${key}`,
  /** The profile over a probe. */
  samples: (probe: string) => `samples ${probe}`,
  stopping: (probe: string) => `stopping ${probe}`,
  registers: (probe: string) => `registers ${probe}`,
  memory: (probe: string) => `memory ${probe}`,
  /** The GDB server over a probe. */
  gdb: (probe: string) => `gdb ${probe}`,
  evidence: 'evidence',
  job: (id: number) => `job ${id}`,
}

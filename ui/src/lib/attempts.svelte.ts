// What was asked for and has not been answered, and what was refused: by the place in the window where it was asked, so
// that the answer stands there.
import { SvelteMap } from 'svelte/reactivity'
import { asApiError } from './backend/backend'
import type { ApiError } from './backend/generated'
import { announcer } from './status/announce.svelte'

class Attempts {
  readonly pending = new SvelteMap<string, string>()
  readonly errors = new SvelteMap<string, ApiError>()

  /** Does something that belongs to a place. Null: it failed, and the place says why. */
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
}

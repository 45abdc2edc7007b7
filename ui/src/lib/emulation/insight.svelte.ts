// Profiles of the inspected machine.
import { at, attempts } from '../attempts.svelte'
import type { BoardView, ProfileFormat, ProfileView } from '../backend/generated'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import type { Speedscope } from './flame'

/** Functions in the list beside the flame graph. */
const TOP = 40
/** Interval of reading a profile during its recording. */
const LOOK_MS = 1000

class Insight {
  board = $state<string | null>(null)
  profile = $state.raw<ProfileView | null>(null)
  /** The calls of the finished profile; null if not read yet. */
  file = $state.raw<Speedscope | null>(null)
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Watches a board's profile until the returned function is called. */
  watch(board: string): () => void {
    this.board = board
    this.profile = null
    this.file = null
    void this.#look(board)
    return () => {
      this.board = null
      clearTimeout(this.#timer)
    }
  }

  async start(board: BoardView, seconds: number | null, restart: boolean): Promise<void> {
    this.file = null
    const begun = await attempts.run(at.machine(board.id), 'Beginning the profile', () =>
      workbench.call('profile.start', { board: board.id, for_s: seconds, restart }),
    )
    if (begun && this.board === board.id) {
      this.profile = begun
      void this.#look(board.id)
    }
  }

  async stop(board: BoardView, discard = false): Promise<void> {
    const ended = await attempts.run(at.machine(board.id), 'Ending the profile', () =>
      workbench.call('profile.stop', { board: board.id, top: TOP, discard }),
    )
    if (!ended || this.board !== board.id) return
    this.profile = ended
    await this.#read(board.id)
  }

  /** Reads the calls for the flame graph, in the form that other tools read too. */
  async #read(board: string): Promise<void> {
    if (this.profile?.state !== 'finished') return
    const made = await attempts.run(at.machine(board), 'Reading the profile', () =>
      workbench.call('profile.export', { board, format: 'speedscope', weight: 'cycles', dark: false, path: null }),
    )
    if (made?.base64 && this.board === board) this.file = JSON.parse(textOf(made.base64)) as Speedscope
  }

  async save(board: BoardView, format: ProfileFormat, extension: string): Promise<void> {
    const saved = await attempts.run(at.machine(board.id), 'Saving', async () => {
      const path = await workbench.backend.chooseSavePath(`${board.name}-profile.${extension}`, extension, 'Save the profile')
      if (path === null) return null
      return await workbench.call('profile.export', { board: board.id, format, weight: 'cycles', dark: false, path })
    })
    if (saved?.path) announcer.say(`Saved ${saved.path}`)
  }

  async #look(board: string): Promise<void> {
    clearTimeout(this.#timer)
    try {
      const profile = await workbench.call('profile.view', { board, top: TOP })
      if (this.board !== board) return
      this.profile = profile
      if (profile.state === 'finished' && this.file === null) await this.#read(board)
    } catch {
      // The board was removed, or is off: there is nothing to read until it is back.
    }
    if (this.board === board) this.#timer = setTimeout(() => void this.#look(board), LOOK_MS)
  }
}

function textOf(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)))
}

export const insight = new Insight()

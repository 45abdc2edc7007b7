// The snapshots of the inspected machine, and actions on snapshots and forks.
import { at, attempts } from '../attempts.svelte'
import type { BoardView, SnapshotSource, SnapshotView } from '../backend/generated'
import { count } from '../format/format'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'

class Snapshots {
  /** Those of `board`, the oldest first. */
  list = $state.raw<SnapshotView[]>([])
  board = $state<string | null>(null)

  async read(board: string): Promise<void> {
    if (this.board !== board) this.list = []
    this.board = board
    const list = await attempts.run(at.machine(board), 'Reading the snapshots', () => workbench.call('snapshot.list', { board }))
    if (list && this.board === board) this.list = list
  }

  async take(board: BoardView): Promise<void> {
    const taken = await this.#act(board, 'Taking a snapshot', () => workbench.call('snapshot.take', { board: board.id, name: null }))
    if (taken) announcer.say(`Took ${taken.name} of ${board.name}`)
  }

  async restore(board: BoardView, from: SnapshotSource): Promise<void> {
    const what = 'name' in from ? from.name : 'the file'
    const done = await this.#act(board, `Going back to ${what}`, () => workbench.call('snapshot.restore', { board: board.id, from }))
    if (done) announcer.say(`${board.name} is back at ${what} and connects again`)
  }

  async delete(board: BoardView, snapshot: string): Promise<void> {
    await this.#act(board, `Deleting ${snapshot}`, () => workbench.call('snapshot.delete', { board: board.id, snapshot }))
  }

  /** `snapshot` null takes the machine's current state. */
  async save(board: BoardView, snapshot: string | null): Promise<void> {
    const saved = await this.#act(board, 'Saving', async () => {
      const suggested = `${board.name}-${snapshot ?? 'now'}.${EXTENSION}`.replaceAll(' ', '-')
      const path = await workbench.backend.chooseSavePath(suggested, EXTENSION, 'Save the snapshot')
      return path === null ? null : await workbench.call('snapshot.export', { board: board.id, snapshot, path })
    })
    if (saved) announcer.say(`Saved ${saved.path}`)
  }

  async open(board: BoardView): Promise<void> {
    const read = await this.#act(board, 'Reading a snapshot', async () => {
      const path = await workbench.backend.chooseOpenPath('Read a snapshot', EXTENSION)
      return path === null ? null : await workbench.call('snapshot.import', { board: board.id, path, name: null })
    })
    if (read) announcer.say(`Read ${read.name}`)
  }

  /** `from`: the state that an unlinked fork continues from; undefined makes a linked fork with its own identity. */
  async fork(board: BoardView, many: number, from?: SnapshotSource | null): Promise<void> {
    const made = await this.#act(board, 'Forking', () =>
      workbench.call('board.fork', { board: board.id, count: many, name: null, unlinked: from !== undefined, from: from ?? null }),
    )
    if (made) announcer.say(`Made ${count(made.length, 'fork')} of ${board.name}`)
  }

  async #act<T>(board: BoardView, what: string, act: () => Promise<T>): Promise<T | null> {
    const done = await attempts.run(at.machine(board.id), what, act)
    if (done !== null && this.board === board.id) this.list = await workbench.call('snapshot.list', { board: board.id })
    return done
  }
}

/** Of snapshot files. */
const EXTENSION = 'snap'

export const snapshots = new Snapshots()

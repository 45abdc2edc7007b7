// Where the user is: which panel, which board, which boards are marked.
import { SvelteSet } from 'svelte/reactivity'
import { fleet } from './fleet/fleet.svelte'

export type Panel = 'fleet' | 'activity' | 'settings'

class Place {
  panel = $state<Panel>('fleet')
  paletteOpen = $state(false)
  /** The form that adds a board is open. */
  adding = $state(false)
  /** The card that fills the board's page, if one does. */
  maximised = $state<string | null>(null)
  /** Boards that are acted on together. */
  readonly marked = new SvelteSet<string>()
  #board = $state<string | null>(null)

  /** The open board; while none was chosen, the first one. */
  readonly boardId: string | null = $derived.by(() => {
    if (this.#board !== null && fleet.boards.has(this.#board)) return this.#board
    return fleet.order[0] ?? null
  })

  open(board: string): void {
    this.#board = board
    this.panel = 'fleet'
  }

  /** The boards that an action without a named board is for. */
  targets(): string[] {
    const marked = fleet.order.filter((id) => this.marked.has(id))
    if (marked.length > 0) return marked
    return this.boardId === null ? [] : [this.boardId]
  }
}

export const place = new Place()

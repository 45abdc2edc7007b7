// The user's place: the open panel, the open board, the marked boards.
import { SvelteSet } from 'svelte/reactivity'
import type { CardName } from './board/cards'
import { fleet } from './fleet/fleet.svelte'
import { preferences } from './settings/preferences.svelte'

const panels = ['fleet', 'emulation', 'connect', 'activity', 'plots', 'settings'] as const
export type Panel = (typeof panels)[number]

class Place {
  paletteOpen = $state(false)
  /** The list of keys is open. */
  keysOpen = $state(false)
  /** The board whose name is being changed in its header. */
  renaming = $state<string | null>(null)
  /** The board whose header asks whether to remove it. */
  removing = $state<string | null>(null)
  /** The form that adds a board is open. */
  adding = $state(false)
  /** The card that fills the board's page, if one does. */
  maximised = $state<CardName | null>(null)
  /** The dragged card, and the card with which it would change places. */
  moving = $state<{ card: CardName; onto: CardName | null } | null>(null)
  /** The content of a window that shows a single card. */
  alone = $state.raw<{ board: string; card: CardName } | null>(null)
  /** The machine that the Emulation page inspects. */
  inspected = $state<string | null>(null)
  /** The Emulation page shows the profile of that machine instead of the list. */
  flame = $state(false)
  /** Boards that are acted on together. */
  readonly marked = new SvelteSet<string>()

  /** The open panel; remembered over restarts, as the open board is. */
  get panel(): Panel {
    return panels.find((panel) => panel === preferences.value.panel) ?? 'fleet'
  }
  set panel(panel: Panel) {
    preferences.value.panel = panel
  }

  /** The open board; the first one if the user chose none. */
  readonly boardId: string | null = $derived.by(() => {
    if (this.alone) return this.alone.board
    if (fleet.boards.has(preferences.value.board)) return preferences.value.board
    return fleet.order[0] ?? null
  })

  /** Opens a board, and shows it in the list even if the filter hid it. */
  open(board: string): void {
    if (fleet.boards.has(board) && !fleet.shown.includes(board)) {
      fleet.filter = ''
      fleet.state = null
    }
    preferences.value.board = board
    this.panel = 'fleet'
  }

  /** The marked boards in the order of the list, without boards that were removed in the meantime. */
  readonly marks: string[] = $derived.by(() =>
    this.marked.size === 0 ? [] : fleet.order.filter((id) => this.marked.has(id)),
  )

  /** The boards of an action that names none: the marked ones, or the open one if none is marked. */
  targets(): string[] {
    if (this.marks.length > 0) return this.marks
    return this.boardId === null ? [] : [this.boardId]
  }
}

export const place = new Place()

// The boards as the workbench last told them. Only the workbench changes them; the window asks and waits for the update.
import { SvelteMap } from 'svelte/reactivity'
import type { Badge, BoardView, Fleet, MetricSample } from '../backend/generated'
import { badgeOrder } from './badge'
import { byName, matches, parseFilter } from './filter'

type Change = { board: BoardView; revision: number } | { removed: string }

class FleetState {
  /** By id. */
  readonly boards = new SvelteMap<string, BoardView>()
  /** Ids in the order of the names. */
  order = $state.raw<string[]>([])
  filter = $state('')
  /** Only boards in this state are listed. */
  state = $state<Badge | null>(null)
  loaded = $state(false)

  /** Ids that the filter lets through, in order. */
  readonly shown: string[] = $derived.by(() => {
    const words = parseFilter(this.filter)
    if (words.length === 0 && this.state === null) return this.order
    return this.order.filter((id) => {
      const board = this.boards.get(id)
      return board && (this.state === null || board.badge === this.state) && matches(board, words)
    })
  })

  /** How many boards are in each state, most urgent state first; states without boards are left out. */
  readonly counts: Array<[Badge, number]> = $derived.by(() => {
    const counts = new Map<Badge, number>()
    for (const board of this.boards.values()) counts.set(board.badge, (counts.get(board.badge) ?? 0) + 1)
    return badgeOrder.flatMap((badge): Array<[Badge, number]> => {
      const n = counts.get(badge)
      return n ? [[badge, n]] : []
    })
  })

  /** Machines that are switched on. */
  readonly machines: number = $derived.by(() => {
    let n = 0
    for (const { machine } of this.boards.values()) if (machine && machine.state !== 'off') n += 1
    return n
  })

  readonly sessions: number = $derived.by(() => {
    let n = 0
    for (const board of this.boards.values()) if (board.device && board.device.session !== null) n += 1
    return n
  })

  #held: Change[] | null = null

  /** Keeps changes back until the whole state was read. */
  hold(): void {
    this.#held ??= []
  }

  replace(fleet: Fleet): void {
    const held = this.#held ?? []
    this.#held = null
    const ids = new Set(fleet.boards.map((b) => b.id))
    for (const id of this.boards.keys()) if (!ids.has(id)) this.boards.delete(id)
    for (const board of fleet.boards) this.boards.set(board.id, board)
    this.#sort()
    for (const change of held) {
      if ('removed' in change) this.remove(change.removed)
      else if (change.revision >= fleet.revision) this.put(change.board, change.revision)
    }
    this.loaded = true
  }

  put(board: BoardView, revision: number): void {
    if (this.#held) {
      this.#held.push({ board, revision })
      return
    }
    this.#set(board)
  }

  /** A view that was asked for; none of a board that went meanwhile. */
  refresh(board: BoardView): void {
    if (this.#held === null && this.boards.has(board.id)) this.#set(board)
  }

  remove(id: string): void {
    if (this.#held) {
      this.#held.push({ removed: id })
      return
    }
    if (this.boards.delete(id)) this.order = this.order.filter((other) => other !== id)
  }

  setLeds(id: string, changes: Array<[number, boolean]>): void {
    const board = this.boards.get(id)
    if (!board) return
    const leds = board.leds.map((led, i) => {
      const change = changes.find(([index]) => index === i)
      return change ? { ...led, lit: change[1] } : led
    })
    this.boards.set(id, { ...board, leds })
  }

  /** The latest sample; the board's view is not sent again for it. */
  setMetrics(id: string, samples: MetricSample[]): void {
    const board = this.boards.get(id)
    const metrics = samples.at(-1)
    if (board && metrics) this.boards.set(id, { ...board, metrics })
  }

  byRef(ref: string): BoardView | undefined {
    return this.boards.get(ref) ?? [...this.boards.values()].find((b) => b.name === ref)
  }

  #set(board: BoardView): void {
    const old = this.boards.get(board.id)
    this.boards.set(board.id, board)
    if (old?.name === board.name) return
    if (old) this.#sort()
    else this.#insert(board)
  }

  /** One by one a thousand are added. */
  #insert(board: BoardView): void {
    let [from, to] = [0, this.order.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (byName(this.boards.get(this.order[middle]!)!, board) < 0) from = middle + 1
      else to = middle
    }
    this.order = this.order.toSpliced(from, 0, board.id)
  }

  #sort(): void {
    this.order = [...this.boards.values()].sort(byName).map((b) => b.id)
  }
}

export const fleet = new FleetState()

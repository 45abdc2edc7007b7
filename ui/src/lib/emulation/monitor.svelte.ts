// Lines typed into the monitors of engines, their answers, and the history of lines.
import { asApiError } from '../backend/backend'
import type { ApiError, BoardView, MonitorView } from '../backend/generated'
import { workbench } from '../workbench.svelte'

/** A line, and its answer or error; with neither, it is being executed. */
export interface Exchange {
  line: string
  text?: string
  refused?: boolean
  error?: ApiError
}

/** Exchanges that are shown of each machine. */
const KEPT = 200

class Monitor {
  board = $state<string | null>(null)
  /** Null if the engine of this machine has no command language, or if that is not known yet. */
  view = $state.raw<MonitorView | null>(null)
  exchanges = $state.raw<Exchange[]>([])
  busy = $state(false)
  /** What is in the field. */
  line = $state('')
  #kept = new Map<string, Exchange[]>()
  /** How far back in the history the field is; 0 is the line that is being typed. */
  #back = 0
  #typed = ''

  /** `on`: the machine is switched on; a machine that is off does not answer. */
  async watch(board: string, on: boolean): Promise<void> {
    if (this.board !== board) {
      this.board = board
      this.view = null
      this.line = ''
      this.#back = 0
    }
    this.exchanges = this.#kept.get(board) ?? []
    if (!on) return
    try {
      const view = await workbench.call('monitor.view', { board })
      if (this.board === board) this.view = view.prompt === null ? null : view
    } catch {
      // It was switched off meanwhile.
    }
  }

  async execute(board: BoardView): Promise<void> {
    const line = this.line.trim()
    if (line === '' || this.busy) return
    this.line = ''
    this.#back = 0
    this.busy = true
    const before = this.#kept.get(board.id) ?? []
    this.#show(board.id, [...before, { line }])
    let came: Partial<Exchange>
    try {
      came = await workbench.call('monitor.execute', { board: board.id, line })
    } catch (thrown) {
      came = { error: asApiError(thrown) }
    }
    this.busy = false
    this.#show(board.id, [...before, { line, ...came }])
    // Whatever its result, the user can recall the line and correct it.
    if (this.board === board.id && this.view) this.view = { ...this.view, history: [...this.view.history, line] }
  }

  clear(board: string): void {
    this.#show(board, [])
  }

  /** Moves `by` lines back in the history, or forward again; the line that was being typed is at its end. */
  recall(by: number): void {
    const history = this.view?.history ?? []
    const back = Math.min(history.length, Math.max(0, this.#back + by))
    if (back === this.#back) return
    if (this.#back === 0) this.#typed = this.line
    this.#back = back
    this.line = back === 0 ? this.#typed : (history.at(-back) ?? '')
  }

  #show(board: string, exchanges: Exchange[]): void {
    const kept = exchanges.slice(-KEPT)
    this.#kept.set(board, kept)
    if (this.board === board) this.exchanges = kept
  }
}

export const monitor = new Monitor()

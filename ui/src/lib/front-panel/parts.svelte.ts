// The virtual parts of the board that is shown, and the values that the user sets.
import { at, attempts } from '../attempts.svelte'
import type { PartProperty, PartView } from '../backend/generated'
import { workbench } from '../workbench.svelte'

class Parts {
  board = $state<string | null>(null)
  list = $state.raw<PartView[]>([])
  #reading = false

  /** Reads the parts of a board: those of another one are forgotten at once. */
  async read(board: string): Promise<void> {
    if (this.board !== board) {
      this.board = board
      this.list = []
    }
    if (this.#reading) return
    this.#reading = true
    try {
      const list = await workbench.call('parts.list', { board })
      if (this.board === board) this.list = list
    } catch {
      // The board is gone, or on a cable; the page says so.
    } finally {
      this.#reading = false
    }
    // Another board was opened meanwhile.
    if (this.board !== null && this.board !== board) void this.read(this.board)
  }

  /** Sets a value. A refused one is shown at the board, and the field has the old one again. */
  async set(board: string, part: string, property: PartProperty, value: number): Promise<void> {
    const request = { board, part, property: property.name, value }
    const view = await attempts.run(at.board(board), 'Setting a value', () => workbench.call('parts.set', request))
    if (this.board !== board) return
    this.list = this.list.map((known) => (known.name !== part ? known : (view ?? structuredClone(known))))
  }

  /** Fills what a part keeps from a file that the user chooses. */
  async load(board: string, part: PartView): Promise<void> {
    const where = at.board(board)
    await attempts.run(where, `Filling ${part.name}`, async () => {
      // Images and dumps have all kinds of endings.
      const file = await workbench.backend.chooseOpenPath(`Fill ${part.name}`, '*')
      if (file === null) return
      const view = await workbench.call('parts.load', { board, part: part.name, file })
      if (this.board === board) this.list = this.list.map((known) => (known.name === part.name ? view : known))
    })
  }

  /** Saves what a part keeps to a file that the user chooses. */
  async save(board: string, part: PartView): Promise<void> {
    await attempts.run(at.board(board), `Saving ${part.name}`, async () => {
      const suggested = `${part.name}.${ending(part)}`
      const file = await workbench.backend.chooseSavePath(suggested, ending(part), `Save what ${part.name} keeps`)
      if (file !== null) await workbench.call('parts.save', { board, part: part.name, file })
    })
  }
}

export const parts = new Parts()

/** Endings of the files that a part keeps. */
const ENDINGS: Record<string, string> = { gps: 'nmea', 'sd-card': 'img' }

/** The ending of a file that a kind of part keeps. */
export function ending(part: PartView): string {
  return ENDINGS[part.kind] ?? 'bin'
}

/** The colour of a part that is a light, as CSS; `null` for other parts. */
export function light(part: PartView): string | null {
  const share = (name: string) => Math.round(2.55 * (part.properties.find((known) => known.name === name)?.value ?? 0))
  if (part.kind === 'led') return `rgb(${share('brightness')} ${Math.round(share('brightness') * 0.75)} 0)`
  if (part.kind === 'rgb-led') return `rgb(${share('red')} ${share('green')} ${share('blue')})`
  return null
}

/** The lit dots of a display as the path of an SVG: one rectangle for each run in a row. */
export function dots(rows: string[]): string {
  let path = ''
  rows.forEach((row, y) => {
    for (const run of row.matchAll(/#+/g)) path += `M${run.index} ${y}h${run[0].length}v1h-${run[0].length}z`
  })
  return path
}

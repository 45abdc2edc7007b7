// The cable of a physical board of the fleet: how its state looks, and what can be done about it.
import type { BoardView, CableState, CableView } from '../backend/generated'
import { power } from '../board/actions'
import type { Look } from '../fleet/badge'
import type { MenuItem } from '../frame/MenuList.svelte'
import { place } from '../place.svelte'
import { lendPortOf } from './actions'

export const cableLook: Record<CableState, Look> = {
  connected: { shape: 'dot', tone: 'running', word: 'cable connected' },
  unplugged: { shape: 'broken', tone: 'quiet', word: 'cable out' },
  lent: { shape: 'half', tone: 'warn', word: 'port lent' },
  blocked: { shape: 'square', tone: 'bad', word: 'port blocked' },
  released: { shape: 'power', tone: 'quiet', word: 'port released' },
}

/** What a state means, and what ends it. */
const meaning: Record<CableState, string> = {
  connected: 'Drydock has the port open.',
  unplugged: 'Plug the board in; it connects by itself.',
  lent: 'Another program may use the port until it is taken back.',
  blocked: 'The port cannot be opened. The Connect room says why.',
  released: 'The port is free until it is used again.',
}

/** `/dev/ttyACM0 at usb-1-1.2` */
export function cableFact({ port, topology, is_virtual }: CableView): string {
  const where = [port, topology && `at ${topology}`].filter(Boolean).join(' ')
  return `${is_virtual ? 'virtual board' : 'on a cable'}${where ? `, ${where}` : ''}`
}

export function cableMeaning({ state }: CableView): string {
  return meaning[state]
}

/** What can be done with the port of a board; empty for emulated boards. */
export function cableItems({ id, cable }: BoardView): MenuItem[] {
  if (!cable) return []
  const items: MenuItem[] = []
  const { port, state } = cable
  if (port !== null && state === 'connected') {
    items.push({ label: 'Lend the port', note: 'Another program may open it', run: () => lendPortOf(id, port, false) })
    items.push({ label: 'Release the port', note: 'Drydock lets go of the board', run: () => power(id, 'off') })
  }
  if (port !== null && state === 'lent') items.push({ label: 'Take the port back', run: () => lendPortOf(id, port, true) })
  if (state === 'released') items.push({ label: 'Use the port again', run: () => power(id, 'on') })
  items.push({ label: 'Show in Connect', run: () => (place.panel = 'connect') })
  return items
}

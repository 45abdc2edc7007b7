// What can be done with one board on its cable, as a list: for the menu of its row and for the palette.
import type { MenuItem } from '../frame/MenuList.svelte'
import { cable, lend, removeVirtual, show, takeBack } from './actions'
import { nameOf, usedBy, type Attached } from './attached'
import { connect } from './connect.svelte'

/** `label` names no board. `refused`: why it cannot be done now. */
export function provisionItem(it: Attached): MenuItem {
  return {
    label: 'Provision…',
    note: 'Firmware, identity, first app',
    refused: connect.whyNot(it, 'provision'),
    run: () => show({ kind: 'provision', boards: [it.key] }),
  }
}

export function consoleItem(it: Attached): MenuItem {
  return {
    label: 'Console',
    note: 'What the port says, as text',
    refused: connect.whyNot(it, 'console'),
    run: () => it.port && show({ kind: 'console', path: it.port.path }),
  }
}

/** What can be seen and done over its debug probe; nothing without a probe. */
export function probeItems(it: Attached): MenuItem[] {
  const { probe } = it
  if (!probe) return []
  return [
    {
      label: 'RTT terminal',
      note: 'What the program prints, over the probe',
      refused: connect.whyNot(it, 'rtt'),
      run: () => show({ kind: 'rtt', probe: probe.id, name: nameOf(it) }),
    },
    {
      label: 'Profile…',
      note: 'Where its time goes, by samples over the probe',
      refused: connect.whyNot(it, 'samples'),
      run: () => show({ kind: 'samples', probe: probe.id, name: nameOf(it) }),
    },
    {
      label: 'Registers and memory',
      short: 'Registers',
      note: 'Read over the probe; the program runs on',
      refused: connect.whyNot(it, 'peek'),
      run: () => show({ kind: 'peek', probe: probe.id, name: nameOf(it) }),
    },
    {
      label: 'GDB server',
      note: 'Lets GDB or VS Code debug it over the probe',
      refused: connect.whyNot(it, 'gdb'),
      run: () => show({ kind: 'gdb', probe: probe.id, name: nameOf(it) }),
    },
  ]
}

/** Everything else. */
export function moreItems(it: Attached): MenuItem[] {
  const lent = usedBy(it) === 'lent'
  const items: MenuItem[] = [
    {
      label: 'Flash firmware…',
      note: "Drydock's or your own",
      refused: connect.whyNot(it, 'flash'),
      run: () => show({ kind: 'flash', board: it.key }),
    },
    {
      label: 'Back up…',
      note: 'Reads the flash into a file',
      refused: connect.whyNot(it, 'backup'),
      run: () => show({ kind: 'backup', board: it.key }),
    },
    {
      label: 'Erase…',
      note: 'Everything on the board goes',
      bad: true,
      refused: connect.whyNot(it, 'erase'),
      run: () => show({ kind: 'erase', board: it.key }),
    },
    lent
      ? { label: 'Take back', note: 'From the other program', refused: connect.whyNot(it, 'take back'), run: () => takeBack(it) }
      : { label: 'Lend', note: 'Another program may open the port', refused: connect.whyNot(it, 'lend'), run: () => lend(it) },
  ]
  if (!it.virtual) return items
  const { plugged } = it.virtual
  return [
    ...items,
    plugged
      ? { label: 'Pull the cable', note: 'Of this virtual board', run: () => cable(it, 'pull') }
      : { label: 'Plug in', note: 'The cable of this virtual board', run: () => cable(it, 'plug') },
    { label: 'Remove the virtual board', bad: true, run: () => removeVirtual(it) },
  ]
}

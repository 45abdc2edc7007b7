// The machines: held, stepped, reset and switched from the Emulation room.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { badge, BOOT_MS } from '../ways.mjs'
import { Key, until } from '../webdriver.mjs'

export const emulation = []
function it(name, run) {
  emulation.push({ name, run })
}

/** What the row of a machine shows, by column. */
async function machine(desk, board) {
  const cells = await desk.window.run(
    `const row = [...document.querySelectorAll('[aria-label=Machines] [role=row]')].find((r) => r.querySelector('.name .link')?.textContent === arguments[0])
     return row ? [...row.querySelectorAll('[role=cell]')].map((c) => c.querySelector('select')?.value ?? c.textContent.trim()) : null`,
    board,
  )
  if (!cells) throw new Error(`there is no machine ${board}`)
  const [, state, pace, time, , , instructions] = cells
  return { state, pace, time: parseFloat(time), instructions: Number(instructions.replaceAll(',', '')) }
}

it('holds a machine, steps it by one instruction, and lets it go on', async (desk) => {
  const { window } = desk
  await window.keys([Key.Control, '2'])
  await until('the machine runs', 30_000, async () => (await machine(desk, 'bench-1')).state === 'running')
  const early = await machine(desk, 'bench-1')
  await until('its time passes', 20_000, async () => (await machine(desk, 'bench-1')).time > early.time)
  await window.click('button', 'Pause bench-1')
  await until('it is paused', 10_000, async () => (await machine(desk, 'bench-1')).state === 'paused')
  await sleep(1_500)
  const held = await machine(desk, 'bench-1')
  await sleep(1_500)
  const still = await machine(desk, 'bench-1')
  if (still.time !== held.time || still.instructions !== held.instructions) throw new Error('time did not stand')
  await window.click('button', 'Step bench-1')
  await until('one instruction more', 10_000, async () => (await machine(desk, 'bench-1')).instructions === held.instructions + 1)
  await window.click('button', 'Resume bench-1')
  await until('its time passes again', 20_000, async () => (await machine(desk, 'bench-1')).time > held.time + 0.1)
  return `held at ${held.time} s and ${held.instructions} instructions`
})

it('adds several machines, changes their pace and resets one', async (desk) => {
  const { window } = desk
  await window.run(
    `const field = document.querySelector('[aria-label="Add machines"] input[type=number]')
     field.value = '2'
     field.dispatchEvent(new Event('input', { bubbles: true }))`,
  )
  await window.click('button', 'Emulate 2 boards')
  await until('both are there', 60_000, async () => (await machine(desk, 'bench-2')) && (await machine(desk, 'bench-3')))
  await window.run(
    `const select = document.querySelector('[aria-label="Pace of bench-2"]')
     select.value = 'max'
     select.dispatchEvent(new Event('change', { bubbles: true }))`,
  )
  await window.keys([Key.Control, '1'])
  await until('both are connected', BOOT_MS, async () => (await badge(desk, 'bench-2')) === 'idle' && (await badge(desk, 'bench-3')) === 'idle')
  await window.keys([Key.Control, '2'])
  if ((await machine(desk, 'bench-2')).pace !== 'max') throw new Error('the pace was not kept')
  const before = await machine(desk, 'bench-3')
  await window.click('button', 'Reset bench-3')
  await window.keys([Key.Control, '1'])
  await until('bench-3 boots again', 30_000, async () => (await badge(desk, 'bench-3')) === 'connecting')
  await until('bench-3 is connected again', BOOT_MS, async () => (await badge(desk, 'bench-3')) === 'idle')
  await window.keys([Key.Control, '2'])
  await window.click('button', 'Cut the power of bench-3')
  await until('bench-3 is off', 20_000, async () => (await machine(desk, 'bench-3')).state === 'off')
  await window.keys([Key.Control, '1'])
  return `bench-3 was reset after ${before.time} s`
})

it('takes a snapshot, goes back to it, writes it to a file and reads it, and forks the board', async (desk) => {
  const { window } = desk
  await window.keys([Key.Control, '2'])
  await window.click('button', 'Look into bench-2')
  await window.click('button', 'Take a snapshot')
  await until('it is listed', 20_000, () => window.find('[aria-label="Snapshots of bench-2"] li', 'snapshot-1'))
  const taken = await machine(desk, 'bench-2')
  await until('time passes', 30_000, async () => (await machine(desk, 'bench-2')).time > taken.time + 5)
  await window.click('button', 'Go back to snapshot-1')
  await until('time went back', 20_000, async () => (await machine(desk, 'bench-2')).time < taken.time + 5)
  const file = join(desk.home, 'bench-2.snap')
  await window.click('button', 'More for snapshot-1')
  await window.click('[role=menuitem]', 'Save to file')
  await desk.display.answer('Save the snapshot', file)
  await until('the file is there', 20_000, () => existsSync(file))
  await window.click('button', 'Read from file')
  await desk.display.answer('Read a snapshot', file, { place: true })
  await until('it is listed', 20_000, () => window.find('[aria-label="Snapshots of bench-2"] li', 'read'))
  await window.click('button', 'Fork bench-2')
  await until('the fork is there', 60_000, () => machine(desk, 'bench-2-fork-1').catch(() => null))
  desk.display.screenshot(join(desk.out, 'inspector.png'))
  await window.keys([Key.Control, '1'])
  await until('bench-2 is connected again', BOOT_MS, async () => (await badge(desk, 'bench-2')) === 'idle')
  await until('the fork is connected as a board of its own', BOOT_MS, async () => (await badge(desk, 'bench-2-fork-1')) === 'idle')
  return `went back to ${taken.time} s`
})

it('records a profile, draws it as a flame graph, and opens a port for a debugger', async (desk) => {
  const { window } = desk
  await window.keys([Key.Control, '2'])
  if (!(await window.find('button[aria-expanded=true]', 'Look into bench-1'))) await window.click('button', 'Look into bench-1')
  await window.run(
    `const select = document.querySelector('[aria-label="Length of the profile"]')
     select.value = '1'
     select.dispatchEvent(new Event('change', { bubbles: true }))`,
  )
  await window.click('button', 'Record')
  await until('it is finished', 60_000, () => window.find('aside button', 'Flame graph'))
  await window.click('aside button', 'Flame graph')
  await until('it is drawn', 20_000, () => window.run(`return document.querySelector('.picture img')?.naturalWidth > 100`))
  const functions = await window.run(`return document.querySelectorAll('.functions tbody tr').length`)
  if (functions < 5) throw new Error(`it lists ${functions} functions`)
  desk.display.screenshot(join(desk.out, 'flame-graph.png'))
  await window.click('button', 'Back to the machines')
  await window.click('button', 'Open a port for GDB')
  const command = await until('the command is there', 20_000, () => window.text('aside pre'))
  if (!command.includes('gdb') || !/127\.0\.0\.1:\d+/.test(command)) throw new Error(command)
  await window.click('button', 'Close the port')
  await until('it is closed', 20_000, () => window.find('button', 'Open a port for GDB'))
  return `${functions} functions`
})

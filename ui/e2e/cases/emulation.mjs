// The machines: paused, stepped, reset and switched from the Emulation page.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Ajv from 'ajv'
import { Remote } from '../gdb.mjs'
import { badge, BOOT_MS, isConnected, palette, row } from '../ways.mjs'
import { Key, until } from '../webdriver.mjs'

export const emulation = []
function it(name, run) {
  emulation.push({ name, run })
}

/** The texts of a machine's row, by column. */
async function machine(desk, board) {
  const cells = await desk.window.run(
    `const row = [...document.querySelectorAll('[aria-label=Machines] [role=row]')].find((r) => r.querySelector('.name .link')?.textContent === arguments[0])
     return row ? [...row.querySelectorAll('[role=cell]')].map((c) => c.querySelector('select')?.value ?? c.textContent.trim()) : null`,
    board,
  )
  if (!cells) throw new Error(`there is no machine ${board}`)
  const [, state, pace, time, , , instructions] = cells
  // A machine that has not begun shows no time yet.
  return { state, pace, time: parseFloat(time) || 0, instructions: Number(instructions.replaceAll(',', '')) }
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
  await window.keys([Key.Control, '2'])
  await until('machines can be added', 20_000, () => window.find('[aria-label="Add machines"]'))
  await window.run(
    `const field = document.querySelector('[aria-label="Add machines"] input[type=number]')
     field.value = '2'
     field.dispatchEvent(new Event('input', { bubbles: true }))`,
  )
  await window.run(
    `const select = [...document.querySelectorAll('[aria-label="Add machines"] select')].find((s) => [...s.options].some((o) => o.value === 'lockstep'))
     select.value = 'lockstep'
     select.dispatchEvent(new Event('change', { bubbles: true }))`,
  )
  await window.click('button', 'Emulate 2 boards')
  await until('both are there', 60_000, async () => (await machine(desk, 'bench-2')) && (await machine(desk, 'bench-3')))
  for (const board of ['bench-2', 'bench-3']) if ((await machine(desk, board)).pace !== 'lockstep') throw new Error(`${board} is not in lockstep`)
  const listed = spawnSync(desk.cli, ['boards', '--json', '--data', join(desk.home, 'first')], { env: desk.env, encoding: 'utf8', timeout: 20_000 })
  if (listed.stdout.split('"pace":"lockstep"').length !== 3) throw new Error(`the owner says ${listed.stdout}${listed.stderr}`)
  const [one, other] = [await machine(desk, 'bench-2'), await machine(desk, 'bench-3')]
  await until('the time of both passes', 30_000, async () => {
    const now = [await machine(desk, 'bench-2'), await machine(desk, 'bench-3')]
    return now[0].time > one.time + 1 && now[1].time > other.time + 1
  })
  // In lockstep: one waits for the other while that one is paused.
  await window.click('button', 'Pause bench-2')
  await until('bench-2 is paused', 10_000, async () => (await machine(desk, 'bench-2')).state === 'paused')
  await sleep(1_500)
  const held = await machine(desk, 'bench-3')
  await sleep(1_500)
  const still = await machine(desk, 'bench-3')
  await window.click('button', 'Resume bench-2')
  if (held.state !== 'running') throw new Error(`bench-3 is ${held.state}`)
  if (still.instructions !== held.instructions || still.time !== held.time) {
    throw new Error(`bench-3 goes on without bench-2, from ${held.time} to ${still.time} s`)
  }
  await until('bench-3 goes on', 20_000, async () => (await machine(desk, 'bench-3')).time > held.time)
  await window.run(
    `const select = document.querySelector('[aria-label="Pace of bench-2"]')
     select.value = 'max'
     select.dispatchEvent(new Event('change', { bubbles: true }))`,
  )
  await window.keys([Key.Control, '1'])
  await until('both are connected', BOOT_MS, async () => (await isConnected(desk, 'bench-2')) && (await isConnected(desk, 'bench-3')))
  await window.keys([Key.Control, '2'])
  if ((await machine(desk, 'bench-2')).pace !== 'max') throw new Error('the pace was not kept')
  const before = await machine(desk, 'bench-3')
  // How long it is shown as connecting depends on the host.
  const connected = await told(desk, 'bench-3', 'device.connected')
  await window.click('button', 'Reset bench-3')
  await until('bench-3 is connected again', BOOT_MS, async () => (await told(desk, 'bench-3', 'device.connected')) > connected)
  await window.keys([Key.Control, '1'])
  await until('its row says so', 10_000, async () => (await badge(desk, 'bench-3')) === 'idle')
  return `bench-3 was reset after ${before.time} s`
})

it('cuts the power of a machine, which begins anew as the same board when it is back', async (desk) => {
  const { window } = desk
  await window.keys([Key.Control, '2'])
  const before = await machine(desk, 'bench-3')
  const [enrolled, connected] = [await told(desk, 'bench-3', 'device.enrolled'), await told(desk, 'bench-3', 'device.connected')]
  const cut = async () => {
    await window.click('button', 'Cut the power of bench-3')
    await until('bench-3 is off', 20_000, async () => (await machine(desk, 'bench-3')).state === 'off')
  }
  await cut()
  await window.keys([Key.Control, '1'])
  await until('its row says so', 10_000, () => window.find(`${row('bench-3')} .aside`, 'switched off'))
  await window.keys([Key.Control, '2'])
  await window.click('button', 'Power bench-3 on')
  await until('its time begins anew', 20_000, async () => {
    const now = await machine(desk, 'bench-3')
    return now.state === 'running' && now.time < before.time
  })
  await until('it is connected again', BOOT_MS, async () => (await told(desk, 'bench-3', 'device.connected')) > connected)
  if ((await told(desk, 'bench-3', 'device.enrolled')) !== enrolled) throw new Error('it came back as another board')
  await cut()
  await window.keys([Key.Control, '1'])
  return `cut after ${before.time} s`
})

it("wipes each kind of board when its button is held at reset, as on the bench, and gives it a new identity", async (desk) => {
  const { window } = desk
  const said = []
  for (const [kind, button] of [['nano33ble', 'D2'], ['stm32f4-discovery', 'USER'], ['esp32-c6', 'GPIO10']]) {
    await window.keys([Key.Control, '2'])
    await window.run(
      `const [kind] = arguments
       const set = (field, value) => {
         field.value = value
         field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }))
       }
       set([...document.querySelectorAll('[aria-label="Add machines"] select')].find((s) => [...s.options].some((o) => o.value === kind)), kind)
       set(document.querySelector('[aria-label="Add machines"] input[type=number]'), '1')`,
      kind,
    )
    const before = await window.run(`return [...document.querySelectorAll('[aria-label=Machines] .name .link')].map((b) => b.textContent)`)
    await window.click('button', 'Emulate a board')
    const board = await until('it is there', 30_000, () =>
      window.run(`return [...document.querySelectorAll('[aria-label=Machines] .name .link')].map((b) => b.textContent).find((b) => !arguments[0].includes(b))`, before),
    )
    await window.click('[aria-label=Machines] button', board)
    await until(`${board} is connected`, BOOT_MS, async () => (await isConnected(desk, board)))
    // An earlier board may have had the same name.
    const [enrolledBefore, connectedBefore] = [await told(desk, board, 'device.enrolled'), await told(desk, board, 'device.connected')]
    const enrolled = async () => (await told(desk, board, 'device.enrolled')) - enrolledBefore
    // Released before the reset, it has no effect.
    const own = `[data-card=front] button[aria-label$=" ${button}"]`
    await window.click(own)
    await sleep(1_000)
    await until('it is up again', 10_000, async () => (await window.run(`return document.querySelector(arguments[0]).getAttribute('aria-pressed')`, own)) === 'false')
    await window.click('[aria-label^="Power of"] button', 'Reset')
    await until(`${board} connects again`, BOOT_MS, async () => (await told(desk, board, 'device.connected')) > connectedBefore)
    if ((await enrolled()) !== 0) throw new Error(`${board} was wiped though its button was up`)
    await window.run(`document.querySelector(arguments[0]).focus()`, own)
    await window.keys([Key.Shift, ' '])
    await until('it stays down', 10_000, async () => (await window.run(`return document.querySelector(arguments[0]).getAttribute('aria-pressed')`, own)) === 'true')
    await window.click('[aria-label^="Power of"] button', 'Reset')
    await until(`${board} gets a new identity`, BOOT_MS, async () => (await enrolled()) === 1)
    await window.click(own)
    await until('it is up', 10_000, async () => (await window.run(`return document.querySelector(arguments[0]).getAttribute('aria-pressed')`, own)) === 'false')
    await palette(desk, `remove ${board}`)
    await until('it asks', 5_000, () => window.find('[role=alertdialog]'))
    await window.keys(Key.Enter)
    await until(`${board} is gone`, 30_000, async () => !(await window.find('[role=row]', board)))
    said.push(`${kind} by ${button}`)
  }
  return said.join(', ')
})

/** Number of such events of the owner about a board. */
async function told(desk, board, event) {
  const listed = await desk.window.ask('POST', '/execute/async', {
    script: `const [board, done] = arguments
      window.__TAURI_INTERNALS__.invoke('call', { request: { method: 'activity.list', params: { before: null, limit: 200, board } } }).then(done, (e) => done([{ event: String(e) }]))`,
    args: [board],
  })
  return listed.filter((entry) => entry.event === event).length
}

it('takes a snapshot, goes back to it, writes it to a file and reads it, and forks the board', async (desk) => {
  const { window } = desk
  await window.keys([Key.Control, '2'])
  await window.click('button', 'Look into bench-2')
  await window.click('button', 'Take a snapshot')
  await until('it is listed', 20_000, () => window.find('[aria-label="Snapshots of bench-2"] li', 'snapshot-1'))
  const kept = await window.text('[aria-label="Snapshots of bench-2"] li .what .muted')
  const taken = parseFloat(/at (\S+) s/.exec(kept)?.[1])
  // Back to the saved state, not to the start as after a reset.
  const goesBack = async (snapshot) => {
    await until('time passes', 30_000, async () => (await machine(desk, 'bench-2')).time > taken + 10)
    await window.click('button', `Go back to ${snapshot}`)
    await until(`time went back to ${taken} s`, 20_000, async () => {
      const { time } = await machine(desk, 'bench-2')
      if (time >= taken && time < taken + 10) return true
      throw new Error(`it is ${time} s`)
    })
  }
  await goesBack('snapshot-1')
  const file = join(desk.home, 'bench-2.snap')
  await window.click('button', 'More for snapshot-1')
  await window.click('[role=menuitem]', 'Save to file')
  await desk.display.answer('Save the snapshot', file)
  await until('the file is there', 20_000, () => existsSync(file))
  await window.click('button', 'Read from file')
  await desk.display.answer('Read a snapshot', file, { place: true })
  await until('it is listed', 20_000, () => window.find('[aria-label="Snapshots of bench-2"] li', 'read'))
  await goesBack('bench-2-1')
  await window.click('button', 'Fork bench-2')
  await until('the fork is there', 60_000, () => machine(desk, 'bench-2-fork-1').catch(() => null))
  desk.display.screenshot(join(desk.out, 'inspector.png'))
  await window.keys([Key.Control, '1'])
  await until('bench-2 is connected again', BOOT_MS, async () => (await isConnected(desk, 'bench-2')))
  await until('the fork is connected as a board of its own', BOOT_MS, async () => (await isConnected(desk, 'bench-2-fork-1')))
  return `went back to ${taken} s`
})

it('records a profile, draws it as a flame graph, and saves it in each format', async (desk) => {
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
  const names = () => window.run(`return [...document.querySelectorAll('[role=treeitem]')].map((i) => i.getAttribute('aria-label'))`)
  await until('it is drawn', 20_000, async () => (await names()).length > 20)
  // On the screen too, and the heading over the names, which stays where it is while they scroll.
  // The previous content may still be on the screen for a moment.
  await sleep(1_000)
  await until('the picture is seen', 20_000, async () => (await seen(desk, '.flame')) > 30)
  desk.display.screenshot(join(desk.out, 'flame-graph.png'))
  const whole = (await names()).length
  await window.run(`document.querySelectorAll('[role=treeitem]')[1].click()`)
  await until('a click zooms', 10_000, () => window.find('button', 'Show all'))
  await window.click('button', 'Show all')
  await until('all is shown again', 10_000, async () => (await names()).length === whole)
  await window.click('section button', 'Table')
  await until('the heading is seen', 10_000, async () => (await seen(desk, '.functions th:first-child')) > 3)
  const [first, ...functions] = await until('functions are listed', 10_000, async () => {
    const names = (await window.text('.functions tbody td:first-child')).split('\n')
    if (names.length < 6) throw new Error(`they are ${JSON.stringify(names)}`)
    return names
  })
  const said = []
  for (const [format, extension, check] of [
    ['speedscope', 'json', (text) => speedscope(JSON.parse(text), first)],
    ['Firefox Profiler', 'json', (text) => JSON.parse(text).threads.some((t) => t.stringArray.includes(first) && t.samples.length > 5)],
    ['Folded stacks', 'txt', (text) => text.split('\n').some((line) => line.includes(`;${first}`) && / \d+$/.test(line))],
    ['SVG', 'svg', (text) => text.startsWith('<svg') && text.includes('bench-1')],
  ]) {
    const path = join(desk.home, `profile-${format.split(' ')[0]}.${extension}`)
    // The first press after a dialog of the system has closed may only wake the window.
    await until('the formats are listed', 20_000, async () => {
      if (await window.find('[role=menuitem]')) return true
      await window.click('aside button', 'Save the profile of bench-1')
      await sleep(500)
    })
    await window.click('[role=menuitem]', `${format}…`)
    await desk.display.answer('Save the profile', path)
    await until(`${format} is written`, 20_000, () => check(readFileSync(path, 'utf8')))
    said.push(`${format} ${readFileSync(path).length} B`)
  }
  await window.click('button', 'Back to the machines')
  return `${functions.length} functions and more, ${said.join(', ')}`
})

it('opens a port for a debugger, which holds the machine and reads it, and closes it', async (desk) => {
  const { window } = desk
  await window.keys([Key.Control, '2'])
  // The case before may have ended there.
  if (await window.find('button', 'Back to the machines')) await window.click('button', 'Back to the machines')
  if (!(await window.find('button[aria-expanded=true]', 'Look into bench-1'))) await window.click('button', 'Look into bench-1')
  await window.click('button', 'Open a port for GDB')
  const command = await until('the command is there', 20_000, () => window.text('aside pre'))
  const port = Number(/gdb.* 127\.0\.0\.1:(\d+)/.exec(command)?.[1])
  if (!port) throw new Error(command)
  const debug = await Remote.connect(port)
  try {
    const stopped = await debug.ask('?')
    if (!/^[ST]05/.test(stopped)) throw new Error(`asked why the machine stands, it says ${stopped}`)
    await until('the window tells of the debugger', 10_000, () => window.find('aside [role=status]', 'A debugger is connected'))
    // Sixteen registers of four bytes each; the program counter is the last.
    const registers = await debug.ask('g')
    const pc = Buffer.from(registers.slice(15 * 8, 16 * 8), 'hex').readUInt32LE()
    if (!(pc > 0 && pc < 0x10_0000)) throw new Error(`its program counter is not in flash: ${registers}`)
    const held = await machine(desk, 'bench-1')
    await sleep(1_500)
    const still = await machine(desk, 'bench-1')
    if (still.instructions !== held.instructions) throw new Error(`it ran on under the debugger, from ${held.time} to ${still.time} s`)
    if ((await debug.ask('D')) !== 'OK') throw new Error('it was not let go')
    await until('its time passes again', 20_000, async () => (await machine(desk, 'bench-1')).time > held.time)
  } finally {
    debug.close()
  }
  await window.click('button', 'Close the port')
  await until('it is closed', 20_000, () => window.find('button', 'Open a port for GDB'))
  const late = await Remote.connect(port).catch(() => null)
  late?.close()
  if (late) throw new Error(`port ${port} still takes debuggers`)
  return command
})

/** Number of colours on the screen at an element's position. */
async function seen(desk, selector) {
  const [left, top] = desk.display.origin('Drydock')
  const [x, y, width, height] = await desk.window.run(
    `const r = document.querySelector(arguments[0]).getBoundingClientRect()
     return [r.x, r.y, r.width, r.height].map(Math.round)`,
    selector,
  )
  return desk.display.colours('root', [left + x, top + y, width, height])
}

const schema = new URL(import.meta.resolve('speedscope/dist/release/file-format-schema.json'))
const valid = new Ajv({ strict: false }).compile(JSON.parse(readFileSync(schema, 'utf8')))

/** Whether a file is valid by speedscope's own schema, and names a function. */
function speedscope(file, name) {
  if (!valid(file)) throw new Error(`speedscope's schema says: ${JSON.stringify(valid.errors.slice(0, 3))}`)
  return file.shared.frames.some((frame) => frame.name === name) && file.profiles[0].weights.length > 5
}

// Boards on cables, in the Connect room: virtual boards are provisioned, pulled out, read and refused as real ones would be.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Remote } from '../gdb.mjs'
import { appState, badge, palette } from '../ways.mjs'
import { Key, until } from '../webdriver.mjs'

export const cables = []
function it(name, run) {
  cables.push({ name, run })
}

/** How long one provisioning may take. */
const PROVISION_MS = 120_000

/** The Connect room of the window that these cases share, without a panel. */
async function room(desk) {
  if (!desk.cables) {
    await desk.close(desk.window)
    desk.cables = desk.window = await desk.open('cables')
    await until('it is painted', 60_000, () => desk.window.find('nav button', 'Connect'))
    await palette(desk, 'use the dark theme')
  }
  const { window } = desk
  await window.keys([Key.Control, '3'])
  await until('the Connect room is open', 10_000, () => window.find('#connect-title'))
  if (await window.find('aside button', 'Close the panel')) await window.click('aside button', 'Close the panel')
}

/** Sets a field as a user who chooses or types. */
async function set(desk, selector, value) {
  await until(`there is ${selector}`, 10_000, () => desk.window.find(selector))
  await desk.window.run(
    `const [selector, value] = arguments
     const field = document.querySelector(selector)
     field.value = value
     field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }))`,
    selector,
    value,
  )
}

/** Puts a virtual board on the desk by the room's own form: blank, or with Drydock's firmware. */
async function plugIn(desk, kind, name, onIt = 'blank') {
  const { window } = desk
  const form = 'form[aria-label="Add a virtual board"]'
  // While nothing is plugged in, the form is there already.
  if (!(await window.find(form))) await window.click('main button', 'Virtual board')
  await set(desk, `${form} select`, kind)
  await set(desk, `${form} label:nth-of-type(2) select`, onIt)
  await set(desk, `${form} input`, name)
  await window.click(`${form} button`, 'Add a virtual board')
  await until(`${name} is plugged in`, 30_000, () => window.find('button', `Provision ${name}`))
  await stands(desk, name)
}

/** Waits until the row of a board is in sight and stands still: rows come one after the other, and grow with what they say. */
async function stands(desk, name) {
  const where = () =>
    desk.window.run(
      `const more = document.querySelector(arguments[0])
       more?.closest('[data-row]').scrollIntoView({ block: 'nearest' })
       return JSON.stringify(more?.getBoundingClientRect())`,
      `main button[aria-label="More for ${name}"]`,
    )
  await until(`the row of ${name} stands still`, 10_000, async () => {
    const before = await where()
    await sleep(300)
    return before !== undefined && before === (await where())
  })
}

const cell = (desk, name) =>
  desk.window.run(
    `const row = [...document.querySelectorAll('[data-row]')].find((row) => row.textContent.includes(arguments[0]))
     return row ? row.textContent.replace(/\\s+/g, ' ').trim() : ''`,
    name,
  )

/** Chooses an entry of the menu of a board. */
async function menu(desk, name, item) {
  await stands(desk, name)
  await desk.window.click('main button', `More for ${name}`)
  await desk.window.click('[role=menuitem]', item)
}

async function next(desk, word) {
  await desk.window.click('.connect-foot button', word)
}

/** The guided provision of one board up to its summary, which is returned. */
async function toSummary(desk, name, { over, called } = {}) {
  const { window } = desk
  await stands(desk, name)
  await window.click('main button', `Provision ${name}`)
  await until('it asks for the kind', 10_000, () => window.find('#provision-kind'))
  if (over) await window.click('aside label', over)
  await next(desk, 'Next')
  await set(desk, '#provision-name', called ?? name)
  await set(desk, '#provision-app', 'sample blink')
  await next(desk, 'Next')
  return await until('the summary is there', 10_000, () => window.text('aside dl'))
}

/** The state of the job in the panel, and what it says. */
const jobState = (desk) => desk.window.text('aside .state strong')
const jobText = (desk) => desk.window.text('aside .state + p')

async function jobBecomes(desk, state, ms = PROVISION_MS) {
  const ended = await until(`the job is ${state}`, ms, async () => {
    const now = await jobState(desk)
    if (now === state || now === 'failed') return now
    throw new Error(`it is ${now}: ${await jobText(desk)}`)
  })
  if (ended !== state) throw new Error(`the job is ${ended}: ${await jobText(desk)}`)
}

/** The picture of the window for the documentation, renewed with DRYDOCK_RENEW=1. */
async function picture(desk, name) {
  if (process.env.DRYDOCK_RENEW !== '1') return
  // Software rendering paints a page somewhat after it is there.
  await new Promise((painted) => setTimeout(painted, 700))
  const images = join(desk.root, 'docs/images')
  mkdirSync(images, { recursive: true })
  const png = Buffer.from(await desk.window.ask('GET', '/screenshot'), 'base64')
  writeFileSync(join(images, `connect-${name}.png`), png)
}

const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(1)} s`

for (const { name, kind, over, says } of [
  { name: 'nano-1', kind: 'nano33ble', over: undefined, says: 'its own bootloader' },
  { name: 'nano-2', kind: 'nano33ble', over: 'the debug probe', says: 'a debug probe' },
  { name: 'disco-1', kind: 'stm32f4-discovery', over: undefined, says: 'a debug probe' },
  { name: 'esp-1', kind: 'esp32-c6', over: undefined, says: "its ROM's serial bootloader" },
]) {
  it(`provisions a blank ${kind} on a cable over ${says}, up to its page in the fleet`, async (desk) => {
    await room(desk)
    const { window } = desk
    await plugIn(desk, kind, name)
    if (kind === 'esp32-c6') await picture(desk, 'list')
    const summary = await toSummary(desk, name, { over })
    const byProbe = kind === 'stm32f4-discovery' || over !== undefined
    if (!summary.includes(name) || !summary.includes('blink') || summary.includes('debug probe') !== byProbe) throw new Error(`the summary says ${summary}`)
    const isPictured = kind === 'stm32f4-discovery'
    if (isPictured) await picture(desk, 'summary')
    const started = performance.now()
    await next(desk, 'Provision')
    if (isPictured) {
      await until('firmware is being written', PROVISION_MS, () => window.find('aside li.is-running', ' of '))
      await picture(desk, 'job')
    }
    await jobBecomes(desk, 'done')
    const took = seconds(started)
    await window.click('aside button', `Show ${name} in Fleet`)
    await until('its page is open', 10_000, async () => (await window.text('main h2')) === name)
    await until('it runs', 30_000, async () => (await badge(desk, name)) === 'running')
    if ((await appState(desk, 'blink')) !== 'running') throw new Error(`blink is ${await appState(desk, 'blink')}`)
    return `${took} from the start to the first app`
  })
}

it('fails when the cable is pulled out under way, says what to do, and is resumed where it is plugged in again', async (desk) => {
  await room(desk)
  const { window } = desk
  const name = 'nano-3'
  await plugIn(desk, 'nano33ble', name)
  // The probe takes seconds to write, so that the cable is out before the end.
  await toSummary(desk, name, { over: 'the debug probe' })
  await next(desk, 'Provision')
  await until('firmware is being written', PROVISION_MS, () => window.find('aside li.is-running', ' of '))
  await menu(desk, name, 'Pull the cable')
  await jobBecomes(desk, 'failed')
  const failed = await jobText(desk)
  if (!failed.includes(`virtual-${name}`) || !/[Pp]lug .* resume/.test(failed)) throw new Error(`it says ${failed}`)
  await until('its row says so', 10_000, async () => (await cell(desk, name)).includes('cable out'))
  await next(desk, 'Resume')
  await until('it still fails', 30_000, async () => (await jobText(desk)).includes(`no board at virtual-${name}`))
  await menu(desk, name, 'Plug in')
  await until('it is plugged in', 10_000, async () => !(await cell(desk, name)).includes('cable out'))
  await next(desk, 'Resume')
  await until('it goes on', 30_000, async () => (await jobState(desk)) !== 'failed')
  await jobBecomes(desk, 'done')
  return failed
})

it('refuses a board of another kind, which stays as it was', async (desk) => {
  await room(desk)
  const { window } = desk
  const name = 'nano-4'
  await plugIn(desk, 'nano33ble', name)
  await window.click('main button', `Provision ${name}`)
  await set(desk, '#provision-kind', 'esp32-c6')
  if (!(await window.text('.connect-foot .why')).includes('Confirm the kind of board')) throw new Error('it does not ask to confirm')
  await window.click('aside label', 'I checked that it is')
  await next(desk, 'Next')
  await next(desk, 'Next')
  await next(desk, 'Provision')
  await jobBecomes(desk, 'failed')
  const says = await jobText(desk)
  if (!/Another kind of board is at .*: Arduino Nano 33 BLE, .* Nothing was written/.test(says)) throw new Error(`it says ${says}`)
  await until('its row tells of the failure', 10_000, async () => (await cell(desk, name)).includes('last job here failed'))
  return says
})

it('opens the port of a board as a console, waits while its cable is out, and frees it again', async (desk) => {
  await room(desk)
  const { window } = desk
  const name = 'nano-5'
  await plugIn(desk, 'nano33ble', name)
  await window.click('main button', `Console ${name}`)
  await until('it asks for the speed', 10_000, () => window.find('#console-baud'))
  await window.click('aside button', 'Open the console')
  await until('it is open', 10_000, () => window.find('[aria-label="Text to send"]'))
  await until('its row says so', 10_000, async () => (await cell(desk, name)).includes('console open'))
  const provision = await window.run(`return document.querySelector(arguments[0]).title`, `main button[aria-label="Provision ${name}"]`)
  if (!provision.includes('Its console is open here')) throw new Error(`it can be provisioned meanwhile: ${provision}`)
  // The bootloader of the Nano answers SAM-BA's commands with text.
  await set(desk, '[aria-label="Line ending"]', 'none')
  const says = async () => window.text('aside [role=log]')
  for (const [command, answer] of [['I#', 'nRF52840'], ['V#', 'Arduino Bootloader']]) {
    await window.run(`document.querySelector('[aria-label="Text to send"]').focus()`)
    await window.type(command)
    await window.keys(Key.Enter)
    await until(`${command} is answered`, 10_000, async () => (await says()).includes(answer))
  }
  await picture(desk, 'console')
  await menu(desk, name, 'Pull the cable')
  await until('it waits for the board', 10_000, () => window.find('aside [role=status]', 'Waits for the board'))
  if (!(await says()).includes('Arduino Bootloader')) throw new Error('what it had received is gone')
  await until('its row says so', 10_000, async () => (await cell(desk, name)).includes('cable out'))
  await menu(desk, name, 'Plug in')
  await until('it is open again', 20_000, async () => !(await window.find('aside [role=status]', 'Waits for the board')))
  await window.click('aside button', 'Close the port')
  await until('the port is free', 10_000, async () => (await cell(desk, name)).includes('free'))
})

it('opens the RTT terminal of a board over its probe, which waits for the program and for the board', async (desk) => {
  await room(desk)
  const { window } = desk
  const name = 'disco-2'
  await plugIn(desk, 'stm32f4-discovery', name)
  await window.click('main button', `RTT terminal ${name}`)
  await until('it can be opened', 10_000, () => window.find('aside button', 'Open the terminal'))
  if (await window.find('#console-baud')) throw new Error('it asks for a speed')
  // A file that is of no use is refused before the probe is in use.
  await set(desk, '#console-defmt', '/proc/version')
  await window.click('aside button', 'Open the terminal')
  await until('the file is refused', 20_000, async () => (await window.text('aside')).includes('/proc/version cannot be used to decode defmt: it is no ELF file'))
  await set(desk, '#console-defmt', '')
  await window.click('aside button', 'Open the terminal')
  // Nothing is in its flash, so that no program sets up a console.
  await until('it waits for the program', 20_000, () => window.find('aside [role=status]', 'Waits for the program'))
  await until('its row says so', 10_000, async () => (await cell(desk, name)).includes('RTT terminal open'))
  const profile = await window.run(`return document.querySelector(arguments[0]).title`, `main button[aria-label="Profile ${name}"]`)
  if (!profile.includes('Its RTT terminal is open')) throw new Error(`a profile can be taken meanwhile: ${profile}`)
  await window.run(`document.querySelector('[aria-label="Text to send"]').focus()`)
  await window.type('hello')
  await window.keys(Key.Enter)
  await until('it says that nothing was sent', 10_000, () => window.find('aside [role=status]', 'nothing was sent'))
  await menu(desk, name, 'Pull the cable')
  await until('it waits for the board', 10_000, () => window.find('aside [role=status]', 'Waits for the board'))
  await menu(desk, name, 'Plug in')
  await until('it waits for the program again', 20_000, () => window.find('aside [role=status]', 'Waits for the program'))
  await window.click('aside button', 'Close the terminal')
  await until('the probe is free', 10_000, async () => (await cell(desk, name)).includes('free'))
  if (!(await window.find('main button', `RTT terminal ${name}`))) throw new Error('the terminal is not offered again')
})

it('takes a profile of a board over its probe, and stops another one before its time', async (desk) => {
  await room(desk)
  const { window } = desk
  const name = 'nano-6'
  await plugIn(desk, 'nano33ble', name, 'firmware')
  await window.click('main button', `Profile ${name}`)
  await set(desk, '#samples-seconds', '2')
  await window.click('aside button', 'Take a profile')
  await until('it is under way', 10_000, () => window.find('aside [role=progressbar]'))
  await until('its row says so', 10_000, async () => (await cell(desk, name)).includes('profile under way'))
  await until('there are functions', 60_000, () => window.find('aside tbody tr'))
  const first = (await window.text('aside tbody tr')).split('\n')[0]
  if (!/[1-9][\d,]*.*\d\.\d.%/.test(first)) throw new Error(`the first function is ${first}`)
  await window.click('aside button', 'Another profile')
  await set(desk, '#samples-seconds', '300')
  await window.click('aside button', 'Take a profile')
  await until('it can be stopped', 10_000, () => window.find('aside button', 'Stop now'))
  await until('it has the probe', 10_000, async () => (await cell(desk, name)).includes('profile under way'))
  await window.click('aside button', 'Stop now')
  await until('it ended', 60_000, async () => !(await window.find('aside [role=progressbar]')) && (await window.find('aside tbody tr')))
  return first
})

it('reads registers and memory of a board over its probe, and says why it cannot', async (desk) => {
  await room(desk)
  const { window } = desk
  const name = 'nano-7'
  await plugIn(desk, 'nano33ble', name, 'firmware')
  await window.click('main button', `Registers and memory ${name}`)
  await until('it can be read', 10_000, () => window.find('aside button', `Read the registers of ${name}`))
  // The button has the focus: by keyboard.
  await window.keys(Key.Enter)
  const registers = await until('there are registers', 20_000, () => window.text('aside dl > div'))
  const value = (register) => Number(new RegExp(`^${register} (0x[0-9a-f]{8})`, 'm').exec(registers)?.[1])
  if (!(value('pc') > 0 && value('pc') < 0x10_0000)) throw new Error(`its program counter is not in flash: ${registers}`)
  if (!(value('sp') > 0x2000_0000 && value('sp') <= 0x2004_0000)) throw new Error(`its stack is not in RAM: ${registers}`)
  if (!(await window.text('aside')).includes('halted for a moment and runs on')) throw new Error('it does not say what was done to the core')

  const read = async (address, length) => {
    await set(desk, 'aside form label:nth-of-type(1) input', address)
    await set(desk, 'aside form label:nth-of-type(2) input', length)
    await window.click('aside button', `Read memory of ${name}`)
  }
  const rows = async () => (await window.text('aside [role=table] [role=row]')).split('\n').filter(Boolean)
  // The firmware begins with its stack's end and its first instruction.
  await read('10000', '64')
  const [first] = await until('there are bytes', 20_000, async () => {
    const found = await rows()
    return found[0]?.startsWith('00010000 ') && found
  })
  const bytes = Buffer.from(first.split(' ').slice(1, 9).join(''), 'hex')
  const [stack, reset] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4)]
  if (!(stack > 0x2000_0000 && stack <= 0x2004_0000 && reset % 2 === 1 && reset > 0x1_0000)) throw new Error(`the firmware does not begin so: ${first}`)
  await picture(desk, 'registers')
  await read('20000000', '65536')
  await until('all of RAM that is read at once is there', 20_000, async () => (await rows())[0]?.startsWith('20000000 '))
  await window.run(`document.querySelector('aside [role=table]').scrollTop = 1e9`)
  await until('its end is shown', 10_000, async () => (await rows()).at(-1)?.startsWith('2000fff'))

  await read('60000000', '4')
  await until('it says that nothing is there', 20_000, () => window.find('aside [role=alert]', 'Nothing answers at 0x60000000'))
  await read('fffffffe', '4')
  await until('it says what is wrong', 10_000, () => window.find('aside .memory [role=status]', 'past the last address'))
  await menu(desk, name, 'Pull the cable')
  await until('it says that the probe is away', 10_000, () => window.find('aside .refused', 'The probe is away'))
  await menu(desk, name, 'Plug in')
  await until('it can be read again', 20_000, async () => !(await window.find('aside .refused', 'The probe is away')))
  await until('the probe is free', 10_000, async () => (await cell(desk, name)).includes('free'))
  return `${first}`
})

it('opens a port for a debugger of a board behind its probe, shows who is connected, and closes it', async (desk) => {
  await room(desk)
  const { window } = desk
  const name = 'nano-8'
  await plugIn(desk, 'nano33ble', name, 'firmware')
  await window.click('main button', `GDB server ${name}`)
  await window.click('aside button', 'Open the port')
  const command = await until('the command is there', 20_000, () => window.text('aside pre'))
  const port = Number(/gdb.* 127\.0\.0\.1:(\d+)/.exec(command)?.[1])
  if (!port) throw new Error(command)
  await until('its row says so', 10_000, async () => (await cell(desk, name)).includes('GDB port open'))
  const registers = await window.run(`return document.querySelector(arguments[0]).title`, `main button[aria-label="Registers and memory ${name}"]`)
  if (!registers.includes('Its port for GDB is open')) throw new Error(`registers can be read meanwhile: ${registers}`)
  const debug = await Remote.connect(port)
  try {
    const stopped = await debug.ask('?')
    if (!/^[ST]05/.test(stopped)) throw new Error(`asked why the board stands, it says ${stopped}`)
    await until('the window tells of the debugger', 10_000, () => window.find('aside [role=status]', 'A debugger is connected'))
    const all = await debug.ask('g')
    const pc = Buffer.from(all.slice(15 * 8, 16 * 8), 'hex').readUInt32LE()
    if (!(pc > 0 && pc < 0x10_0000)) throw new Error(`its program counter is not in flash: ${all}`)
    if ((await debug.ask('D')) !== 'OK') throw new Error('it was not let go')
  } finally {
    debug.close()
  }
  await until('the window tells that it went', 10_000, () => window.find('aside [role=status]', 'Waiting for a debugger'))
  await window.click('aside button', 'Close the port')
  await until('it is closed', 20_000, () => window.find('aside button', 'Open the port'))
  const late = await Remote.connect(port).catch(() => null)
  late?.close()
  if (late) throw new Error(`port ${port} still takes debuggers`)
  await until('the probe is free', 10_000, async () => (await cell(desk, name)).includes('free'))
  return command
})

it('provisions four boards on cables at once, and counts them', async (desk) => {
  await room(desk)
  const { window } = desk
  const names = ['rack-1', 'rack-2', 'rack-3', 'rack-4']
  for (const name of names) await plugIn(desk, 'esp32-c6', name)
  for (const name of names) {
    await stands(desk, name)
    await window.click(`input[aria-label="Choose ${name}"]`)
  }
  await window.click('main button', 'Provision 4 boards')
  await until('it lists the four', 10_000, async () => (await window.text('aside [aria-label="Boards to provision"] li')).split('\n').length === 4)
  await next(desk, 'Next')
  await set(desk, '#provision-name', 'rack')
  if (!(await window.text('.connect-foot .why')).includes('needs {n}')) throw new Error('four boards may get one name')
  await set(desk, '#provision-name', 'rack-{n}')
  await set(desk, '#provision-app', 'sample blink')
  await next(desk, 'Next')
  const summary = await window.text('aside dl')
  if (!summary.includes('rack-1, rack-2, rack-3, …')) throw new Error(`the summary says ${summary}`)
  const started = performance.now()
  await next(desk, 'Provision 4 boards')
  await until('four jobs are shown', 10_000, async () => (await window.text('aside [aria-label="Jobs of these boards"] li')).split('\n').length === 4)
  await until('one is being written', PROVISION_MS, () => window.find('aside [role=progressbar]'))
  await sleep(1_000)
  await picture(desk, 'batch')
  await until('all are done', PROVISION_MS, async () => {
    const tally = await window.text('aside .tally')
    if (tally === '4 of 4 boards done') return true
    throw new Error(tally)
  })
  const took = seconds(started)
  await window.keys([Key.Control, '1'])
  for (const name of names) await until(`${name} runs`, 30_000, async () => (await badge(desk, name)) === 'running')
  return `${took} for four`
})

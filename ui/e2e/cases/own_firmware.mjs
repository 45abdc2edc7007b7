// Programs of the user's own: dropped on a board, typed to, and exchanged for Drydock's firmware again.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { badge, BOOT_MS, drag, isConnected, palette, row } from '../ways.mjs'
import { Key, until } from '../webdriver.mjs'

export const ownFirmware = []
function it(name, run) {
  ownFirmware.push({ name, run })
}

const NAME = 'bench-2'

/** A program that answers each byte of the Nano's UART with its successor, in a file of this name. */
function echo(desk, folder, name) {
  const hex = readFileSync(join(desk.root, 'emulator/tests/guests/echo.hex'), 'utf8')
  const file = join(folder, name)
  writeFileSync(file, Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
  return file
}

const lines = (desk) => desk.window.text('[role=log] .line')

it('runs a program of the user that is dropped on a board, and sends what is typed', async (desk) => {
  const { window } = desk
  await palette(desk, 'add an emulated')
  await until('there is another board', 30_000, () => window.find('[role=row]', NAME))
  await until('its page is open', 10_000, async () => (await window.text('main h2')) === NAME)
  await until('it is connected', BOOT_MS, () => isConnected(desk, NAME))
  const folder = mkdtempSync(join(tmpdir(), 'drydock-own-'))
  let hint = ''
  try {
    await drag(desk, [echo(desk, folder, 'echo.bin')], 'main#board .zone', async () => {
      await until('the drop is announced', 10_000, async () => {
        hint = await window.text('[role=status]')
        return hint.includes(`Run echo.bin on ${NAME}`)
      })
    })
    await until('it runs its own firmware', 30_000, async () => (await badge(desk, NAME)) === 'own firmware')
  } finally {
    rmSync(folder, { recursive: true })
  }
  const card = await window.text('[data-card=apps]')
  if (!card.includes('echo.bin') || !card.includes('It starts at 0x10000')) throw new Error(`the card says ${card}`)
  await window.run(`document.querySelector('[aria-label="Text to send"]').focus()`)
  await window.type('HAL')
  await window.keys(Key.Enter)
  await until('it answers', 20_000, async () => (await lines(desk)).includes('IBM'))
  return hint
})

/** The program of the picture: drivers from crates.io, on a board with sensors and a display. */
const DRIVERS = 'emulator/tests/guests/sensors'

if (process.env.DRYDOCK_RENEW === '1')
  it('is drawn for the README with sensors and a display', async (desk) => {
    const { window } = desk
    const built = join(desk.root, 'target/tmp/guests')
    const build = ['build', '--release', '--locked', '--quiet', '--target', 'thumbv7em-none-eabi', '--target-dir', built]
    const cargo = spawnSync('cargo', build, { cwd: join(desk.root, DRIVERS), encoding: 'utf8', timeout: 300_000 })
    if (cargo.status !== 0) throw new Error(cargo.stderr)
    const parts = ['bme280,temperature=21.5', '24c256', 'ssd1306', 'w25q32', 'potentiometer,position=60'].flatMap((part) => ['--part', part])
    const firmware = ['--firmware', join(built, 'thumbv7em-none-eabi/release/guest-sensors')]
    const add = ['--data', join(desk.home, 'first'), 'boards', 'add', 'nano33ble', '--name', 'weather', ...firmware, ...parts]
    const added = spawnSync(desk.cli, add, { env: desk.env, encoding: 'utf8', timeout: 60_000 })
    if (added.status !== 0) throw new Error(added.stdout + added.stderr)
    await window.click(row('weather'))
    await until('it has run', 30_000, async () => (await lines(desk)).includes('done'))
    await until('its display is drawn', 10_000, () => window.find('[aria-label="Display ssd1306"]'))
    await window.run(`document.querySelector('[aria-label="Display ssd1306"]').scrollIntoView({ block: 'center' })`)
    await sleep(7_000) // until the notice in the status bar has gone
    writeFileSync(join(desk.root, 'docs/images/own-firmware.png'), Buffer.from(await window.ask('GET', '/screenshot'), 'base64'))
    await palette(desk, 'remove weather')
    await until('it asks', 5_000, () => window.find('[role=alertdialog]'))
    await window.keys(Key.Enter)
    await until('it is gone', 30_000, async () => !(await window.find(row('weather'))))
    await window.click(row(NAME))
  })

it('says why a board cannot run a file, and what runs there stays', async (desk) => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-own-'))
  let refusal = ''
  try {
    const file = join(folder, 'zeros.bin')
    writeFileSync(file, Buffer.alloc(64))
    await drag(desk, [file], '[data-card=apps] .body', async () => {
      await until('the refusal is shown', 10_000, async () => {
        refusal = await desk.window.text('[role=status]')
        return refusal.includes('stack pointer')
      })
    })
    await until('it is said again', 10_000, () => desk.window.find('[role=alert]', 'zeros.bin'))
  } finally {
    rmSync(folder, { recursive: true })
  }
  if ((await badge(desk, NAME)) !== 'own firmware') throw new Error(`it is ${await badge(desk, NAME)}`)
  return refusal
})

it("gives the board Drydock's firmware again, which connects", async (desk) => {
  const { window } = desk
  await window.click('[data-card=apps] button', "Drydock's firmware")
  await until('it is connected', BOOT_MS, () => isConnected(desk, NAME))
  await until('it takes apps again', 10_000, () => window.find('main#board .zone'))
  await window.click('main button', `More for ${NAME}`)
  await window.click('[role=menuitem]', `Remove ${NAME}`)
  await window.click('main .actions button', `Remove ${NAME}`)
  await until('it is gone', 30_000, async () => !(await window.find(row(NAME))))
})

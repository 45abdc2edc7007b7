// The command language of an engine that has one: the emulator's stand-in for Renode.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Key, until } from '../webdriver.mjs'

export const monitor = []
function it(name, run) {
  monitor.push({ name, run })
}

const FIELD = 'aside input[aria-label^="Command for the monitor"]'
const talk = (desk) => desk.window.text('aside [role=log]')
const field = (desk) => desk.window.run(`return document.querySelector(arguments[0])?.value`, FIELD)

async function state(desk, board) {
  const cells = await desk.window.run(
    `const row = [...document.querySelectorAll('[aria-label=Machines] [role=row]')].find((r) => r.querySelector('.name .link')?.textContent === arguments[0])
     return row?.children[1].textContent.trim() ?? null`,
    board,
  )
  return cells
}

async function say(desk, line) {
  await until('the field is free', 20_000, () => desk.window.run(`return document.querySelector(arguments[0])?.value === ''`, FIELD))
  await desk.window.run(`document.querySelector(arguments[0]).focus()`, FIELD)
  await desk.window.type(line)
  await desk.window.keys(Key.Enter)
}

it("speaks to Renode's monitor, brings lines back, shows what was refused, and tells how Renode ended", async (desk) => {
  if (desk.window) await desk.close(desk.window)
  const bin = join(desk.home, 'bin')
  mkdirSync(bin, { recursive: true })
  // It behaves, until it is asked to quit.
  const script = `#!/bin/sh\nDRYDOCK_RENODE_STANDIN='dies@quit' exec '${standin(desk)}' "$@"\n`
  writeFileSync(join(bin, 'renode'), script, { mode: 0o755 })
  const window = (desk.window = await desk.open('renode', { env: { PATH: `${bin}:${process.env.PATH}` } }))
  await until('it is painted', 60_000, () => window.find('nav button', 'Emulation'))
  await window.keys([Key.Control, '2'])
  await until('Renode is found', 20_000, async () => /renode available 1\.\d+\.\d+/.test(await window.text('[aria-label=Engines] li')))
  await window.run(
    `const select = [...document.querySelectorAll('[aria-label="Add machines"] select')].find((s) => [...s.options].some((o) => o.value === 'renode'))
     select.value = 'renode'
     select.dispatchEvent(new Event('change', { bubbles: true }))`,
  )
  await window.click('button', 'Emulate a board')
  await until('it runs', 60_000, async () => (await state(desk, 'bench-2')) === 'running')
  await window.click('button', 'Look into bench-2')
  await until('there is a field', 20_000, () => window.find(FIELD))
  await say(desk, 'peripherals')
  await until('it answers', 30_000, async () => (await talk(desk)).includes('uart0 (Model)'))
  if ((await talk(desk)).includes('\u001b')) throw new Error('codes of a terminal are shown')
  await say(desk, 'fly to the moon')
  await until('it refuses', 30_000, async () => (await window.text('aside [role=log] .bad')).includes('No such command or device: fly'))
  await window.run(`document.querySelector(arguments[0]).focus()`, FIELD)
  await window.type('half a l')
  const seen = []
  for (const key of [Key.Up, Key.Up, Key.Up, Key.Down, Key.Down]) {
    await window.keys(key)
    seen.push(await field(desk))
  }
  if (seen.join('|') !== 'fly to the moon|peripherals|peripherals|fly to the moon|half a l') throw new Error(`the keys brought ${seen.join('|')}`)
  desk.display.screenshot(join(desk.out, 'monitor.png'))
  await window.click('button', 'Look into bench-1')
  await until('bench-1 is looked into', 10_000, () => window.find('aside[aria-label="Machine of bench-1"]'))
  await sleep(1_500)
  if (await window.find(FIELD)) throw new Error('a machine of the builtin engine has a monitor')
  await window.click('button', 'Look into bench-2')
  await until('what was said is still there', 10_000, async () => (await talk(desk)).includes('fly to the moon'))
  await say(desk, 'quit')
  const said = await until('its end is reported', 30_000, () => window.text('aside [role=log] p.bad'))
  if (!/Renode ended|does not talk/.test(said) || !said.includes('bench-2')) throw new Error(said)
  await until('the machine is shown as crashed', 30_000, async () => (await state(desk, 'bench-2')) === 'crashed')
  if ((await state(desk, 'bench-1')) !== 'running') throw new Error('the other machine does not run on')
  return said
})

/** The program that plays Renode: the test of the driver itself. */
function standin(desk) {
  const built = spawnSync(
    process.env.CARGO ?? 'cargo',
    ['test', '--quiet', '--workspace', '--test', 'renode', '--no-run', '--message-format=json'],
    { cwd: desk.root, encoding: 'utf8', timeout: 300_000, maxBuffer: 1 << 28 },
  )
  const programs = built.stdout.split('\n').filter((line) => line.includes('"executable":"'))
  const found = programs.map((line) => JSON.parse(line)).find((artifact) => artifact.target.name === 'renode')
  if (!found) throw new Error(`there is no stand-in for Renode: ${built.stderr}`)
  return found.executable
}

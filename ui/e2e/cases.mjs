// What the window must do, in the order in which a user would meet it. The cases share one window unless they say so.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Key, until } from './webdriver.mjs'

/** Where the drag source stands: beside the window, which is 1,440 by 900. */
const SOURCE = [1480, 60]
const BOOT_MS = 60_000
const DEPLOY_MS = 30_000

let window
export const cases = []
function it(name, run) {
  cases.push({ name, run })
}

const row = (board) => `[role=row][data-drop-board]:has(.name[title="${board}"])`
const badge = (board) => window.text(`${row(board)} .word`)
const appState = async (app) => {
  const label = await window.run(
    `return [...document.querySelectorAll('main li[aria-label]')].map((l) => l.getAttribute('aria-label')).join('\\n')`,
  )
  return label.split('\n').find((l) => l.startsWith(`${app} `))?.split(', ').at(-1)
}

it('opens with a demo board that boots, also where the language is "C"', async (desk) => {
  window = await desk.open('first', { lang: 'C.UTF-8' })
  await until('the fleet is painted', 20_000, () => window.find('[role=row]', 'bench-1'))
  const painted = performance.now() - window.started
  if ((await window.run('return document.title')) !== 'Drydock') throw new Error('the title is not Drydock')
  await until('bench-1 is connected', BOOT_MS, async () => ['idle', 'running'].includes(await badge('bench-1')))
  return `painted after ${Math.round(painted)} ms (software rendering), connected after ${Math.round(performance.now() - window.started)} ms`
})

it('takes a file that is really dragged onto the board, and runs it', async (desk) => {
  let hint = ''
  await drag(desk, [desk.app('blink.wasm')], 'main [data-drop-board], main#board .zone', async () => {
    await until('the drop is announced', 5_000, async () => {
      hint = await window.text('.target .zone, .zone.target')
      return hint.includes('Deploy blink')
    })
  })
  const dropped = performance.now()
  await until('blink runs', DEPLOY_MS, async () => (await appState('blink')) === 'running')
  const took = Math.round(performance.now() - dropped)
  await until('the row says running', 5_000, async () => (await badge('bench-1')) === 'running')
  return `"${hint}", running ${took} ms after the drop`
})

it('shows the lines that the app logs', async () => {
  const lines = () => window.text('[role=log] .line')
  await until('blink logs', 20_000, async () => /blink/.test(await lines()))
})

it('blinks the LED on the front panel', async () => {
  const lit = () => window.run(`return document.querySelectorAll('.led.lit').length`)
  const first = await lit()
  await until('an LED changes', 15_000, async () => (await lit()) !== first)
})

it('draws plots whose numbers the table shows, and keeps them while another room is open', async () => {
  await until('the plots are drawn', 20_000, async () =>
    (await window.run(`return [...document.querySelectorAll('figure')].map((f) => f.getAttribute('aria-label')).join('\\n')`)).includes('Fuel of blink'),
  )
  await window.click('button', 'Table')
  const rows = () => window.run(`return document.querySelectorAll('[aria-label^="Measurements"] tbody tr').length`)
  await until('five measurements', 30_000, async () => (await rows()) >= 5)
  const fuel = await window.run(
    `const column = [...document.querySelectorAll('thead th')].findIndex((h) => h.dataset.series === 'fuel:blink')
     return [...document.querySelectorAll('tbody tr')].map((r) => r.children[column]?.textContent ?? '')`,
  )
  if (!fuel.some((text) => /[1-9]/.test(text))) throw new Error(`no fuel in ${JSON.stringify(fuel)}`)
  const before = await rows()
  await window.keys([Key.Control, '2'])
  await until('the activity is open', 5_000, async () => (await window.text('#activity-title')) === 'Activity')
  await until('the activity tells of blink', 5_000, async () => (await window.text('main tbody')).includes('blink'))
  await window.keys([Key.Control, '1'])
  await until('the table is back with its history', 5_000, async () => (await rows()) >= before)
  await window.click('button', 'Table')
  return `${before} measurements, fuel of blink ${fuel.find((text) => /[1-9]/.test(text))}`
})

it('refuses a file that is no module, in one sentence where it was dropped', async (desk) => {
  const notes = join(desk.home, 'notes.wasm')
  writeFileSync(notes, 'not a module')
  await drag(desk, [notes], row('bench-1'))
  const said = await until('it is refused', 10_000, () => window.text('main#board [role=alert] p'))
  if (!said.includes('WebAssembly')) throw new Error(said)
  await window.click('main#board [role=alert] button', 'Dismiss')
  return said
})

it('deploys, stops and removes by keyboard alone', async (desk) => {
  await window.run('document.activeElement?.blur()')
  await window.keys('d')
  await until('the form has the focus', 5_000, () => window.run(`return document.activeElement?.id === 'deploy-path'`))
  await window.type(desk.app('counter.wat'))
  await window.keys(Key.Enter)
  await until('counter runs', DEPLOY_MS, async () => (await appState('counter')) === 'running')
  await palette('stop counter')
  await until('counter is stopped', 15_000, async () => (await appState('counter')) === 'stopped')
  // Remove with Tab and Enter, as the palette is not the only way.
  await window.run(`document.getElementById('board').focus()`)
  await until('the focus reaches Remove of counter', 10_000, async () => {
    await window.keys(Key.Tab)
    return window.run(
      `const e = document.activeElement
       return e.textContent.trim() === 'Remove' && e.closest('li')?.getAttribute('aria-label').startsWith('counter ')`,
    )
  })
  await window.keys(Key.Enter)
  await until('it asks', 5_000, () => window.find('[role=group]', 'Remove counter from bench-1?'))
  await window.keys(Key.Enter)
  await until('counter is gone', 15_000, async () => (await appState('counter')) === undefined)
})

it('shows how an app failed, while the others run on', async (desk) => {
  await window.keys('d')
  await until('the form is open', 5_000, () => window.find('#deploy-path'))
  await window.type(desk.app('trap.wasm'))
  await window.keys(Key.Enter)
  await until('trap failed', DEPLOY_MS, async () => (await appState('trap')) === 'failed')
  const why = await window.text('li[aria-label^="trap "] p')
  if ((await appState('blink')) !== 'running') throw new Error('blink no longer runs')
  if ((await badge('bench-1')) !== 'failed') throw new Error(`the badge says ${await badge('bench-1')}`)
  await palette('remove trap')
  await until('trap is gone', 15_000, async () => (await appState('trap')) === undefined)
  return why
})

it('powers the board off and on, and the app is back', async () => {
  await window.click('button', 'Cut')
  await until('it is off', 10_000, () => window.find('[role=group] button', 'On'))
  await window.click('[role=group] button', 'On')
  await until('blink runs again', BOOT_MS, async () => (await appState('blink')) === 'running')
})

it('filters a fleet of several boards and opens them with the arrow keys', async () => {
  await palette('add an emulated')
  await until('there are two boards', 15_000, () => window.find('[role=row]', 'bench-2'))
  await window.keys('/')
  await until('the filter has the focus', 5_000, () => window.run(`return document.activeElement?.dataset.key === 'fleet-filter'`))
  await window.type('bench-2')
  await until('one board is left', 5_000, () => window.run(`return document.querySelectorAll('[role=row]').length === 1`))
  await window.keys(Key.Escape, Key.Down)
  await until('both are back', 5_000, () => window.run(`return document.querySelectorAll('[role=row]').length === 2`))
  await window.keys(Key.Home)
  await until('bench-1 is open', 5_000, async () => (await window.text('main h2')) === 'bench-1')
  await window.keys(Key.Down)
  await until('bench-2 is open', 5_000, async () => (await window.text('main h2')) === 'bench-2')
  await window.click('main button', 'More for bench-2')
  await window.click('[role=menuitem]', 'Remove bench-2')
  await window.click('main .actions button', 'Remove bench-2')
  await until('bench-2 is gone', 15_000, async () => !(await window.find('[role=row]', 'bench-2')))
})

it('has no serious accessibility violation, in both themes and every room', async () => {
  const found = []
  const rooms = [
    ['fleet', () => window.keys([Key.Control, '1'])],
    ['deploy form', () => window.keys('d')],
    ['palette', () => window.keys(Key.Escape, [Key.Control, 'k'])],
    ['activity', () => window.keys(Key.Escape, [Key.Control, '2'])],
    ['settings', () => window.keys([Key.Control, '3'])],
  ]
  for (const theme of ['light', 'dark']) {
    await palette(`use the ${theme} theme`)
    for (const [room, enter] of rooms) {
      await enter()
      await sleep(400)
      for (const violation of await violations()) found.push(`${theme} ${room}: ${violation}`)
    }
  }
  await window.keys([Key.Control, '1'])
  if (found.length > 0) throw new Error(found.join('\n'))
})

it('tells names and roles to assistive technology', async (desk) => {
  const names = await until('the bus tells of the board', 15_000, () => {
    const names = desk.display.names('drydock')
    if (!names.includes('bench-1')) throw new Error(`it tells ${JSON.stringify(names.slice(0, 500))}`)
    return names
  })
  for (const wanted of ['Deploy', 'Add board', 'Filter boards', 'Console of bench-1', 'Board bench-1']) {
    if (!names.includes(wanted)) throw new Error(`nothing is called "${wanted}" in\n${names.slice(0, 3000)}`)
  }
})

it('is drawn for the README in both themes', async (desk) => {
  await window.keys('d')
  await until('the form is open', 5_000, () => window.find('#deploy-path'))
  await window.type(desk.app('sensor.wasm'))
  await window.keys(Key.Enter)
  await until('sensor runs', DEPLOY_MS, async () => (await appState('sensor')) === 'running')
  await sleep(20_000)
  const images = join(desk.root, 'docs/images')
  mkdirSync(images, { recursive: true })
  for (const theme of ['dark', 'light']) {
    await palette(`use the ${theme} theme`)
    await sleep(7_000) // until the notice in the status bar has gone and the plots have gone on
    const png = Buffer.from(await window.ask('GET', '/screenshot'), 'base64')
    writeFileSync(join(images, `window-${theme}.png`), png)
  }
})

it('brings the first window to the front when it is started again', async (desk) => {
  const again = spawnSync(desk.binary, ['--data', join(desk.home, 'first')], { env: desk.env, encoding: 'utf8', timeout: 10_000 })
  if (again.status !== 0 || !again.stdout.includes('open already')) {
    throw new Error(`it ended with ${again.status}: ${again.stdout}${again.stderr}`)
  }
})

it('comes back with its boards and apps after it was closed', async (desk) => {
  await desk.close(window)
  window = await desk.open('first', { lang: 'en_US.UTF-8' })
  await until('the fleet is painted', 20_000, () => window.find('[role=row]', 'bench-1'))
  await until('blink runs again', BOOT_MS, async () => (await appState('blink')) === 'running')
})

it('attaches to a gateway without a window', async (desk) => {
  await desk.close(window)
  window = undefined
  const gateway = spawn(desk.cli, ['gateway', '--data', join(desk.home, 'first')], { env: desk.env, stdio: 'ignore' })
  try {
    await sleep(3_000)
    window = await desk.open('first')
    await until('blink runs in the gateway', BOOT_MS, async () => (await appState('blink')) === 'running')
    await palette('stop blink')
    await until('blink is stopped', 15_000, async () => (await appState('blink')) === 'stopped')
  } finally {
    gateway.kill('SIGINT')
    await new Promise((r) => gateway.once('exit', r))
  }
  // The owner has gone: the window owns the data directory now.
  await until('the window took over', 20_000, async () => (await window.text('footer')).includes('session'))
  await until('bench-1 is connected again', BOOT_MS, async () => ['idle', 'degraded'].includes(await badge('bench-1')))
})

it('says what to do when the data directory cannot be used', async (desk) => {
  await desk.close(window)
  writeFileSync(join(desk.home, 'a-file'), '')
  window = await desk.open('a-file/data')
  const said = await until('it says so', 10_000, () => window.text('[role=alert]'))
  if (!said.includes('--data')) throw new Error(said)
  return said
})

it('says so when there is no display', async (desk) => {
  const env = { ...desk.env }
  delete env.DISPLAY
  delete env.WAYLAND_DISPLAY
  const done = spawnSync(desk.binary, ['--data', join(desk.home, 'none')], { env, encoding: 'utf8', timeout: 10_000 })
  if (done.status !== 4 || !done.stderr.includes('drydock run')) throw new Error(`${done.status}: ${done.stderr}`)
})

async function drag(desk, files, selector, over) {
  const [left, top] = desk.display.origin('Drydock')
  const [x, y] = await window.middle(selector)
  await desk.display.drag(files, SOURCE, [left + x, top + y], over)
}

async function palette(query) {
  await window.keys([Key.Control, 'k'])
  await until('the palette is open', 5_000, () => window.find('[role=combobox]'))
  await window.type(query)
  await until(`the palette finds "${query}"`, 5_000, () => window.find('[role=option][aria-selected=true]'))
  await window.keys(Key.Enter)
}

const source = readFileSync(new URL(import.meta.resolve('axe-core')), 'utf8')
async function violations() {
  return window.ask('POST', '/execute/async', {
    // As part of the script: the content policy allows no eval.
    script: `const done = arguments[arguments.length - 1]
      if (!window.axe) { ${source}\n }
      window.axe.run(document, { resultTypes: ['violations'] }).then((r) => done(
        r.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
          .map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ') + ' (' + n.any.map((a) => a.message).join('; ') + ')').slice(0, 3).join(', '))),
        (e) => done(['axe: ' + e]))`,
    args: [],
  })
}

// The window as a whole: accessibility, saved state, one window per data directory, messages about missing parts.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { descendantsOf, ended } from '../process.mjs'
import { appBecomes, badge, BOOT_MS, deployFile, isConnected, palette, row, violations } from '../ways.mjs'
import { Key, until } from '../webdriver.mjs'

export const whole = []
function it(name, run) {
  whole.push({ name, run })
}

it('comes back with its boards and apps, theme, room, place and size after it was closed', async (desk) => {
  await desk.close(desk.window)
  desk.window = await desk.open('first', { lang: 'en_US.UTF-8' })
  // It opens in the room in which the case before left it.
  await until('it is painted', 60_000, () => desk.window.find('nav button', 'Fleet'))
  await desk.window.keys([Key.Control, '1'])
  await until('the fleet is open', 60_000, () => desk.window.find(row('bench-1')))
  await desk.window.click(row('bench-1'))
  await until('bench-1 runs again', BOOT_MS, async () => (await badge(desk, 'bench-1')) === 'running')
  await appBecomes(desk, 'blink', 'running')
  await palette(desk, 'use the light theme')
  await desk.window.keys([Key.Control, '4'])
  desk.display.put('Drydock', [60, 40], [1300, 820])
  await until('it has its new size', 10_000, () => desk.window.run('return innerWidth === 1300'))
  await sleep(2_000)
  await desk.close(desk.window)
  desk.window = await desk.open('first', { lang: 'en_US.UTF-8' })
  const { window } = desk
  await until('the room is the same', 30_000, async () => (await window.text('#activity-title')) === 'Activity')
  const theme = await window.run('return document.documentElement.dataset.theme')
  if (theme !== 'light') throw new Error(`the theme is ${theme}`)
  const size = await window.run('return [innerWidth, innerHeight].join()')
  const origin = desk.display.origin('Drydock').join()
  if (size !== '1300,820' || origin !== '60,40') throw new Error(`it is ${size} at ${origin}`)
  desk.display.put('Drydock', [0, 0], [1440, 900])
  await until('it has its size again', 10_000, () => window.run('return innerWidth === 1440'))
  await window.keys([Key.Control, '1'])
  await until('bench-1 runs', BOOT_MS, async () => (await badge(desk, 'bench-1')) === 'running')
})

it('has no serious accessibility violation, in both themes and every room', async (desk) => {
  const { window } = desk
  const found = []
  const rooms = [
    ['fleet', () => window.keys([Key.Control, '1'])],
    ['deploy form', () => window.keys('d')],
    ['palette', () => window.keys(Key.Escape, [Key.Control, 'k'])],
    ['emulation', () => window.keys(Key.Escape, [Key.Control, '2'])],
    ['connect', () => window.keys([Key.Control, '3'])],
    ['activity', () => window.keys([Key.Control, '4'])],
    ['settings', () => window.keys([Key.Control, '5'])],
    ['plots', () => window.keys([Key.Control, '6'])],
  ]
  for (const theme of ['light', 'dark']) {
    await palette(desk, `use the ${theme} theme`)
    for (const [room, enter] of rooms) {
      await enter()
      await sleep(400)
      for (const violation of await violations(desk)) found.push(`${theme} ${room}: ${violation}`)
    }
  }
  await window.keys([Key.Control, '1'])
  if (found.length > 0) throw new Error(found.join('\n'))
})

it('tells names and roles to assistive technology', async (desk) => {
  const names = await until('the bus tells of the board', 30_000, () => {
    const names = desk.display.names('drydock')
    if (!names.includes('bench-1')) throw new Error(`it tells ${JSON.stringify(names.slice(0, 500))}`)
    return names
  })
  for (const wanted of ['Deploy', 'Add board', 'Filter boards', 'Console of bench-1', 'Board bench-1', 'blink 1.0.0, running']) {
    if (!names.includes(wanted)) throw new Error(`nothing is called "${wanted}" in\n${names.slice(0, 3000)}`)
  }
})

it('is drawn for the README in both themes', async (desk) => {
  await deployFile(desk, desk.app('sensor.wasm'))
  await appBecomes(desk, 'sensor', 'running')
  await sleep(20_000)
  const images = join(desk.root, 'docs/images')
  mkdirSync(images, { recursive: true })
  for (const theme of ['dark', 'light']) {
    await palette(desk, `use the ${theme} theme`)
    await sleep(7_000) // until the notice in the status bar has gone and the plots have gone on
    await until('the LED is lit', 20_000, () => desk.window.run(`return document.querySelectorAll('.led.lit').length > 0`))
    const png = Buffer.from(await desk.window.ask('GET', '/screenshot'), 'base64')
    if (png.length < 20_000) throw new Error(`the picture has ${png.length} bytes only`)
    if (process.env.DRYDOCK_RENEW === '1') writeFileSync(join(images, `window-${theme}.png`), png)
  }
})

it('brings the first window to the front when it is started again', async (desk) => {
  const here = [700, 450]
  const open = desk.display.pixel(here)
  const cover = await desk.display.cover(here)
  try {
    await until('another window covers it', 10_000, () => desk.display.pixel(here) !== open)
    const again = spawnSync(desk.binary, ['--data', join(desk.home, 'first')], { env: desk.env, encoding: 'utf8', timeout: 30_000 })
    if (again.status !== 0 || !again.stdout.includes('open already')) {
      throw new Error(`it ended with ${again.status}: ${again.stdout}${again.stderr}`)
    }
    await until('it is in front of the other window', 10_000, () => desk.display.pixel(here) === open)
  } finally {
    await ended(cover, 'SIGTERM', 2_000)
  }
})

it('attaches to a gateway without a window, and takes over when it ends', async (desk) => {
  await desk.close(desk.window)
  desk.window = undefined
  const data = join(desk.home, 'first')
  let obeyed
  const gateway = spawn(desk.cli, ['gateway', '--data', data], { env: desk.env, stdio: 'ignore' })
  try {
    await until('the gateway owns the data', 30_000, () => JSON.parse(readFileSync(join(data, 'owner.json'), 'utf8')).pid === gateway.pid)
    desk.window = await desk.open('first')
    await until('blink runs in the gateway', BOOT_MS, async () => (await badge(desk, 'bench-1')) === 'running')
    if (!(await desk.window.find('header', 'attached'))) throw new Error('the window does not say that it is attached')
    await palette(desk, 'stop blink')
    await appBecomes(desk, 'blink', 'stopped')
    const seen = spawnSync(desk.cli, ['boards', '--json', '--data', data], { env: desk.env, encoding: 'utf8', timeout: 20_000 })
    if (!/"name":"blink"[^}]*"state":"stopped"/.test(seen.stdout)) throw new Error(`the gateway says ${seen.stdout}${seen.stderr}`)
  } finally {
    obeyed = await ended(gateway, 'SIGINT', 30_000)
  }
  if (!obeyed) throw new Error('the gateway did not end when it was asked to')
  // The owner has gone: the window owns the data directory now.
  await until('the window took over', 60_000, async () => /gateway · \d session/.test(await desk.window.text('footer')))
  await until('it is attached no more', 10_000, async () => !(await desk.window.find('header', 'attached')))
  await until('bench-1 is connected again', BOOT_MS, async () => /gateway · [1-9]/.test(await desk.window.text('footer')))
  await appBecomes(desk, 'sensor', 'running')
  // After its restart the board reports it as installed: it starts only on request. The row may still wait for the
  // answer of the gateway that was killed.
  await until('blink is still stopped', 10_000, () => desk.window.find('li[aria-label^="blink "] button', 'Start'))
})

it('obeys the command line as a gateway without a window does', async (desk) => {
  if (desk.window) await desk.close(desk.window)
  desk.window = await desk.open('obeys')
  await until('bench-1 is connected', BOOT_MS, async () => (await isConnected(desk, 'bench-1')))
  // The command line's test for a headless gateway, on this window's data directory.
  const name = 'board::against_the_owner_that_the_environment_names'
  const test = spawnSync(
    process.env.CARGO ?? 'cargo',
    ['test', '--quiet', '--workspace', '--test', 'cli', '--', '--exact', name, '--nocapture'],
    {
      cwd: desk.root,
      env: { ...desk.env, DRYDOCK_TEST_DATA: join(desk.home, 'obeys'), DRYDOCK_TEST_BOARD: 'bench-1' },
      encoding: 'utf8',
      timeout: 120_000,
    },
  )
  const said = test.stdout + test.stderr
  if (test.status !== 0 || !said.includes('1 passed') || said.includes('drydock-skip')) throw new Error(said)
})

it('says once what was left undone after Drydock was killed', async (desk) => {
  if (desk.window) await desk.close(desk.window)
  desk.window = undefined
  const data = join(desk.home, 'killed')
  const gateway = spawn(desk.cli, ['gateway', '--data', data], { env: desk.env, stdio: 'ignore' })
  try {
    await until('the gateway owns the data', 30_000, () => JSON.parse(readFileSync(join(data, 'owner.json'), 'utf8')).pid === gateway.pid)
  } finally {
    await ended(gateway, 'SIGKILL', 10_000)
  }
  desk.window = await desk.open('killed')
  const { window } = desk
  const note = '[aria-label="The run before"]'
  await until('it says so', 60_000, () => window.find(note, 'Drydock was not closed the last time.'))
  await window.click(`${note} button`, 'Dismiss')
  await until('it is put away', 5_000, async () => !(await window.find(note)))
  await desk.close(window)
  desk.window = await desk.open('killed')
  await until('the fleet is painted', 60_000, () => desk.window.find('nav button', 'Fleet'))
  await until('it is open', 60_000, async () => /gateway ·/.test(await desk.window.text('footer')))
  if (await desk.window.find(note)) throw new Error('it says so again after a clean end')
})

it('draws without the DMA-BUF renderer where the window once stayed blank, and says so', async (desk) => {
  if (desk.window) await desk.close(desk.window)
  const memory = join(desk.env.XDG_CONFIG_HOME, 'drydock/webview-without-dmabuf')
  mkdirSync(join(desk.env.XDG_CONFIG_HOME, 'drydock'), { recursive: true })
  writeFileSync(memory, '')
  try {
    desk.window = await desk.open('blank')
    await until('it says so', 30_000, async () => (await desk.window.text('footer')).includes('without the DMA-BUF renderer'))
    await until('it draws', 30_000, () => desk.window.find('[role=row]', 'bench-1'))
  } finally {
    rmSync(memory)
  }
})

it('says what to do when the data directory cannot be used', async (desk) => {
  if (desk.window) await desk.close(desk.window)
  writeFileSync(join(desk.home, 'a-file'), '')
  desk.window = await desk.open('a-file/data')
  const said = await until('it says so', 30_000, () => desk.window.text('[role=alert]'))
  if (!said.includes('--data')) throw new Error(said)
  return said
})

it('says so when there is no display', async (desk) => {
  const env = { ...desk.env }
  delete env.DISPLAY
  delete env.WAYLAND_DISPLAY
  const done = spawnSync(desk.binary, ['--data', join(desk.home, 'none')], { env, encoding: 'utf8', timeout: 20_000 })
  if (done.status !== 4 || !done.stderr.includes('drydock run')) throw new Error(`${done.status}: ${done.stderr}`)
})

// The last one: the driver gives its session up with the page.
it('loads its page again, in the room in which it was, when the process that draws it crashes', async (desk) => {
  if (desk.window) await desk.close(desk.window)
  desk.window = undefined
  const window = await desk.open('crashed')
  const pages = () => descendantsOf(window.driver.pid).filter(({ name }) => name.startsWith('WebKitWebProc'))
  await until('it is open', 60_000, async () => /gateway ·/.test(await window.text('footer')))
  const [before] = pages()
  if (!before) throw new Error('no process draws a page')
  await window.keys([Key.Control, '3'])
  await until('the room is another one', 5_000, () => window.find('button', 'Virtual board'))
  await sleep(1_500) // until it is remembered
  process.kill(before.pid, 'SIGKILL')
  // Of the new page assistive technology tells.
  await until('the page is told again', 60_000, () => {
    // A page of the same window, not of another one that tries another renderer.
    if (!pages().some(({ pid, parent }) => pid !== before.pid && parent === before.parent)) return false
    return desk.display.names('drydock').includes('Virtual board')
  })
  await desk.close(window)
})

// The plots of a board: zoom, cursor, events, notes, thresholds, statistics; and what a frame costs with eight of them.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { appBecomes, badge, BOOT_MS, deployFile, isConnected, palette, violations } from '../ways.mjs'
import { overflows, sizes } from '../overflows.mjs'
import { descendantsOf } from '../process.mjs'
import { Key, until } from '../webdriver.mjs'

export const plots = []
function it(name, run) {
  plots.push({ name, run })
}

/** Cases with several boards. */
export const comparing = []

/** How long frames are watched. */
const FRAMES_MS = 10_000

const figures = (window) =>
  window.run(`return [...document.querySelectorAll('figure')].map((f) => f.getAttribute('aria-label')).join('\\n')`)

it('draws eight live plots of a board, and says what a frame costs', async (desk) => {
  const window = (desk.window ??= await desk.open('first'))
  await until('the fleet is painted', 60_000, () => window.find('[role=row]', 'bench-1'))
  await until('bench-1 answers', BOOT_MS, async () => (await isConnected(desk, 'bench-1')) || (await badge(desk, 'bench-1')) === 'running')
  for (const app of ['blink', 'sensor']) {
    await deployFile(desk, desk.app(`${app}.wasm`))
    // The app may run already; the form stays until the package is signed.
    await until('the form has gone', 20_000, async () => !(await window.find('#deploy-path')))
    await appBecomes(desk, app, 'running')
  }
  await window.click('[data-card=signals] button', 'Fill the page with Signals')
  await window.click('[data-card=signals] button', 'Series')
  const hidden = await window.run(
    `const boxes = [...document.querySelectorAll('[data-card=signals] fieldset input')]
     const hidden = boxes.filter((b) => !b.checked)
     hidden.forEach((b) => b.click())
     return hidden.length`,
  )
  await window.click('[data-card=signals] button', 'Series')
  await until('there are eight plots', 60_000, async () => (await figures(window)).split('\n').length >= 8)
  await until('they have a history', 60_000, async () => !(await figures(window)).includes('no sample'))
  await sleep(15_000)
  // The wall clock includes what other programs take; the main thread's own time does not.
  const page = descendantsOf(window.driver.pid).find(({ name }) => name.startsWith('WebKitWebProces'))?.pid
  const tickMs = 1000 / Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout)
  const busyMs = () => {
    const [user, system] = readFileSync(`/proc/${page}/task/${page}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13)
    return (Number(user) + Number(system)) * tickMs
  }
  const before = busyMs()
  const { gaps, costs, count } = await window.ask('POST', '/execute/async', {
    script: `const done = arguments[arguments.length - 1]
      const plot = document.querySelector('figure .canvas')
      const box = plot.getBoundingClientRect()
      const channel = new MessageChannel()
      const gaps = [], costs = []
      const end = performance.now() + ${FRAMES_MS}
      let last = 0, began = 0, at = 0
      channel.port1.onmessage = () => costs.push(performance.now() - began)
      const frame = (now) => {
        if (last > 0) gaps.push(now - last)
        last = now
        began = performance.now()
        at = (at + 3) % Math.max(1, box.width - 60)
        plot.dispatchEvent(new PointerEvent('pointermove', { clientX: box.x + at, clientY: box.y + 20, bubbles: true, pointerId: 1 }))
        channel.port2.postMessage(0)
        if (now < end) requestAnimationFrame(frame)
        else {
          plot.dispatchEvent(new PointerEvent('pointerleave', { pointerId: 1 }))
          done({ gaps, costs, count: document.querySelectorAll('figure').length })
        }
      }
      requestAnimationFrame(frame)`,
    args: [],
  })
  const each = (busyMs() - before) / (gaps.length + 1)
  if (gaps.length < 3) throw new Error(`only ${gaps.length} frames in ${FRAMES_MS} ms`)
  // As it was, for the cases that come after.
  await window.click('[data-card=signals] button', 'Series')
  await window.run(
    `for (const b of document.querySelectorAll('[data-card=signals] fieldset input'))
       if (['Chip temperature', 'Frames sent again', 'Memory of each app'].some((w) => b.parentElement.textContent.includes(w))) b.click()`,
  )
  await window.click('[data-card=signals] button', 'Series')
  await window.click('[data-card=signals] button', 'Shrink Signals')
  const of = (list, share) => list.toSorted((a, b) => a - b)[Math.floor((list.length - 1) * share)].toFixed(1)
  return (
    `work of a frame with ${count} plots and a moving cursor: p99 ${of(costs, 0.99)} ms, median ${of(costs, 0.5)} ms; ` +
    `processor time of the main thread ${each.toFixed(1)} ms a frame; ` +
    `between frames: median ${of(gaps, 0.5)} ms, p99 ${of(gaps, 0.99)} ms of ${gaps.length} (software rendering; ${hidden} kinds were hidden)`
  )
})

it('zooms where it is dragged, marks what happened, keeps a note and a threshold', async (desk) => {
  const window = (desk.window ??= await desk.open('first'))
  await until('the fleet is painted', 60_000, () => window.find('[role=row]', 'bench-1'))
  await until('the plots are drawn', BOOT_MS, async () => (await figures(window)).includes('CPU busy: now'))
  const follows = () => window.run(`return [...document.querySelectorAll('button')].find((b) => b.textContent.trim() === 'Follow').getAttribute('aria-pressed')`)
  if ((await follows()) !== 'true') throw new Error('the plots do not follow the time')
  const [left, top] = desk.display.origin('Drydock')
  const [x, y] = await window.middle('figure .canvas')
  desk.display.hand('mousemove', left + x - 100, top + y)
  desk.display.hand('mousedown', 1)
  for (const step of [-60, 0, 60]) desk.display.hand('mousemove', left + x + step, top + y)
  desk.display.hand('mouseup', 1)
  await until('the range is zoomed', 5_000, async () => (await follows()) === 'false')
  await window.run(`document.querySelector('[data-card=signals] [role=group]').focus()`)
  await window.keys('0')
  await until('they follow again', 5_000, async () => (await follows()) === 'true')

  // A note where the keys put the cursor.
  await window.keys([Key.Shift, Key.Right], 'n')
  await until('the form asks for a note', 5_000, () => window.run(`return document.activeElement?.getAttribute('aria-label')?.startsWith('Note at')`))
  await window.type('the door opened')
  await window.keys(Key.Enter)
  await window.keys('t')
  await until('the form asks for a threshold', 5_000, () => window.find('form[aria-label^="Thresholds"]'))
  await window.keys(Key.Tab, Key.Tab)
  await window.type('0.01')
  await window.keys(Key.Enter)
  await until('it is crossed', 10_000, async () => (await figures(window)).includes('above 0.0'))
  await window.keys(Key.Escape)

  // A pause is a gap with its cause.
  await window.click('[role=group] button', 'Pause')
  await until('it is paused', 10_000, () => window.find('[role=group] button', 'Resume'))
  await until('no sample comes', 20_000, async () => (await figures(window)).includes('no sample for'))
  await window.click('[role=group] button', 'Resume')
  await until('values come again', 20_000, async () => (await figures(window)).includes('CPU busy: now'))
  await until('the gap has its cause', 10_000, async () => /gap.*\(paused/.test(await window.text('[data-card=signals] .note')))
  await window.click('[role=group] button', 'Reset')
  await palette(desk, 'plots: list events')
  await until('a reset is listed', BOOT_MS, async () => /reset/.test(await window.text('.events')))
  const listed = await window.text('.events tr')
  for (const wanted of ['the door opened', 'pause', 'gap', 'No samples for']) if (!listed.includes(wanted)) throw new Error(`no ${wanted} in ${listed}`)
  desk.display.screenshot(`${desk.out}/plots-table.png`)
  await window.click('.events button', 'Remove the note the door opened')
  await window.click('[data-card=signals] button', 'Table')
  desk.display.screenshot(`${desk.out}/plots.png`)
  await window.run(`document.querySelector('[data-card=signals] [role=group]').focus()`)
  await window.keys('t')
  await window.click('form button', 'Remove the threshold')
  await window.keys(Key.Escape)
  await until('the form is closed', 5_000, async () => !(await window.find('form[aria-label^="Thresholds"]')))
  return listed.replaceAll('\n', ' | ').slice(0, 300)
})

comparing.push({
  name: 'compares the plots of marked boards, and keeps them as a dashboard over a restart',
  async run(desk) {
    // The case before may have left a window on another data directory.
    await desk.close(desk.window)
    let window = (desk.window = await desk.open('first'))
    await until('the window is painted', 60_000, () => window.find('nav button', 'Fleet'))
    await window.keys([Key.Control, '1'])
    await until('the fleet is painted', 60_000, () => window.find('[role=row]', 'bench-1'))
    const count = () => window.run(`return document.querySelectorAll('[role=row][data-drop-board]').length`)
    while ((await count()) < 2) {
      const before = await count()
      await palette(desk, 'add an emulated arduino nano')
      await until('another board is there', 30_000, async () => (await count()) > before)
    }
    await window.run(`document.querySelector('[role=grid]').focus()`)
    await window.keys([Key.Control, 'a'])
    await palette(desk, 'compare the plots of')
    await until('the room compares', 10_000, async () => /Compare \d/.test(await window.text('#plots-title')))
    const lines = await until('two boards are in the plot of the CPU', BOOT_MS, async () => {
      const said = await figures(window)
      return /^CPU busy: .*\d.*%.*, .*\d.*%/m.test(said) && said
    })
    await window.click('main header button', 'Keep as dashboard')
    await until('it has a name', 5_000, () => window.find('[aria-label="Name of the dashboard"]'))
    await window.run(`document.querySelector('[aria-label="Name of the dashboard"]').focus()`)
    await window.keys([Key.Control, 'a'])
    await window.type('Two benches')
    await window.keys(Key.Enter)
    await until('it is called so', 5_000, () => window.find('select[aria-label=Dashboard]', 'Two benches'))
    await window.run(`document.querySelector('main [role=group]').focus()`)
    await window.keys([Key.Shift, Key.Right])
    await until('the values at the cursor are said', 5_000, async () => /CPU busy bench-1/.test(await window.text('footer')))
    const found = []
    for (const theme of ['light', 'dark']) {
      await palette(desk, `use the ${theme} theme`)
      // A theme is not drawn at once where software renders.
      let last = []
      await until(`no violation in the ${theme} theme`, 8_000, async () => {
        last = (await window.run('return document.documentElement.dataset.theme')) === theme ? await violations(desk) : ['the other theme']
        return last.length === 0
      }).catch(() => found.push(...last.map((what) => `${theme}: ${what}`)))
      await sleep(1_000)
      desk.display.screenshot(`${desk.out}/compare-${theme}.png`)
    }
    for (const size of sizes.filter(([width]) => width <= 1440)) {
      desk.display.put('Drydock', [0, 0], size)
      await until('it has its size', 10_000, () => window.run(`return innerWidth === ${size[0]}`))
      await sleep(300)
      found.push(...(await window.run(`return (${overflows})()`)).map((what) => `${size.join('x')}: ${what}`))
      if (size[0] === 1000) desk.display.screenshot(`${desk.out}/compare-small.png`)
    }
    desk.display.put('Drydock', [0, 0], [1440, 900])
    if (found.length > 0) throw new Error(found.join('\n'))
    await sleep(1_500)
    await desk.close(window)
    window = desk.window = await desk.open('first')
    await until('the dashboard is back', 60_000, async () => (await window.run(`return document.querySelector('[aria-label="Name of the dashboard"]')?.value`)) === 'Two benches')
    await until('its plots are drawn', BOOT_MS, async () => /^CPU busy: /m.test(await figures(window)))
    await window.keys([Key.Control, '1'])
    return lines.split('\n')[0]
  },
})

// Very many boards.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deployFile, row } from '../ways.mjs'
import { Key, until } from '../webdriver.mjs'

export const thousand = []
function it(name, run) {
  thousand.push({ name, run })
}

const rows = (window) => window.run(`return document.querySelectorAll('[role=row]').length`)

it('scrolls and filters a thousand boards', async (desk) => {
  await desk.close(desk.window)
  writeFleet(join(desk.home, 'many'), 1000)
  const window = (desk.window = await desk.open('many'))
  // The window opens on the page on which it was closed.
  await until('it is painted', 60_000, () => window.find('nav button', 'Fleet'))
  await window.keys([Key.Control, '1'])
  await until('the thousand are there', 60_000, async () =>
    (await window.run(`return document.querySelector('[role=grid]')?.getAttribute('aria-rowcount')`)) === '1000',
  )
  if ((await rows(window)) > 40) throw new Error(`${await rows(window)} rows are drawn at once`)
  const frames = await scroll(window)
  await window.run(`document.querySelector('[role=grid]').focus()`)
  await window.keys(Key.End)
  await until('the last one is open and in sight', 10_000, async () => (await window.text('main h2')) === 'yard-999')
  await until('its row is drawn', 5_000, () => window.find(row('yard-999')))
  const keys = await typing(window, 'yard-77 switched nano')
  await until('eleven are left', 5_000, async () =>
    (await window.run(`return document.querySelector('[role=grid]').getAttribute('aria-rowcount')`)) === '11',
  )
  if ((await window.run(`return document.querySelector('[role=grid]').scrollTop`)) !== 0) throw new Error('the first of them is out of sight')
  desk.display.screenshot(join(desk.out, 'thousand.png'))
  return `filter keystroke to next picture: median ${keys[Math.floor(keys.length / 2)]} ms, p95 ${keys[Math.floor(keys.length * 0.95)]} ms of ${keys.length}; scrolling: ${frames} (software rendering)`
})

it('answers to the filter while very many machines run', async (desk) => {
  const many = Number(process.env.DRYDOCK_E2E_MACHINES ?? 60)
  await desk.close(desk.window)
  const window = (desk.window = await desk.open('busy'))
  await until('it is painted', 60_000, () => window.find('nav button', 'Emulation'))
  await window.keys([Key.Control, '2'])
  await until('machines can be added', 60_000, () => window.find('[aria-label="Add machines"]'))
  await window.run(
    `const field = document.querySelector('[aria-label="Add machines"] input[type=number]')
     field.value = arguments[0]
     field.dispatchEvent(new Event('input', { bubbles: true }))`,
    String(many - 1),
  )
  const started = performance.now()
  await window.click('button', `Emulate ${many - 1} boards`)
  await window.keys([Key.Control, '1'])
  const count = () => window.run(`return Number(document.querySelector('[role=grid]')?.getAttribute('aria-rowcount') ?? 0)`)
  await until('all were added', Math.max(120_000, many * 300), async () => (await count()) === many)
  const booting = quantiles(await typing(window, FILTER))
  await window.keys(Key.Escape)
  // A thousand boot for some minutes.
  const patience = Math.max(400_000, many * 900)
  const sessions = async () => Number(/gateway · ([\d,]+) session/.exec(await window.text('footer'))?.[1].replaceAll(',', '') ?? 0)
  await until('all are connected', patience, async () => (await sessions()) === many)
  await markAll(window, many)
  await deployFile(desk, desk.app('blink.wasm'))
  await until('blink runs on all', patience, () => window.find('[aria-label="Boards by state"] button', `${many.toLocaleString('en')} running`))
  const up = Math.round((performance.now() - started) / 1000)
  const took = []
  for (let round = 0; round < 6; round++) {
    took.push(...(await typing(window, FILTER)))
    await until('only those are left', 5_000, async () => (await count()) > 0 && (await count()) < many)
    if (round === 0) desk.display.screenshot(join(desk.out, 'busy.png'))
    await window.keys(Key.Escape)
    await until('all are listed', 5_000, async () => (await count()) === many)
  }
  const running = quantiles(took.sort((a, b) => a - b))
  return `${many} machines ran blink after ${up} s; filter keystroke to next picture: ${running} while they run, ${booting} while they boot`
})

const FILTER = 'bench-1 nano33ble'

/** Marks all boards, from the first row to the last, as a user does with Shift. */
async function markAll(window, many) {
  await window.run(`document.querySelector('[role=grid]').scrollTop = 0`)
  await until('the first row is drawn', 5_000, () => window.find('[role=row][aria-rowindex="1"]'))
  await window.click('[role=row][aria-rowindex="1"] .name')
  await window.run(`const list = document.querySelector('[role=grid]'); list.scrollTop = list.scrollHeight`)
  await until('the last row is drawn', 5_000, () => window.find(`[role=row][aria-rowindex="${many}"]`))
  await window.run(
    `document.querySelector(arguments[0]).dispatchEvent(new MouseEvent('click', { bubbles: true, shiftKey: true }))`,
    `[role=row][aria-rowindex="${many}"]`,
  )
  await until('all are marked', 5_000, () => window.find('.marks', `${many.toLocaleString('en')} marked`))
}

function quantiles(sorted) {
  return `median ${sorted[Math.floor(sorted.length / 2)]} ms, p95 ${sorted[Math.floor(sorted.length * 0.95)]} ms of ${sorted.length}`
}

/** A fleet file of boards that are switched off, as Drydock itself writes it, with names short and long. */
export function writeFleet(directory, count) {
  const boards = Array.from({ length: count }, (_, i) => ({
    id: `b-${i.toString(16).padStart(6, '0')}`,
    name: i === 7 ? `greenhouse-north-${'x'.repeat(47)}` : `yard-${i}`,
    kind: 'nano33ble',
    engine: 'builtin',
    pace: 'realtime',
    seed: i.toString(16).padStart(64, '0'),
    device: `dev-${i.toString(16).padStart(16, '0')}`,
    on: false,
  }))
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeFileSync(join(directory, 'demo-offered'), '')
  writeFileSync(join(directory, 'fleet.json'), JSON.stringify({ format: 1, boards }))
}

/** Milliseconds from each key to the picture that shows its effect, ascending. */
async function typing(window, text) {
  const focused = () => window.run(`return document.activeElement?.dataset.key === 'fleet-filter'`)
  if (!(await focused())) await window.keys('/')
  await until('the filter has the focus', 10_000, focused)
  await window.run(
    `window.took = []
     document.querySelector('[data-key=fleet-filter]').onkeydown = (e) => {
       const pressed = e.timeStamp
       requestAnimationFrame(() => setTimeout(() => window.took.push(Math.round(performance.now() - pressed))))
     }`,
  )
  for (const key of text) await window.keys(key)
  await until('every key was measured', 10_000, () => window.run(`return window.took.length >= ${text.length}`))
  const typed = await window.run(`return document.querySelector('[data-key=fleet-filter]').value`)
  if (typed !== text) throw new Error(`"${typed}" was typed, not "${text}"`)
  return (await window.run('return window.took')).sort((a, b) => a - b)
}

/** Scrolls from top to bottom, a screen at each frame, and returns a summary of the frame times. */
async function scroll(window) {
  const gaps = await window.ask('POST', '/execute/async', {
    script: `const done = arguments[arguments.length - 1]
      const list = document.querySelector('[role=grid]')
      const gaps = []
      let last = performance.now()
      const step = () => {
        const now = performance.now()
        gaps.push(now - last)
        last = now
        list.scrollTop += list.clientHeight
        if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1 || gaps.length > 400) done(gaps)
        else requestAnimationFrame(step)
      }
      requestAnimationFrame(step)`,
    args: [],
  })
  const sorted = gaps.map(Math.round).sort((a, b) => a - b)
  return `${gaps.length} screens, median ${sorted[Math.floor(gaps.length / 2)]} ms, longest ${sorted.at(-1)} ms`
}

// The cards of a board's page: they change places, and get windows of their own.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { overflows, sizes } from '../overflows.mjs'
import { palette } from '../ways.mjs'
import { until } from '../webdriver.mjs'

export const cards = []
function it(name, run) {
  cards.push({ name, run })
}

const order = (desk) => desk.window.run(`return [...document.querySelectorAll('[data-card]')].map((c) => c.dataset.card).join()`)

async function becomes(desk, wanted) {
  await until(`the cards stand as ${wanted}`, 10_000, async () => {
    const now = await order(desk)
    if (now !== wanted) throw new Error(`they stand as ${now}`)
    return true
  })
}

it('lets cards change places, by hand, by keyboard and from the palette, and remembers it', async (desk) => {
  const first = 'apps,signals,console,front'
  await becomes(desk, first)
  const [left, top] = desk.display.origin('Drydock')
  const [fromX, fromY] = await desk.window.middle('#card-console')
  const [toX, toY] = await desk.window.middle('[data-card=signals] .body')
  desk.display.hand('mousemove', left + fromX, top + fromY, 'mousedown', 1)
  for (let i = 1; i <= 8; i++) {
    desk.display.hand('mousemove', Math.round(left + fromX + ((toX - fromX) * i) / 8), Math.round(top + fromY + ((toY - fromY) * i) / 8))
    await sleep(25)
  }
  await until('the target is lit', 5_000, () => desk.window.find('[data-card=signals].onto'))
  desk.display.hand('mouseup', 1)
  await becomes(desk, 'apps,console,signals,front')
  await desk.window.run(`document.querySelector('[data-card=console] .grip').focus()`)
  await desk.window.keys('\ue012')
  await becomes(desk, 'console,apps,signals,front')
  const focused = await desk.window.run(`return document.activeElement.getAttribute('aria-label')`)
  if (focused !== 'Move Console') throw new Error(`the focus is on ${focused}`)
  const kept = join(desk.env.XDG_CONFIG_HOME, 'drydock/window.json')
  await until('the order is kept', 10_000, () => JSON.parse(readFileSync(kept, 'utf8')).front.cards.join() === 'console,apps,signals,front')
  await palette(desk, 'put the cards back')
  await becomes(desk, first)
})

it('keeps every control in its card at every size', async (desk) => {
  const { window } = desk
  try {
    for (const [width, height] of sizes) {
      if (width > 1600) continue // wider than the screen
      desk.display.put('Drydock', [0, 0], [width, height])
      await until(`it is ${width} wide`, 10_000, () => window.run(`return innerWidth === ${width}`))
      await until(`nothing leaves its card at ${width} × ${height}`, 10_000, async () => {
        const found = await window.run(`return (${overflows})()`)
        if (found.length > 0) throw new Error(found.join(', '))
        return true
      })
    }
  } finally {
    desk.display.put('Drydock', [0, 0], [1440, 900])
    await until('it has its size again', 10_000, () => window.run('return innerWidth === 1440'))
  }
})

it('shows a card in a window of its own, which closes with the main one', async (desk) => {
  const title = 'Console of bench-1 – Drydock'
  const ids = () => desk.display.windows(title)
  await desk.window.click('[data-card=console] button', 'Open Console in its own window')
  const [id] = await until('the window is there', 20_000, () => {
    const found = ids()
    return found.length === 1 && found
  })
  // A blank page has few colours; a console has the grey levels of its letters.
  await until('it draws lines', 20_000, () => desk.display.colours(id) > 40)
  await until('the bus tells of it', 20_000, () => desk.display.names('drydock').split('Console of bench-1').length > 2)
  desk.display.screenshot(join(desk.out, 'card-window.png'))
  desk.display.quit(title)
  await until('it has gone', 10_000, () => ids().length === 0)
  if ((await desk.window.text('main h2')) !== 'bench-1') throw new Error('the main window went with it')
  await desk.window.click('[data-card=signals] button', 'Open Signals in its own window')
  await until('the window is there', 20_000, () => desk.display.windows('Signals of bench-1 – Drydock').length === 1)
  await desk.close(desk.window)
  await until('it went with the main window', 20_000, () => desk.display.windows('Signals of bench-1 – Drydock').length === 0)
  desk.window = await desk.open('first')
  await until('it is painted', 60_000, () => desk.window.find('[role=row]', 'bench-1'))
})

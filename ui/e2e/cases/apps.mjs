// One board and its apps: boot, drop, console, plots, failures, power. The cases share one window.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { appBecomes, appState, badge, BOOT_MS, deployFile, drag, inOrder, isConnected, palette, row, watch } from '../ways.mjs'
import { Key, until } from '../webdriver.mjs'

export const apps = []
function it(name, run) {
  apps.push({ name, run })
}

it('opens with a demo board that boots, also where the language is "C"', async (desk) => {
  const window = (desk.window = await desk.open('first', { lang: 'C.UTF-8' }))
  await until('the fleet is painted', 60_000, () => window.find('[role=row]', 'bench-1'))
  const painted = performance.now() - window.started
  if ((await window.run('return document.title')) !== 'Drydock') throw new Error('the title is not Drydock')
  await until('bench-1 is connected', BOOT_MS, async () => (await isConnected(desk, 'bench-1')))
  return `painted after ${Math.round(painted)} ms (software rendering), connected after ${Math.round(performance.now() - window.started)} ms`
})

it('gives a newcomer a sample to try, and removes it only after it has asked', async (desk) => {
  const { window } = desk
  await window.click('main button', 'Try a sample')
  const samples = await until('the samples are listed', 5_000, () => window.text('[role=menu] [role=menuitem]'))
  for (const wanted of ['blink', 'sensor', 'trap']) if (!samples.includes(wanted)) throw new Error(`no ${wanted} in ${samples}`)
  await window.click('[role=menuitem]', 'counter')
  await appBecomes(desk, 'counter', 'running')
  await palette(desk, 'remove counter')
  await until('it asks', 5_000, () => window.find('[role=alertdialog]', 'Remove counter from bench-1?'))
  await sleep(1_000)
  if ((await appState(desk, 'counter')) !== 'running') throw new Error('it was removed before the question was answered')
  await window.keys(Key.Escape)
  await until('the question has gone', 5_000, async () => !(await window.find('[role=alertdialog]')))
  await sleep(1_000)
  if ((await appState(desk, 'counter')) !== 'running') throw new Error('it was removed although the answer was no')
  await palette(desk, 'remove counter')
  await until('it asks again', 5_000, () => window.find('[role=alertdialog]'))
  await window.keys(Key.Enter)
  await appBecomes(desk, 'counter', undefined)
})

it('takes a file that is really dragged onto the board, and runs it', async (desk) => {
  let hint = ''
  await drag(desk, [desk.app('blink.wasm')], 'main#board .zone', async () => {
    await until('the drop is announced', 10_000, async () => {
      hint = await desk.window.text('.target .zone, .zone.target')
      return hint.includes('Deploy blink')
    })
  })
  const dropped = performance.now()
  await appBecomes(desk, 'blink', 'running')
  const took = Math.round(performance.now() - dropped)
  await until('the row says running', 10_000, async () => (await badge(desk, 'bench-1')) === 'running')
  return `"${hint}", running ${took} ms after the drop`
})

it('shows the lines that the app logs; pauses, searches and flows on', async (desk) => {
  const { window } = desk
  const lines = () => window.text('[role=log] .line')
  await until('blink logs', 30_000, async () => /blinked \d+ times/.test(await lines()))
  await window.click('button', 'Pause the console')
  const before = await lines()
  await until('lines wait', 30_000, async () => /paused · [1-9]/.test(await window.text('section:has([role=log]) header')))
  if ((await lines()) !== before) throw new Error('lines came in although the console is paused')
  await window.keys([Key.Control, 'f'])
  await until('the search has the focus', 5_000, () => window.run(`return document.activeElement?.dataset.key === 'console-search'`))
  await window.type('drydock')
  await until('only hits are shown', 5_000, async () => {
    const texts = (await lines()).split('\n')
    return texts.length > 0 && texts.every((text) => /drydock/i.test(text))
  })
  if (!(await window.text('[role=log] mark')).includes('drydock')) throw new Error('the hit is not marked')
  await window.keys(Key.Escape)
  await window.click('button', 'Pause the console')
  await until('lines flow again', 10_000, async () => (await lines()) !== before && /blinked/.test(await lines()))
})

it('blinks the LED on the front panel', async (desk) => {
  const lit = () => desk.window.run(`return document.querySelectorAll('.led.lit').length`)
  const first = await lit()
  await until('an LED changes', 30_000, async () => (await lit()) !== first)
  const second = await lit()
  await until('it changes back', 30_000, async () => (await lit()) !== second)
})

it('draws plots whose numbers the table shows, and keeps them while another room is open', async (desk) => {
  const { window } = desk
  const figures = () =>
    window.run(`return [...document.querySelectorAll('figure')].map((f) => f.getAttribute('aria-label')).join('\\n')`)
  await until('the plots are drawn', 30_000, async () => (await figures()).includes('Fuel of blink'))
  // Drawn, not only listed: the CPU's canvas has pixels of the line's colour.
  await until('the line is inked', 20_000, () =>
    window.run(
      `const canvas = document.querySelector('figure canvas')
       const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
       const colour = getComputedStyle(document.documentElement).getPropertyValue('--plot-1').trim()
       const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16))
       let ink = 0
       for (let i = 0; i < data.length; i += 4)
         if (data[i + 3] > 200 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 30) ink += 1
       return ink > 20`,
    ),
  )
  await window.click('button', 'Table')
  const rows = () => window.run(`return document.querySelectorAll('[aria-label^="Measurements"] .numbers tbody tr').length`)
  await until('five measurements', 60_000, async () => (await rows()) >= 5)
  const fuel = await window.run(
    `const column = [...document.querySelectorAll('.numbers thead th')].findIndex((h) => h.dataset.series === 'fuel:blink')
     return [...document.querySelectorAll('.numbers tbody tr')].map((r) => r.children[column]?.textContent ?? '')`,
  )
  if (!fuel.some((text) => /[1-9]/.test(text))) throw new Error(`no fuel in ${JSON.stringify(fuel)}`)
  const before = await rows()
  await window.keys([Key.Control, '4'])
  await until('the activity is open', 5_000, async () => (await window.text('#activity-title')) === 'Activity')
  await until('the activity tells of blink', 10_000, async () => (await window.text('main tbody')).includes('blink'))
  await window.keys([Key.Control, '1'])
  await until('the table is back with its history', 10_000, async () => (await rows()) >= before)
  await window.click('button', 'Table')
  await until('the plots are back', 10_000, async () => (await figures()).includes('Fuel of blink'))
  return `${before} measurements, fuel of blink ${fuel.find((text) => /[1-9]/.test(text))}`
})

it('exports each plot as SVG, PNG and CSV through the file dialog', async (desk) => {
  const { window } = desk
  const said = []
  for (const [format, looksRight] of [
    ['svg', (bytes) => bytes.toString().startsWith('<svg') && bytes.includes('CPU busy') && !bytes.includes('Heap')],
    ['png', (bytes) => bytes.subarray(1, 4).toString() === 'PNG'],
    ['csv', (bytes) => /^time_ms,time,"CPU busy \(%\)"\n\d{13},\d{4}-\d\d-\d\dT[\d:.]+Z,\d/.test(bytes.toString())],
  ]) {
    const path = join(desk.home, `cpu.${format}`)
    // The first press after a dialog of the system has closed may only wake the window.
    await until('the formats are listed', 20_000, async () => {
      if (await window.find('[role=menuitem]')) return true
      await window.click('figure button', 'More for CPU busy')
      await sleep(500)
    })
    await window.click('[role=menuitem]', `${format.toUpperCase()}…`)
    await desk.display.answer(`Save the plot`, path)
    await until(`${format} is written`, 20_000, () => looksRight(readFileSync(path)))
    await until('it is said', 10_000, async () => (await window.text('footer')).includes(path))
    said.push(`${format} ${readFileSync(path).length} B`)
  }
  return said.join(', ')
})

it('refuses a file that is no module, in one sentence where it was dropped', async (desk) => {
  const { window } = desk
  const notes = join(desk.home, 'notes.wasm')
  writeFileSync(notes, 'not a module')
  await drag(desk, [notes], row('bench-1'))
  const said = await until('it is refused', 20_000, () => window.text('main#board [role=alert] p'))
  if (!said.includes('WebAssembly')) throw new Error(said)
  await window.click('main#board [role=alert] button', 'Dismiss')
  return said
})

it('deploys, stops and removes by keyboard alone', async (desk) => {
  const { window } = desk
  await window.run('document.activeElement?.blur()')
  await deployFile(desk, desk.app('counter.wat'))
  await appBecomes(desk, 'counter', 'running')
  await palette(desk, 'stop counter')
  await appBecomes(desk, 'counter', 'stopped')
  // Remove with Tab and Enter, as the palette is not the only way.
  await window.run(`document.getElementById('board').focus()`)
  await until('the focus reaches Remove of counter', 20_000, async () => {
    await window.keys(Key.Tab)
    return window.run(
      `const e = document.activeElement
       return e.textContent.trim() === 'Remove' && e.closest('li')?.getAttribute('aria-label').startsWith('counter ')`,
    )
  })
  await window.keys(Key.Enter)
  await until('it asks', 5_000, () => window.find('[role=group]', 'Remove counter from bench-1?'))
  await window.keys(Key.Enter)
  await appBecomes(desk, 'counter', undefined)
})

it('deploys a file that is chosen in the dialog, which a key opens', async (desk) => {
  await desk.window.keys([Key.Control, 'o'])
  await desk.display.answer('Deploy an app', desk.app('counter.wasm'), { place: true })
  await appBecomes(desk, 'counter', 'running')
  await palette(desk, 'remove counter')
  await until('it asks', 5_000, () => desk.window.find('[role=alertdialog]'))
  await desk.window.keys(Key.Enter)
  await appBecomes(desk, 'counter', undefined)
})

it('shows how an app failed, while the others run on', async (desk) => {
  await deployFile(desk, desk.app('trap.wasm'))
  await appBecomes(desk, 'trap', 'failed')
  const why = await desk.window.text('li[aria-label^="trap "] p')
  if (!why.includes('unreachable')) throw new Error(`it says only "${why}"`)
  await until('it says when', 5_000, async () => /failed \d\d:\d\d:\d\d/.test(await desk.window.text('li[aria-label^="trap "]')))
  await desk.window.click('button', 'Logs of trap')
  await until('its log ends with the reason', 10_000, async () => /failed in tick: trap/.test(await desk.window.text('[role=log] .line.error')))
  if ((await appState(desk, 'blink')) !== 'running') throw new Error('blink no longer runs')
  await until('the row says failed', 5_000, async () => (await badge(desk, 'bench-1')) === 'failed')
  await palette(desk, 'remove trap')
  await until('it asks', 5_000, () => desk.window.find('[role=alertdialog]'))
  await desk.window.keys(Key.Enter)
  await appBecomes(desk, 'trap', undefined)
  // The console was filtered to an app that is removed now.
  await until('the console shows all sources', 10_000, () => desk.window.run(`return document.querySelector('[aria-label=Source]').value === ''`))
  await until('blink is heard again', 10_000, async () => (await desk.window.text('[role=log] .line')).includes('blinked'))
  return why
})

it('offers what an app lacked, and deploys it with that in one click', async (desk) => {
  const { window } = desk
  await deployFile(desk, desk.app('hungry.wasm'))
  await appBecomes(desk, 'hungry', 'failed')
  await window.click('li[aria-label^="hungry "] button', 'Raise the limit to 16 KiB')
  // It continues to allocate: next it needs more than it was granted.
  await until('it got what it lacked', 60_000, async () =>
    /1\d{4} bytes was refused, 16384 are allowed/.test(await window.text('li[aria-label^="hungry "] p')),
  )
  await palette(desk, 'remove hungry')
  await until('it asks', 5_000, () => window.find('[role=alertdialog]'))
  await window.keys(Key.Enter)
  await appBecomes(desk, 'hungry', undefined)
})

it('leaves a gap in the plots while the board is paused, and reads nothing there', async (desk) => {
  const { window } = desk
  await window.click('[role=group] button', 'Pause')
  await until('it is paused', 10_000, () => window.find('[role=group] button', 'Resume'))
  await until('no value is shown as if it were of now', 20_000, async () =>
    (await window.run(`return document.querySelector('figure').getAttribute('aria-label')`)).includes('no sample for'),
  )
  await window.click('[role=group] button', 'Resume')
  await until('values come again', 20_000, async () =>
    (await window.run(`return document.querySelector('figure').getAttribute('aria-label')`)).includes('now'),
  )
  return await until('the gap is reported', 10_000, async () => {
    const told = await window.run(`return document.querySelector('[data-card=signals] .note')?.textContent ?? ''`)
    return /gap/.test(told) && told
  })
})

it('powers the board off and on, and the app is back', async (desk) => {
  const { window } = desk
  const seen = await watch(desk, 'bench-1')
  await window.click('[role=group] button', 'Cut')
  await until('it is off', 20_000, () => window.find('[role=group] button', 'On'))
  await until('the header says off', 10_000, async () => (await window.text('main .badge')) === 'off')
  await until('the app is off with its board', 10_000, async () => (await appState(desk, 'blink')) === 'off')
  if (await window.find('main li button', 'Stop blink')) throw new Error('blink can be stopped on a board that is off')
  if ((await window.run(`return document.querySelectorAll('.led.lit').length`)) !== 0) throw new Error('an LED of the dark board is lit')
  await window.click('[role=group] button', 'On')
  await until('it connects and runs', BOOT_MS, async () => {
    const words = await seen()
    if (inOrder(words, 'running', 'connecting', 'running')) return true
    throw new Error(`it was ${words.join(', ')}`)
  })
  await appBecomes(desk, 'blink', 'running')
  await until('it says that it has just started', 10_000, async () => /up \d+ s/.test(await window.text('main .facts')))
  return (await seen()).join(', ')
})

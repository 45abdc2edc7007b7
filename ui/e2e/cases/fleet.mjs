// Several boards.
import { BOOT_MS, DEPLOY_MS, deployFile, palette, row } from '../ways.mjs'
import { Key, until } from '../webdriver.mjs'

export const fleet = []
function it(name, run) {
  fleet.push({ name, run })
}

const rows = (window) => window.run(`return document.querySelectorAll('[role=row]').length`)

it('filters a fleet of several boards and opens them with the arrow keys', async (desk) => {
  const { window } = desk
  await palette(desk, 'add an emulated')
  await until('there are two boards', 30_000, () => window.find('[role=row]', 'bench-2'))
  await window.keys('/')
  await until('the filter has the focus', 5_000, () => window.run(`return document.activeElement?.dataset.key === 'fleet-filter'`))
  await window.type('bench-2')
  await until('one board is left', 5_000, async () => (await rows(window)) === 1)
  await window.keys(Key.Escape, Key.Down)
  await until('both are back', 5_000, async () => (await rows(window)) === 2)
  await window.keys(Key.Home)
  await until('bench-1 is open', 5_000, async () => (await window.text('main h2')) === 'bench-1')
  await window.keys(Key.Down)
  await until('bench-2 is open', 5_000, async () => (await window.text('main h2')) === 'bench-2')
})

it('acts on all marked boards: deploys with D, and removes after it has asked', async (desk) => {
  const { window } = desk
  await window.run(`document.querySelector('[role=grid]').focus()`)
  await window.keys([Key.Control, 'a'])
  await until('both are marked', 5_000, () => window.find('.marks', '2 marked'))
  await deployFile(desk, desk.app('counter.wat'))
  const counting = async (board) => (await window.text(row(board))).includes('counter')
  for (const board of ['bench-1', 'bench-2']) {
    await until(`counter is on ${board}`, BOOT_MS + DEPLOY_MS, () => counting(board))
  }
  await palette(desk, 'remove counter')
  await until('it asks for both', 5_000, () => window.find('[role=group]', 'Remove counter from 2'))
  if (!(await counting('bench-1'))) throw new Error('it was removed before the question was answered')
  await window.keys(Key.Enter)
  for (const board of ['bench-1', 'bench-2']) {
    await until(`counter is off ${board}`, BOOT_MS + DEPLOY_MS, async () => !(await counting(board)))
  }
  await window.run(`document.querySelector('[role=grid]').focus()`)
  await window.keys(Key.Escape)
  await until('nothing is marked', 5_000, async () => !(await window.find('.marks')))
})

it('labels all marked boards with L and finds them by the label', async (desk) => {
  const { window } = desk
  await window.run(`document.querySelector('[role=grid]').focus()`)
  await window.keys([Key.Control, 'a'])
  await until('both are marked', 5_000, () => window.find('.marks', '2 marked'))
  await window.keys('l')
  await until('the form has the focus', 5_000, () => window.run(`return document.activeElement?.id === 'label-add'`))
  await window.type('lab')
  await window.keys(Key.Enter)
  for (const board of ['bench-1', 'bench-2']) {
    await until(`${board} shows its label`, 5_000, async () => (await window.text(`${row(board)} .labels`)) === 'lab')
  }
  await window.keys(Key.Escape)
  await until('nothing is marked', 5_000, async () => !(await window.find('.marks')))
  await window.click('main button.chip', 'lab')
  await until('the list is that of the label', 5_000, () =>
    window.run(`return document.querySelector('[data-key=fleet-filter]').value === 'label:lab'`),
  )
  await until('both have it', 5_000, async () => (await rows(window)) === 2)
  await window.click('main button.chip', 'lab')
})

it('reaches each part with F6, the console with the first stops of Tab, and lists its keys with ?', async (desk) => {
  const { window } = desk
  const active = () =>
    window.run(`const e = document.activeElement; return e.dataset.card ?? e.getAttribute('aria-label') ?? e.textContent.trim()`)
  await window.run(`document.activeElement?.blur()`)
  await window.keys('?')
  await until('the keys are listed', 5_000, () => window.find('[role=dialog]', 'Help and keys'))
  await window.keys(Key.Escape)
  await window.run(`document.querySelector('nav[aria-label=Rooms] [aria-current]').focus()`)
  const seen = []
  for (let i = 0; i < 7; i++) {
    await window.keys('\ue036')
    seen.push(await active())
  }
  const wanted = ['Boards', 'Board bench-', 'apps', 'signals', 'Console of bench-', 'front', 'Status']
  if (!wanted.every((name, i) => seen[i].startsWith(name))) throw new Error(`F6 went to ${seen.join(', ')}`)
  await window.run(`document.querySelector('nav[aria-label=Skip] button').focus()`)
  await window.keys(Key.Tab)
  await window.keys(Key.Enter)
  const at = await active()
  if (!at.startsWith('Console of')) throw new Error(`the second stop led to ${at}`)
})

it('removes a board only after it has asked, by palette and by menu', async (desk) => {
  const { window } = desk
  await palette(desk, 'remove bench-2')
  await until('it asks', 5_000, () => window.find('[role=alertdialog]', 'Remove bench-2'))
  await window.click('[role=alertdialog] button', 'Keep')
  await until('the question has gone', 5_000, async () => !(await window.find('[role=alertdialog]')))
  if (!(await window.find('[role=row]', 'bench-2'))) throw new Error('it was removed although the answer was no')
  await window.click('main button', 'More for bench-2')
  await window.click('[role=menuitem]', 'Remove bench-2')
  await window.click('main .actions button', 'Remove bench-2')
  await until('bench-2 is gone', 30_000, async () => !(await window.find('[role=row]', 'bench-2')))
})

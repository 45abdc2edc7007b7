// Several boards.
import { palette } from '../ways.mjs'
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

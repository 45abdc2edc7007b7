// Boards of the user's own in the window: in the list while their files change, and what is wrong with a file.
import { expect, it, vi } from 'vitest'
import { mockKinds } from '$lib/backend/mock-kinds'
import { place } from '$lib/place.svelte'
import { asked, button, click, open, settled, text } from './harness'

const file = '/home/me/.local/share/drydock/boards/mine.toml'
const own = { ...mockKinds[0]!, id: 'mine', title: 'Weather station', file, extends: 'nano33ble', app_pins: [13] }
const options = (select: string) => [...document.querySelectorAll<HTMLOptionElement>(`${select} option`)].map(({ value }) => value)

it('lists a board of the user as soon as its file is there, without a restart', async () => {
  const backend = await open({ boards: 1 })
  place.adding = true
  await settled()
  expect(options('#add-kind')).not.toContain('mine')
  backend.kinds = [...mockKinds, own]
  await vi.waitFor(() => expect(options('#add-kind')).toContain('mine'), 5000)
})

it('adds a board of the user like any other', async () => {
  const { workbench } = await import('$lib/workbench.svelte')
  const backend = await open({ boards: 1 })
  backend.kinds = [own, ...mockKinds]
  await workbench.readKinds()
  place.adding = true
  await settled()
  expect(text('form')).toContain(`A board of your own, from ${file}.`)
  await click(button('Add and power on'))
  expect(asked('board.add')).toMatchObject([{ kind: 'mine', kind_file: null }])
})

it('says what is wrong with a file, and offers no board of it', async () => {
  const backend = await open({ boards: 1 })
  const problems = [`${file}:3: first`, `${file}:9: second`]
  backend.kinds = [...mockKinds, { ...own, problems, limit: `The file describes no board: ${problems[0]} (and 1 more).`, addable: false }]
  place.adding = true
  await vi.waitFor(() => expect(text('form .broken')).toContain('mine.toml:3: first (and 1 more)'), 5000)
  expect(text('form .broken')).toContain('mine.toml:9: second')
  expect(options('#add-kind')).not.toContain('mine')
})

it('keeps a board of the user out of what is for cables', async () => {
  const { workbench } = await import('$lib/workbench.svelte')
  const backend = await open({ boards: 1 })
  backend.kinds = [...mockKinds, own]
  await workbench.readKinds()
  expect(workbench.kinds.map(({ id }) => id)).toContain('mine')
  expect(workbench.shipped.map(({ id }) => id)).not.toContain('mine')
})

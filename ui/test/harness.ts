// The window with the stand-in for the workbench, as the tests of its parts use it.
import { flushSync, mount, tick, unmount } from 'svelte'
import { afterEach, beforeEach } from 'vitest'
import App from '../src/App.svelte'
import { attempts } from '$lib/attempts.svelte'
import { MockBackend, type MockOptions } from '$lib/backend/mock'
import { connect } from '$lib/connect/connect.svelte'
import { dropConsoles } from '$lib/connect/console.svelte'
import { dropPeeks } from '$lib/connect/peeks.svelte'
import { samples } from '$lib/connect/samples.svelte'
import { deployments } from '$lib/board/deploy.svelte'
import { fleet } from '$lib/fleet/fleet.svelte'
import { marks } from '$lib/fleet/marks.svelte'
import { place } from '$lib/place.svelte'
import { preferences } from '$lib/settings/preferences.svelte'
import { workbench } from '$lib/workbench.svelte'

let app: Record<string, unknown> | undefined
let backend: MockBackend | undefined

export async function open(options: MockOptions = {}): Promise<MockBackend> {
  backend = new MockBackend(options)
  app = mount(App, { target: document.body })
  await workbench.start(backend)
  await settled()
  return backend
}

export async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise((r) => setTimeout(r, 0))
  await tick()
  flushSync()
}

export const text = (selector: string) => document.querySelector(selector)?.textContent?.replace(/\s+/g, ' ').trim() ?? ''

export const nameOfControl = (control: Element) =>
  (control.getAttribute('aria-label') ?? control.textContent ?? '').replace(/\s+/g, ' ').trim()

export const button = (name: string) => [...document.querySelectorAll('button')].find((b) => nameOfControl(b) === name)

/** The board in the list whose name this is. */
export const idOf = (name: string) => [...fleet.boards.values()].find((b) => b.name === name)!.id

export async function press(target: Element, key: string, more: KeyboardEventInit = {}): Promise<void> {
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }))
  await settled()
}

export async function click(target: Element | undefined, more: MouseEventInit = {}): Promise<void> {
  if (!target) throw new Error('there is nothing to click')
  target.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, ...more }))
  await settled()
}

export async function type(selector: string, value: string): Promise<HTMLInputElement> {
  const field = document.querySelector<HTMLInputElement>(selector)!
  field.value = value
  field.dispatchEvent(new Event('input', { bubbles: true }))
  await settled()
  return field
}

/** The requests of one method so far. */
export const asked = (method: string) =>
  backend!.calls.filter((c) => c.method === method).map((c) => c.params as Record<string, unknown>)

beforeEach(() => {
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => 600 })
})
afterEach(async () => {
  if (app) await unmount(app)
  app = undefined
  // A transfer that it still simulates must not reach the next test.
  if (backend) backend.send = () => {}
  fleet.replace({ revision: 0, boards: [] })
  fleet.filter = ''
  fleet.state = null
  Object.assign(place, { panel: 'fleet', adding: false, alone: null, paletteOpen: false, keysOpen: false, renaming: null, removing: null })
  preferences.value.board = ''
  preferences.value.cards = []
  preferences.value.rows = 'auto'
  preferences.value.zoom = 100
  place.marked.clear()
  Object.assign(marks, { form: null, running: null, outcome: null })
  Object.assign(deployments, { proposal: null, formFor: null })
  Object.assign(connect, { hardware: null, jobs: [], failed: null, panel: null, adding: false, jobFilter: 'all', allowed: null })
  connect.selected.clear()
  dropConsoles()
  dropPeeks()
  samples.drop()
  preferences.value.namePattern = 'board-{n}'
  attempts.errors.clear()
  document.body.innerHTML = ''
})

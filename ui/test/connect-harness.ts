// The Connect room for its tests: how to open it, and how to find and use what is in it.
import type { MockBackend, MockOptions } from '$lib/backend/mock'
import { place } from '$lib/place.svelte'
import { open, settled, text } from './harness'

export async function room(options: MockOptions = {}): Promise<MockBackend> {
  const backend = await open({ boards: 2, ...options })
  place.panel = 'connect'
  await settled()
  return backend
}

export const rows = () => [...document.querySelectorAll<HTMLElement>('[role=row][data-row]')]
export const rowOf = (port: string) => rows().find((row) => row.textContent!.includes(port))!
export const words = (element: Element | null | undefined) => element?.textContent?.replace(/\s+/g, ' ').trim() ?? ''
export const field = <T extends HTMLElement = HTMLInputElement>(label: string) =>
  [...document.querySelectorAll<T>('input, select, button')].find(
    (control) => control.getAttribute('aria-label') === label || words(control.closest('label')).startsWith(label),
  )!
export const foot = () => document.querySelector<HTMLButtonElement>('.connect-foot button:last-child')!
export const panelTitle = () => text('#connect-panel-title')

export async function choose(select: string, value: string): Promise<void> {
  const control = document.querySelector<HTMLSelectElement>(select)!
  control.value = value
  control.dispatchEvent(new Event('change', { bubbles: true }))
  await settled()
}

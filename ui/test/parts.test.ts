// Virtual parts on the front panel, with the stand-in for the workbench: values, refusals, and what a display shows.
import { flushSync, mount, tick, unmount } from 'svelte'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import App from '../src/App.svelte'
import { attempts } from '$lib/attempts.svelte'
import { MockBackend } from '$lib/backend/mock'
import { fleet } from '$lib/fleet/fleet.svelte'
import { dots } from '$lib/front-panel/parts.svelte'
import { place } from '$lib/place.svelte'
import { workbench } from '$lib/workbench.svelte'

let app: Record<string, unknown> | undefined
let backend: MockBackend

async function open(parts: boolean): Promise<void> {
  backend = new MockBackend({ boards: 2, parts })
  app = mount(App, { target: document.body })
  await workbench.start(backend)
  place.open([...backend.boards.keys()][0]!)
  await settled()
}
async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise((r) => setTimeout(r, 0))
  await tick()
  flushSync()
}
const field = (label: string) => document.querySelector<HTMLInputElement>(`input[aria-label="${label}"]`)
async function enter(label: string, value: string): Promise<void> {
  const input = field(label)!
  input.value = value
  input.dispatchEvent(new Event('change', { bubbles: true }))
  await settled()
}

beforeEach(() => {
  for (const side of ['clientHeight', 'clientWidth']) {
    Object.defineProperty(HTMLElement.prototype, side, { configurable: true, get: () => 600 })
  }
})
afterEach(async () => {
  if (app) await unmount(app)
  app = undefined
  backend.close()
  fleet.replace({ revision: 0, boards: [] })
  attempts.errors.clear()
  document.body.innerHTML = ''
})

describe('the front panel', () => {
  it('shows the values of parts, and sets them', async () => {
    await open(true)
    expect(field('bme280 temperature')!.value).toBe('21.5')
    await enter('bme280 temperature', '-3.5')
    expect(backend.calls.findLast(({ method }) => method === 'parts.set')).toEqual({
      method: 'parts.set',
      params: { board: place.boardId, part: 'bme280', property: 'temperature', value: -3.5 },
    })
    expect(field('bme280 temperature')!.value).toBe('-3.5')
  })

  it('says why a value is refused, and keeps the old one', async () => {
    await open(true)
    await enter('bme280 humidity', '150')
    expect(document.body.textContent).toContain('`humidity` is 150, outside 0 to 100 %')
    expect(field('bme280 humidity')!.value).toBe('45')
    const calls = backend.calls.length
    await enter('bme280 humidity', '')
    expect([field('bme280 humidity')!.value, backend.calls.length]).toEqual(['45', calls])
  })

  it('draws what a display shows', async () => {
    await open(true)
    const display = document.querySelector('svg[aria-label="Display ssd1306"]')!
    expect(display.getAttribute('viewBox')).toBe('0 0 128 64')
    expect(display.querySelector('path')!.getAttribute('d')).toBe('M1 0h2v1h-2zM0 1h1v1h-1zM127 1h1v1h-1z')
    expect(dots(['', '  '])).toBe('')
  })

  it('shows readings without a field, lights in their colour, and why a part is stopped', async () => {
    await open(true)
    expect(field('status red')).toBeNull()
    expect(document.querySelector('output[aria-label="status red"]')!.textContent).toBe('100')
    const light = document.querySelector<HTMLElement>('[aria-label="Light status"]')!
    expect(light.style.background.replaceAll(',', '')).toBe('rgb(255 0 51)')
    expect(document.querySelector('[data-card=front] [role=alert]')!.textContent).toContain('`i2c_write` did not end')
  })

  it('shows the lights of a strip in their colours', async () => {
    await open(true)
    const lights = document.querySelectorAll<HTMLElement>('[aria-label="Lights ws2812"] .light')
    expect([...lights].map((light) => light.style.background)).toEqual(['#ff0000', '#008001', '#102040'])
  })

  it('fills a memory from a file and saves it to one', async () => {
    await open(true)
    expect(document.querySelectorAll('[aria-label^="Load "]').length).toBe(1)
    for (const [verb, method] of [
      ['Load', 'parts.load'],
      ['Save', 'parts.save'],
    ]) {
      document.querySelector<HTMLElement>(`[aria-label="${verb} 24c256"]`)!.click()
      await settled()
      const { method: called, params } = backend.calls.at(-1)!
      expect([called, params]).toMatchObject([method, { board: place.boardId, part: '24c256' }])
    }
  })

  it('has nothing to show for a board without parts', async () => {
    await open(false)
    expect(document.querySelector('[data-card=front] fieldset')).toBeNull()
  })
})

// Screenshots of the window with invented boards, in Debian's Chromium: `npm run dev`, then `node e2e/look.mjs OUT`.
import { chromium } from 'playwright-core'
import { mkdirSync } from 'node:fs'

const address = process.env.DRYDOCK_LOOK ?? 'http://localhost:5199'
const out = process.argv[2] ?? 'e2e/out'
mkdirSync(out, { recursive: true })
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })

async function look(name, { query = '', theme = 'dark', size = { width: 1440, height: 900 }, act } = {}) {
  const page = await browser.newPage({ viewport: size, colorScheme: theme })
  page.on('pageerror', (e) => console.log(name, 'page error:', e.message))
  page.on('console', (m) => m.type() === 'error' && console.log(name, 'console:', m.text()))
  await page.goto(`${address}/${query}`)
  await page.waitForTimeout(2500)
  if (act) await act(page)
  await page.screenshot({ path: `${out}/${name}.png` })
  await page.close()
}

const only = process.argv[3]
const all = {
  dark: () => look('dark'),
  light: () => look('light', { theme: 'light' }),
  empty: () => look('empty', { query: '?boards=0' }),
  many: () => look('many', { query: '?boards=1000' }),
  small: () => look('small', { size: { width: 1000, height: 640 }, query: '?boards=9' }),
  palette: () => look('palette', { act: (p) => p.keyboard.press('Control+k') }),
  deploy: () => look('deploy', { act: (p) => p.keyboard.press('d') }),
  add: () => look('add', { theme: 'light', act: (p) => p.click('text=Add board') }),
  table: () => look('table', { act: (p) => p.click('button:has-text("Table")') }),
  emulation: () => look('emulation', { act: (p) => p.keyboard.press('Control+2') }),
  inspector: () =>
    look('inspector', {
      theme: 'light',
      act: async (p) => {
        await p.keyboard.press('Control+2')
        await p.click('button[aria-label="Look into bench-1"]')
        for (const line of ['version', 'fly to the moon']) {
          await p.fill('aside input[aria-label^=Command]', line)
          await p.keyboard.press('Enter')
          await p.waitForTimeout(300)
        }
      },
    }),
  manyMachines: () => look('many-machines', { query: '?boards=1000', act: (p) => p.keyboard.press('Control+2') }),
  samples: () =>
    look('samples', {
      query: '?boards=0',
      act: async (p) => {
        await p.click('text=Emulate an')
        await p.waitForTimeout(800)
        await p.click('text=Try a sample')
        await p.waitForTimeout(300)
      },
    }),
  remove: () =>
    look('remove', {
      act: async (p) => {
        await p.keyboard.press('Control+k')
        await p.keyboard.type('remove bench-1')
        await p.keyboard.press('Enter')
      },
    }),
  zoom: () => look('zoom', { size: { width: 720, height: 450 } }),
  export: () =>
    look('export', {
      theme: 'light',
      act: async (p) => {
        await p.hover('figure')
        await p.click('figure button')
        await p.waitForTimeout(300)
      },
    }),
  activity: () =>
    look('activity', {
      act: async (p) => {
        await p.keyboard.press('Control+4')
        await p.waitForTimeout(400)
      },
    }),
  connect: () => look('connect', { query: '?physical', act: (p) => p.keyboard.press('Control+3') }),
  connectLight: () => look('connect-light', { theme: 'light', act: (p) => p.keyboard.press('Control+3') }),
  connectEmpty: () => look('connect-empty', { query: '?desk=none', act: (p) => p.keyboard.press('Control+3') }),
  provision: () =>
    look('provision', {
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.click('button[aria-label="Provision /dev/ttyUSB0"]')
        await p.waitForTimeout(200)
      },
    }),
  provisionOptions: () =>
    look('provision-options', {
      theme: 'light',
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.click('button[aria-label="Provision /dev/ttyACM0"]')
        await p.click('text=Next')
        await p.waitForTimeout(200)
      },
    }),
  provisionSummary: () =>
    look('provision-summary', {
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.click('button[aria-label="Provision desk-1"]')
        await p.click('text=Next')
        await p.click('text=Erase everything first')
        await p.click('text=Next')
        await p.waitForTimeout(200)
      },
    }),
  job: () =>
    look('job', {
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.click('button[aria-label="Provision /dev/ttyACM0"]')
        for (const next of ['Next', 'Next', '.connect-foot .primary']) await p.click(next.startsWith('.') ? next : `text=${next}`)
        await p.waitForTimeout(5000)
      },
    }),
  jobFailed: () =>
    look('job-failed', {
      theme: 'light',
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.evaluate(() => window.mock.hardware.failing.add('/dev/ttyACM0'))
        await p.click('button[aria-label="Provision /dev/ttyACM0"]')
        for (const next of ['Next', 'Next', '.connect-foot .primary']) await p.click(next.startsWith('.') ? next : `text=${next}`)
        await p.waitForTimeout(800)
        await p.evaluate(() => window.mock.hardware.finish())
        await p.waitForTimeout(400)
      },
    }),
  batch: () =>
    look('batch', {
      query: '?desk=rack',
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.evaluate(() => [3, 9].forEach((n) => window.mock.hardware.failing.add(`/dev/ttyACM${n}`)))
        await p.click('input[aria-label^="Choose all"]')
        await p.click('text=Provision 32')
        for (const next of ['Next', 'Next', '.connect-foot .primary']) await p.click(next.startsWith('.') ? next : `text=${next}`)
        await p.waitForTimeout(1500)
        await p.evaluate(() => window.mock.hardware.finish())
        await p.waitForTimeout(500)
      },
    }),
  portConsole: () =>
    look('port-console', {
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.click('button[aria-label="Console /dev/ttyUSB0"]')
        await p.click('text=Open the console')
        await p.waitForTimeout(400)
        await p.fill('input[aria-label="Text to send"]', 'help')
        await p.keyboard.press('Enter')
        await p.click('text=Times')
        await p.waitForTimeout(3500)
      },
    }),
  portHex: () =>
    look('port-hex', {
      theme: 'light',
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.click('button[aria-label="Console /dev/ttyUSB0"]')
        await p.click('text=Open the console')
        await p.waitForTimeout(400)
        await p.click('.bar >> text=Hex')
        await p.evaluate(() => window.mock.hardware.unplug('/dev/ttyUSB0'))
        await p.waitForTimeout(300)
      },
    }),
  erase: () =>
    look('erase', {
      size: { width: 1100, height: 700 },
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.click('button[aria-label="More for /dev/ttyACM1"]')
        await p.click('text=Erase')
        await p.waitForTimeout(300)
      },
    }),
  flash: () =>
    look('flash', {
      theme: 'light',
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.click('button[aria-label="More for /dev/ttyACM1"]')
        await p.click('text=Flash firmware')
        await p.click('text=A file')
        await p.fill('input[aria-label="Path of the firmware"]', '/home/me/build/firmware.bin')
        await p.click('text=Erase everything first')
        await p.waitForTimeout(300)
      },
    }),
  connectNarrow: () =>
    look('connect-narrow', {
      size: { width: 1000, height: 640 },
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.evaluate(() => {
          window.mock.hardware.addVirtual({ kind: 'esp32-c6', name: 'a-virtual-board-whose-name-somebody-made-far-too-long-for-a-row', blank: true, usbip: false, seed: null })
        })
        await p.click('button[aria-label^="Provision a-virtual"]')
        await p.waitForTimeout(300)
      },
    }),
  connectMenu: () =>
    look('connect-menu', {
      act: async (p) => {
        await p.keyboard.press('Control+3')
        await p.click('button[aria-label="More for /dev/ttyACM2"]')
        await p.waitForTimeout(300)
      },
    }),
  physical: () =>
    look('physical', {
      query: '?physical',
      act: async (p) => {
        await p.click('text=nano-on-the-desk')
        await p.evaluate(() => window.mock.cable('nano-on-the-desk', 'unplugged'))
        await p.waitForTimeout(300)
      },
    }),
  settings: () => look('settings', { theme: 'light', act: (p) => p.keyboard.press('Control+5') }),
  drag: () =>
    look('drag', {
      act: async (p) => {
        await p.evaluate(() => window.mock.drag({ type: 'enter', paths: ['/x/probe.wasm'], x: 600, y: 400 }))
        await p.waitForTimeout(300)
      },
    }),
  refused: () =>
    look('refused', {
      act: async (p) => {
        await p.evaluate(() => window.mock.drag({ type: 'drop', paths: ['/x/notes.txt'], x: 600, y: 400 }))
        await p.waitForTimeout(300)
      },
    }),
}
for (const [name, take] of Object.entries(all)) if (!only || only.split(',').includes(name)) await take()
await browser.close()

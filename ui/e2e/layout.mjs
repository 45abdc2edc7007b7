// Every card at every size, with the longest names, in Debian's Chromium with invented boards: `npm run dev`, then
// `node e2e/layout.mjs`. Reports elements that overflow their card, and fails if there are any.
import { chromium } from 'playwright-core'
import { overflows, sizes } from './overflows.mjs'

const address = process.env.DRYDOCK_LOOK ?? 'http://localhost:5199'
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
let failed = 0

for (const [width, height] of [...sizes, [720, 450]]) {
  const page = await browser.newPage({ viewport: { width, height } })
  await page.goto(`${address}/?boards=9`)
  await page.waitForSelector('[data-card=signals] figure')
  const look = async (what) => {
    const found = await page.evaluate(overflows)
    failed += found.length
    console.log(`${width}x${height} ${what}: ${found.length === 0 ? 'all in its place' : found.join(', ')}`)
  }
  await look('first board')
  await page.evaluate(() => {
    const board = [...window.mock.boards.values()].find((b) => b.name.length > 50)
    const name = 'an-app-whose-name-is-32-letters-'
    window.mock.change(board.id, (b) => (b.apps = [...b.apps, { ...b.apps[0], name, state: 'running' }]))
    window.mock.log(board.id, name, 'hello', 'info', Date.now())
  })
  await page.locator('[role=row]', { hasText: 'a-board-with' }).first().click()
  await page.waitForSelector('option:text-is("an-app-whose-name-is-32-letters-")', { state: 'attached' })
  await page.selectOption('select[aria-label=Source]', 'an-app-whose-name-is-32-letters-')
  await look('long names')
  await page.keyboard.press('Control+2')
  await page.locator('button[aria-label^="Look into a-board"]').click()
  await page.locator('button:text-is("Record")').click()
  await page.locator('button:text-is("Flame graph")').click()
  await page.waitForSelector('[role=treeitem]')
  await look('flame graph')
  await page.keyboard.press('Control+3')
  await page.evaluate(() => {
    window.mock.hardware.addVirtual({ kind: 'nano33ble', name: 'a-virtual-board-whose-name-somebody-made-far-too-long-for-a-row', blank: true, usbip: false, seed: null })
  })
  await page.waitForSelector('button[aria-label^="Provision a-virtual"]')
  await look('boards on cables')
  await page.locator('button[aria-label^="Provision a-virtual"]').click()
  await look('provisioning')
  await page.locator('aside button[aria-label="Close the panel"]').click()
  await page.locator('button[aria-label="Console /dev/ttyUSB0"]').click()
  await page.locator('button:text-is("Open the console")').click()
  await page.waitForSelector('aside [role=log]')
  await look('console of a port')
  await page.close()
}
await browser.close()
process.exit(failed === 0 ? 0 : 1)

// The shipped window, driven as a user would: WebDriver for its contents, real X events for files dragged over it.
// DRYDOCK_DESKTOP names the program (default: target/debug/drydock-desktop). Prints "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cases } from './cases.mjs'
import { Display, missing } from './desktop.mjs'
import { openWindow } from './webdriver.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
const binary = resolve(process.env.DRYDOCK_DESKTOP ?? join(target, 'debug/drydock-desktop'))
const cli = resolve(process.env.DRYDOCK_CLI ?? join(target, 'debug/drydock'))
const apps = join(root, 'assets/apps')
const out = fileURLToPath(new URL('out', import.meta.url))
const SCREEN = [1600, 1000]
/** The whole run is given up after this. */
const RUN_MS = 590_000

const absent = missing()
if (!existsSync(binary)) absent.push(binary)
if (absent.length > 0) {
  console.log(`The window's tests need: ${absent.join(', ')}`)
  console.log(`0 passed, 1 failed, ${cases.length} skipped`)
  process.exit(1)
}
// One session bus for the windows, so that assistive technology finds them.
if (!process.env.DRYDOCK_E2E_BUS) {
  // A separate folder for sockets, or the accessibility buses of two runs would conflict.
  const runtime = mkdtempSync(join(tmpdir(), 'drydock-run-'))
  const env = { ...process.env, DRYDOCK_E2E_BUS: '1', XDG_RUNTIME_DIR: runtime }
  const done = spawnSync('dbus-run-session', ['--', process.execPath, ...process.argv.slice(1)], { env, stdio: 'inherit' })
  rmSync(runtime, { recursive: true, force: true })
  process.exit(done.status ?? 1)
}

mkdirSync(out, { recursive: true })
const display = await Display.open(...SCREEN)
const home = mkdtempSync(join(tmpdir(), 'drydock-e2e-'))
const windows = new Set()

/** What a case has at hand. */
const desk = {
  display,
  binary,
  cli,
  app: (name) => join(apps, name),
  root,
  home,
  out,
  /** The window that the cases share. */
  window: undefined,
  env: {
    ...display.env,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'share'),
    XDG_CACHE_HOME: join(home, 'cache'),
    TAURI_AUTOMATION: 'true',
    TAURI_WEBVIEW_AUTOMATION: 'true',
    GTK_A11Y: 'atspi',
    // Mesa's software renderer once crashed WebKit's compositor: its own threads free lists that the compositor reads.
    LP_NUM_THREADS: '0',
  },
  /** Opens a window on a data directory of the run. */
  async open(data, { lang = 'en_US.UTF-8', env = {} } = {}) {
    const window = await openWindow({
      binary,
      args: ['--data', join(home, data)],
      env: { ...this.env, LANG: lang, LC_ALL: lang, ...env },
    })
    windows.add(window)
    return window
  },
  async close(window) {
    // A case that runs alone has no window yet.
    if (!window) return
    windows.delete(window)
    await window.close(() => display.quit('Drydock'))
  },
}

const only = process.argv[2]
let passed = 0
let failed = 0
let skipped = 0
for (const { name, run } of cases) {
  if (only && !only.split(',').some((part) => name.includes(part))) {
    skipped += 1
    continue
  }
  const started = performance.now()
  try {
    if (started > RUN_MS) throw new Error('the run has taken too long; this case was not tried')
    const said = await run(desk)
    passed += 1
    console.log(`ok      ${name} (${seconds(started)})${said ? `: ${said}` : ''}`)
  } catch (error) {
    failed += 1
    const picture = join(out, `failed-${name.replace(/\W+/g, '-')}.png`)
    try {
      display.screenshot(picture)
    } catch {
      // the display went too
    }
    console.log(`FAILED  ${name} (${seconds(started)}): ${error.stack ?? error}\n        see ${picture}`)
    const log = join(home, 'first/logs/drydock.log')
    if (existsSync(log)) console.log(readFileSync(log, 'utf8').split('\n').slice(-15).join('\n'))
  }
}
for (const window of windows) await desk.close(window).catch(() => {})
await display.close()
rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed === 0 ? 0 : 1)

function seconds(from) {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`
}

// The part of the WebDriver protocol that the tests need, against WebKitWebDriver.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenOf, ended, gone } from './process.mjs'

/** No answer of the driver takes longer; the slowest is a new session on a loaded machine. */
const ANSWER_MS = 60_000
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'

/** Keys by their WebDriver code points. */
export const Key = {
  Backspace: '\ue003',
  Tab: '\ue004',
  Enter: '\ue007',
  Escape: '\ue00c',
  Space: ' ',
  Control: '\ue009',
  Shift: '\ue008',
  Left: '\ue012',
  Right: '\ue014',
  Down: '\ue015',
  Up: '\ue013',
  Home: '\ue011',
  End: '\ue010',
}

export async function freePort() {
  const server = createServer()
  await new Promise((r) => server.listen(0, '127.0.0.1', r))
  const { port } = server.address()
  await new Promise((r) => server.close(r))
  return port
}

/** Starts the driver, which starts the window. */
export async function openWindow({ binary, args, env }) {
  const port = await freePort()
  const driver = spawn('WebKitWebDriver', [`--port=${port}`], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const base = `http://127.0.0.1:${port}`
  await until('the driver answers', 20_000, () => ask('GET', `${base}/status`))
  const started = performance.now()
  try {
    const { sessionId } = await ask('POST', `${base}/session`, {
      capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { binary, args } } },
    })
    return new Window(driver, `${base}/session/${sessionId}`, started)
  } catch (error) {
    await ended(driver, 'SIGTERM', 2_000)
    throw error
  }
}

export class Window {
  constructor(driver, session, started) {
    this.driver = driver
    this.session = session
    /** When the program was started, by `performance.now()`. */
    this.started = started
  }

  ask(method, path, body) {
    return ask(method, this.session + path, body)
  }

  /** Runs the body of a function in the page. */
  run(script, ...args) {
    return this.ask('POST', '/execute/sync', { script, args })
  }

  /** The first element of a selector whose text or name holds `text`. */
  async find(selector, text = '') {
    const found = await this.run(
      `const [selector, text] = arguments
       return [...document.querySelectorAll(selector)].find((e) =>
         ((e.getAttribute('aria-label') ?? '') + ' ' + e.textContent).replace(/\\s+/g, ' ').includes(text)) ?? null`,
      selector,
      text,
    )
    return found?.[ELEMENT] ?? null
  }

  async click(selector, text = '') {
    const element = await until(`there is ${selector} ${text}`, 5_000, () => this.find(selector, text))
    try {
      await this.ask('POST', `/element/${element}/click`, {})
    } catch (error) {
      // "Intercepted" alone does not name the other element.
      throw new Error(`${error.message} (in the middle of ${selector} ${text} is ${await this.#seenAt(element)})`, { cause: error })
    }
  }

  /** The element that a press in the middle of an element would hit. */
  #seenAt(element) {
    return this.run(
      `const { x, y, width, height } = arguments[0].getBoundingClientRect()
       const at = [x + width / 2, y + height / 2]
       const names = []
       for (let e = document.elementFromPoint(...at); e; e = e.parentElement) names.unshift(e.localName + (e.ariaLabel ? '[' + e.ariaLabel + ']' : e.className ? '.' + e.className : ''))
       return at.map(Math.round).join(', ') + ': ' + names.join(' > ')`,
      { [ELEMENT]: element },
    ).catch((error) => `unknown: ${error.message}`)
  }

  text(selector) {
    return this.run(
      `return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent.replace(/\\s+/g, ' ').trim()).join('\\n')`,
      selector,
    )
  }

  /** Position of an element's centre in the window, in CSS pixels. */
  middle(selector) {
    return this.run(
      `const r = document.querySelector(arguments[0]).getBoundingClientRect()
       return [Math.round(r.x + r.width / 2), Math.round(r.y + r.height / 2)]`,
      selector,
    )
  }

  /** Presses keys one after the other; an array is a chord. */
  async keys(...presses) {
    const actions = presses.flatMap((press) => {
      const chord = Array.isArray(press) ? press : [press]
      return [
        ...chord.map((value) => ({ type: 'keyDown', value })),
        ...[...chord].reverse().map((value) => ({ type: 'keyUp', value })),
      ]
    })
    await this.ask('POST', '/actions', { actions: [{ type: 'key', id: 'keyboard', actions }] })
  }

  async type(text) {
    await this.keys(...text)
  }

  /** Ends the window: `quit` closes it as a user does; processes that then run for too long are killed. */
  async close(quit = () => {}) {
    const programs = childrenOf(this.driver.pid)
    quit()
    // It saves its data before it ends.
    for (const pid of programs) await gone(pid, 15_000)
    await this.ask('DELETE', '').catch(() => {})
    await ended(this.driver, 'SIGTERM', 5_000)
    for (const pid of programs) {
      if (await gone(pid, 100)) continue
      process.kill(pid, 'SIGKILL')
      await gone(pid, 5_000)
    }
  }
}

async function ask(method, url, body) {
  const answer = await fetch(url, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MS),
  })
  const { value } = await answer.json()
  if (!answer.ok) throw new Error(`${method} ${new URL(url).pathname}: ${value?.error}: ${value?.message}`)
  return value
}

/** Waits for a condition; fails with its name. */
export async function until(what, ms, check) {
  const end = performance.now() + ms
  let last
  for (;;) {
    try {
      const value = await check()
      if (value) return value
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}${last ? ` (${last.message})` : ''}`)
    await sleep(50)
  }
}

// A display for windows, and simulated input that drags files over it.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { ended, inTime } from './process.mjs'
import { until } from './webdriver.mjs'

// GTK's bindings belong to the system's Python, not to one that comes before it on PATH.
const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'
const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Names of required programs that are not installed. */
export function missing() {
  const programs = ['Xvfb', 'WebKitWebDriver', 'xdotool', 'import', 'dbus-run-session']
  const absent = programs.filter((p) => spawnSync('sh', ['-c', `command -v ${p}`]).status !== 0)
  const gtk = spawnSync(python, ['-c', "import gi; gi.require_version('Gtk', '3.0')"])
  if (gtk.status !== 0) absent.push('gir1.2-gtk-3.0 with python3-gi')
  return absent
}

export class Display {
  /** Starts an X server on a free number. */
  static async open(width, height) {
    const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    })
    let number
    const told = new Promise((resolve, reject) => {
      server.stdio[3].once('data', (data) => resolve((number = String(data).trim())))
      server.once('exit', (code) => reject(new Error(`Xvfb ended with ${code}`)))
    })
    if (!(await inTime(told, 20_000))) {
      server.kill('SIGKILL')
      throw new Error('Xvfb did not start in time')
    }
    return new Display(server, `:${number}`)
  }

  constructor(server, name) {
    this.server = server
    this.name = name
  }

  get env() {
    return { ...process.env, DISPLAY: this.name }
  }

  hand(...args) {
    const done = spawnSync('xdotool', args.map(String), { env: this.env, encoding: 'utf8', timeout: 20_000 })
    if (done.status !== 0) throw new Error(`xdotool ${args.join(' ')}: ${done.stderr}`)
    return done.stdout
  }

  screenshot(path) {
    const done = spawnSync('import', ['-window', 'root', path], { env: this.env, encoding: 'utf8', timeout: 20_000 })
    if (done.status !== 0) throw new Error(`import: ${done.stderr}`)
  }

  /** The colour of a few pixels of the screen, as text. */
  pixel([x, y]) {
    const args = ['-window', 'root', '-crop', `4x4+${x}+${y}`, 'txt:-']
    const done = spawnSync('import', args, { env: this.env, encoding: 'utf8', timeout: 20_000 })
    if (done.status !== 0) throw new Error(`import: ${done.stderr}`)
    return done.stdout
  }

  /** Opens another window over a point of the screen; returns its process. */
  async cover([x, y]) {
    const window = spawn(python, [here('drag_source.py'), String(x - 30), String(y - 30), '/dev/null'], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await said(window, 'ready')
    return window
  }

  /** Closes the windows of a title as a user does. */
  quit(title) {
    const ids = this.windows(title)
    if (ids.length > 0) spawnSync(python, [here('close_window.py'), ...ids], { env: this.env, stdio: 'inherit', timeout: 20_000 })
  }

  /** The windows of a title that are to be seen. */
  windows(title) {
    const done = spawnSync('xdotool', ['search', '--onlyvisible', '--name', `^${title}$`], { env: this.env, encoding: 'utf8', timeout: 20_000 })
    return done.stdout.trim().split('\n').filter(Boolean)
  }

  /** Number of colours in a window, or in a part of the screen given by position and size. */
  colours(id, [x, y, width, height] = []) {
    const part = width ? ['-crop', `${width}x${height}+${x}+${y}`] : []
    const done = spawnSync('import', ['-window', id, ...part, '-format', '%k', 'info:-'], { env: this.env, encoding: 'utf8', timeout: 20_000 })
    if (done.status !== 0) throw new Error(`import: ${done.stderr}`)
    return Number(done.stdout)
  }

  /** Moves a window and changes its size. */
  put(title, [x, y], [width, height]) {
    const id = this.#id(title)
    this.hand('windowmove', id, x, y, 'windowsize', id, width, height)
  }

  /** Answers a file dialog of the system with a path; `place`: the dialog asks for an existing file. */
  async answer(title, path, { place = false } = {}) {
    const id = await until(`the dialog "${title}" opens`, 20_000, () => this.#id(title))
    await sleep(500)
    this.hand('windowfocus', id)
    // A dialog for opening shows its field only after Ctrl-L.
    if (place) this.hand('key', 'ctrl+l')
    await sleep(300)
    this.hand('key', 'ctrl+a')
    this.hand('type', '--delay', 15, path)
    await sleep(500)
    // The first press may only accept the field's suggestion. An extra press, while the dialog is about to close,
    // would go to the focused element of the window behind it.
    let pressed = -Infinity
    await until(`the dialog "${title}" closes`, 20_000, () => {
      try {
        this.#id(title)
      } catch {
        return true
      }
      if (performance.now() - pressed > 4_000) {
        this.hand('key', 'Return')
        pressed = performance.now()
      }
      return false
    })
  }

  #id(title) {
    return this.hand('search', '--onlyvisible', '--name', `^${title}$`).trim().split('\n')[0]
  }

  /** Position of the window on the screen. */
  origin(title) {
    const place = this.hand('getwindowgeometry', '--shell', this.#id(title))
    return ['X', 'Y'].map((n) => Number(new RegExp(`^${n}=(.*)$`, 'm').exec(place)[1]))
  }

  /**
   * Drags files from a window of their own to a point of the screen; `over` is awaited before the button is released.
   */
  async drag(files, source, target, over) {
    const window = spawn(python, [here('drag_source.py'), ...source.map(String), ...files], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await said(window, 'ready')
      const [x, y] = [source[0] + 40, source[1] + 30]
      this.hand('mousemove', x, y)
      this.hand('mousedown', 1)
      await sleep(100)
      for (let i = 1; i <= 12; i++) {
        this.hand('mousemove', Math.round(x + ((target[0] - x) * i) / 12), Math.round(y + ((target[1] - y) * i) / 12))
        await sleep(25)
      }
      this.hand('mousemove', target[0] + 1, target[1])
      if (over) await over()
      const ended = said(window, 'dropped')
      this.hand('mouseup', 1)
      await ended
    } finally {
      await ended(window, 'SIGTERM', 2_000)
    }
  }

  names(app) {
    const done = spawnSync(python, [here('accessible_names.py'), app], { env: this.env, encoding: 'utf8', timeout: 20_000 })
    if (done.status !== 0) throw new Error(`accessible_names.py: ${done.stderr}`)
    return done.stdout
  }

  close() {
    return ended(this.server, 'SIGTERM', 5_000)
  }
}

function said(child, word) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the drag source never said "${word}"`)), 10_000)
    child.stdout.on('data', (data) => {
      if (!String(data).includes(word)) return
      clearTimeout(timer)
      resolve()
    })
  })
}

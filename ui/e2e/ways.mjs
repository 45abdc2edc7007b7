// Helpers of the cases: rows, states, the palette, dragged files.
import { readFileSync } from 'node:fs'
import { Key, until } from './webdriver.mjs'

/** Position of the drag source: beside the window, which is 1,440 by 900. */
const SOURCE = [1480, 60]

export const BOOT_MS = 90_000
export const DEPLOY_MS = 60_000

export const row = (board) => `[role=row][data-drop-board]:has(.name[title="${board}"])`

/** The word that a board's row shows. */
export const badge = (desk, board) => desk.window.text(`${row(board)} .word`)

/** Whether a board without apps is connected; a board that is about to be switched on is idle, too. */
export const isConnected = async (desk, board) => (await desk.window.text(row(board))).includes('no app runs')

/** The state shown in an app's entry; undefined if the app is not listed. */
export async function appState(desk, app) {
  const labels = await desk.window.run(
    `return [...document.querySelectorAll('main li[aria-label]')].map((l) => l.getAttribute('aria-label')).join('\\n')`,
  )
  return labels.split('\n').find((l) => l.startsWith(`${app} `))?.split(', ').at(-1)
}

export function appBecomes(desk, app, state, ms = DEPLOY_MS) {
  return until(`${app} is ${state ?? 'gone'}`, ms, async () => {
    const now = await appState(desk, app)
    if (now === state) return true
    throw new Error(`it is ${now}`)
  })
}

/** Records every state that a board's row shows from now on; the returned function returns them. */
export async function watch(desk, board) {
  await desk.window.run(
    `const [selector] = arguments
     const seen = (window.seen = [])
     const look = () => {
       const word = document.querySelector(selector)?.textContent
       if (word && seen.at(-1) !== word) seen.push(word)
     }
     look()
     window.watcher?.disconnect()
     window.watcher = new MutationObserver(look)
     window.watcher.observe(document.body, { subtree: true, childList: true, characterData: true })`,
    `${row(board)} .word`,
  )
  return () => desk.window.run('return window.seen')
}

/** Whether the words appeared in this order, with others between them. */
export function inOrder(seen, ...words) {
  let from = 0
  return words.every((word) => {
    const at = seen.indexOf(word, from)
    from = at + 1
    return at >= 0
  })
}

export async function drag(desk, files, selector, over) {
  const [left, top] = desk.display.origin('Drydock')
  const [x, y] = await desk.window.middle(selector)
  await desk.display.drag(files, SOURCE, [left + x, top + y], over)
}

/** Runs the first action that the palette finds. */
export async function palette(desk, query) {
  const { window } = desk
  await window.keys([Key.Control, 'k'])
  await until('the palette is open', 10_000, () => window.find('[role=combobox]'))
  await window.type(query)
  await until(`the palette finds "${query}"`, 10_000, () => window.find('[role=option][aria-selected=true]'))
  await window.keys(Key.Enter)
}

export async function deployFile(desk, file) {
  await desk.window.keys('d')
  await until('the form has the focus', 10_000, () => desk.window.run(`return document.activeElement?.id === 'deploy-path'`))
  await desk.window.type(file)
  await desk.window.keys(Key.Enter)
}

const axe = readFileSync(new URL(import.meta.resolve('axe-core')), 'utf8')

/** Serious violations that axe finds on the page. */
export function violations(desk) {
  return desk.window.ask('POST', '/execute/async', {
    // As part of the script: the content policy allows no eval.
    script: `const done = arguments[arguments.length - 1]
      if (!window.axe) { ${axe}\n }
      window.axe.run(document, { resultTypes: ['violations'] }).then((r) => done(
        r.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
          .map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ') + ' (' + n.any.map((a) => a.message).join('; ') + ')').slice(0, 3).join(', '))),
        (e) => done(['axe: ' + e]))`,
    args: [],
  })
}

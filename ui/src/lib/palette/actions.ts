// Every action of the window, as the palette lists them now.
import type { BoardView } from '../backend/generated'
import {
  addBoard,
  chooseAndDeploy,
  copyDiagnostics,
  popOut,
  power,
  removeApp,
  removeBoard,
  startApp,
  stopApp,
} from '../board/actions'
import { cardNames, cardTitles, swap } from '../board/cards'
import { deployments } from '../board/deploy.svelte'
import { aboutSample, deploySample } from '../board/samples'
import { consoleOf } from '../console/console.svelte'
import { setPace, step } from '../emulation/machines'
import { snapshots } from '../emulation/snapshots.svelte'
import { appLook, boardLook } from '../fleet/badge'
import { fleet } from '../fleet/fleet.svelte'
import { count } from '../format/format'
import { modKey } from '../frame/keys'
import { place } from '../place.svelte'
import { preferences } from '../settings/preferences.svelte'
import { signalsOf, windows } from '../signals/signals.svelte'
import { workbench } from '../workbench.svelte'
import type { Action } from './match'

export function allActions(): Action[] {
  const open = place.boardId === null ? undefined : fleet.boards.get(place.boardId)
  const actions: Action[] = []
  if (open) actions.push(...boardActions(open), ...viewActions(open))
  actions.push(...windowActions())
  for (const id of fleet.order) {
    const board = fleet.boards.get(id)
    if (!board) continue
    const apps = board.apps.map((a) => a.name).join(' ')
    actions.push({
      id: `open ${id}`,
      title: `Open ${board.name}`,
      context: `${boardLook[board.badge].word} · ${board.title} ${apps}`,
      run: () => place.open(id),
    })
  }
  return actions
}

function boardActions(board: BoardView): Action[] {
  const { id, name } = board
  const act = (title: string, run: () => unknown, key?: string): Action => ({
    id: `${title} ${id}`,
    title,
    context: name,
    key,
    run,
  })
  const actions = [
    act(`Deploy to ${name}…`, () => (place.open(id), (deployments.formFor = id)), 'D'),
    act(`Choose a file for ${name}…`, () => chooseAndDeploy([id]), `${modKey} O`),
    ...workbench.samples.map((sample) => ({
      ...act(`Try the sample ${sample.name}`, () => deploySample(sample.name, [id])),
      context: `${name} · ${aboutSample(sample.name) ?? ''}`,
    })),
  ]
  for (const app of board.apps) {
    const about = `${name} · ${app.version} ${appLook[app.state].word}`
    const add = (verb: string, run: () => unknown) =>
      actions.push({ id: `${verb} ${app.name} ${id}`, title: `${verb} ${app.name}`, context: about, run })
    if (app.state === 'running' || app.state === 'starting') add('Stop', () => stopApp(id, app.name))
    else if (app.state !== 'deploying' && app.state !== 'pending') add('Start', () => startApp(id, app.name))
    actions.push({
      id: `Remove ${app.name} ${id}`,
      title: `Remove ${app.name}…`,
      context: about,
      confirm: { question: `Remove ${app.name} from ${name}?`, yes: `Remove ${app.name}` },
      run: () => removeApp(id, app.name),
    })
    add('Show logs of', () => (consoleOf(id).source = app.name))
  }
  const state = board.machine?.state
  if (state === 'off') actions.push(act(`Power ${name} on`, () => power(id, 'on')))
  else if (state) {
    actions.push(act(`Reset ${name}`, () => power(id, 'reset')), act(`Cut the power of ${name}`, () => power(id, 'off')))
    if (state === 'running') actions.push(act(`Pause ${name}`, () => power(id, 'pause')))
    if (state === 'paused') {
      actions.push(act(`Resume ${name}`, () => power(id, 'resume')))
      for (const n of [1, 1000]) actions.push(act(`Step ${name} by ${count(n, 'instruction')}`, () => step(id, n)))
    }
    actions.push(
      act(`Take a snapshot of ${name}`, () => snapshots.take(board)),
      act(`Fork ${name}`, () => snapshots.fork(board, 1)),
      act(`Look into the machine of ${name}`, () => ((place.panel = 'emulation'), (place.inspected = id))),
    )
    const other = board.machine?.pace === 'max' ? 'realtime' : 'max'
    actions.push(
      act(other === 'max' ? `Let ${name} run as fast as it goes` : `Let ${name} run in real time`, () => setPace(id, other)),
    )
  }
  actions.push({
    ...act(`Remove ${name} from the fleet…`, () => removeBoard(id)),
    confirm: { question: `Remove ${name} with its identity and apps?`, yes: `Remove ${name}` },
  })
  return actions
}

function viewActions({ id, name }: BoardView): Action[] {
  const log = consoleOf(id)
  const signals = signalsOf(id)
  const view = (title: string, run: () => unknown): Action => ({ id: title, title, context: name, run })
  return [
    view(log.paused ? 'Let the console flow' : 'Pause the console', () => (log.paused = !log.paused)),
    view(log.follow ? 'Stop following the console' : 'Follow the console', () => (log.follow = !log.follow)),
    view('Show all sources in the console', () => (log.source = null)),
    view(signals.paused ? 'Let the plots flow' : 'Pause the plots', () => signals.setPaused(!signals.paused)),
    view(signals.table ? 'Show plots' : 'Show the plots as a table', () => (signals.table = !signals.table)),
    ...windows.map(([s, label]) => view(`Plots: ${label}`, () => (preferences.value.windowS = s))),
    ...cardNames.flatMap((card) => [
      place.maximised === card
        ? view(`Shrink ${cardTitles[card]}`, () => (place.maximised = null))
        : view(`Fill the page with ${cardTitles[card]}`, () => (place.maximised = card)),
      view(`Open ${cardTitles[card]} in its own window`, () => popOut(card)),
      ...cardNames
        .filter((other) => other > card)
        .map((other) => view(`Swap ${cardTitles[card]} with ${cardTitles[other]}`, () => swap(card, other))),
    ]),
    view('Put the cards back where they were at first', () => (preferences.value.cards = [...cardNames])),
  ]
}

function windowActions(): Action[] {
  const all = (title: string, run: () => unknown, key?: string): Action => ({ id: title, title, context: 'window', key, run })
  return [
    ...workbench.kinds.map((kind) => all(`Add an emulated ${kind.title}`, () => addBoard({ kind: kind.id }))),
    all('Go to Fleet', () => (place.panel = 'fleet'), `${modKey} 1`),
    all('Go to Emulation', () => (place.panel = 'emulation'), `${modKey} 2`),
    all('Go to Activity', () => (place.panel = 'activity'), `${modKey} 3`),
    all('Go to Settings', () => (place.panel = 'settings'), `${modKey} 4`),
    all('Use the dark theme', () => (preferences.value.theme = 'dark')),
    all('Use the light theme', () => (preferences.value.theme = 'light')),
    all("Use the system's theme", () => (preferences.value.theme = 'system')),
    all('Copy diagnostics', copyDiagnostics),
  ]
}

// The palette's actions for one board: its apps, its power, its machine, and the board as a whole.
import { at } from '../attempts.svelte'
import type { BoardView, Pace } from '../backend/generated'
import { cancelApp, chooseAndDeploy, keepLast, openScope, power, press, removeApp, removeBoard, startApp, stopApp } from '../board/actions'
import { deployments } from '../board/deploy.svelte'
import { aboutSample, deploySample } from '../board/samples'
import { cableItems } from '../connect/cable'
import { consoleOf } from '../console/console.svelte'
import { gdbPorts } from '../emulation/gdb.svelte'
import { insight } from '../emulation/insight.svelte'
import { setPace, step } from '../emulation/machines'
import { snapshots } from '../emulation/snapshots.svelte'
import { isStartable, isStoppable, lookOfApp } from '../fleet/badge'
import { askLabel, askRename } from '../fleet/many'
import { count } from '../format/format'
import { modKey } from '../frame/modifier'
import { place } from '../place.svelte'
import { workbench } from '../workbench.svelte'
import type { Action } from './match'

export function boardActions(board: BoardView): Action[] {
  const { id, name } = board
  const act = actOn(board)
  return [
    act(`Deploy to ${name}…`, () => (place.open(id), deployments.openForm(id)), 'D'),
    act(`Choose a file for ${name}…`, () => chooseAndDeploy([id]), `${modKey} O`),
    ...workbench.samples.map((sample) => ({
      ...act(`Try the sample ${sample.name}`, () => deploySample(sample.name, [id])),
      context: `${name} · ${aboutSample(sample.name) ?? ''}`,
    })),
    ...appActions(board),
    ...machineActions(board),
    ...cableItems(board).map(({ label, run }) => act(`${label} of ${name}`.replace('Show in Connect of', 'Show in Connect:'), run)),
    act(`Rename ${name}…`, () => askRename([id]), 'F2'),
    act(`Label ${name}…`, () => askLabel([id]), 'L'),
    act(`Open ${name} in the scope`, () => openScope([id])),
    act(`Keep the last 10 minutes of ${name}`, () => keepLast(id)),
    act(`Copy the id of ${name}`, () => workbench.backend.copy(id)),
    act(`Mark ${name}`, () => place.marked.add(id), 'Space'),
    {
      ...act(`Remove ${name} from the fleet…`, () => removeBoard(id), 'Delete'),
      confirm: { question: `Remove ${name} with its identity and apps?`, yes: `Remove ${name}` },
    },
  ]
}

function actOn({ id, name }: BoardView) {
  return (title: string, run: () => unknown, key?: string): Action => ({ id: `${title} ${id}`, title, context: name, key, run })
}

function appActions(board: BoardView): Action[] {
  const { id, name } = board
  return board.apps.flatMap((app) => {
    const about = `${name} · ${app.version} ${lookOfApp(board, app).word}`
    const act = (verb: string, run: () => unknown): Action => ({
      id: `${verb} ${app.name} ${id}`,
      title: `${verb} ${app.name}`,
      context: about,
      run,
    })
    const actions: Action[] = []
    if (isStoppable(board, app)) actions.push(act('Stop', () => stopApp(id, app.name)))
    else if (isStartable(app)) actions.push(act('Start', () => startApp(id, app.name)))
    else if (app.state === 'deploying' || app.state === 'pending') actions.push(act('Cancel', () => cancelApp(id, app.name)))
    return [
      ...actions,
      {
        id: `Remove ${app.name} ${id}`,
        title: `Remove ${app.name}…`,
        context: about,
        confirm: { question: `Remove ${app.name} from ${name}?`, yes: `Remove ${app.name}` },
        run: () => removeApp(id, app.name),
      },
      act('Show logs of', () => ((place.panel = 'fleet'), (consoleOf(id).source = app.name))),
    ]
  })
}

/** How long the Press of the palette lasts, in milliseconds. */
const PRESS_MS = 200

function machineActions(board: BoardView): Action[] {
  const { id, name, machine } = board
  const act = actOn(board)
  if (!machine) return []
  if (machine.state === 'off') return [act(`Power ${name} on`, () => power(id, 'on'))]
  const inspect = () => ((place.panel = 'emulation'), (place.inspected = id))
  const actions = [act(`Reset ${name}`, () => power(id, 'reset')), act(`Cut the power of ${name}`, () => power(id, 'off'))]
  if (machine.state === 'running') actions.push(act(`Pause ${name}`, () => power(id, 'pause')))
  if (machine.state === 'paused') {
    actions.push(act(`Resume ${name}`, () => power(id, 'resume')))
    for (const n of [1, 1000]) actions.push(act(`Step ${name} by ${count(n, 'instruction')}`, () => step(id, n)))
  }
  for (const button of board.buttons) {
    const push = async () => {
      await press(id, button.name, true)
      setTimeout(() => void press(id, button.name, false), PRESS_MS)
    }
    actions.push(act(`Press ${button.name} of ${name}`, push))
  }
  for (const [pace, how] of paces) {
    if (pace !== machine.pace) actions.push(act(`Let ${name} run ${how}`, () => setPace(id, pace)))
  }
  if (snapshots.board === id) {
    for (const { name: kept } of snapshots.list) {
      actions.push(act(`Go back to ${kept} of ${name}`, () => snapshots.restore(board, { name: kept })))
    }
  }
  actions.push(
    act(`Take a snapshot of ${name}`, () => snapshots.take(board)),
    act(`Save the state of ${name} in a file…`, () => snapshots.save(board, null)),
    act(`Read a snapshot of ${name} from a file…`, () => snapshots.open(board)),
    act(`Fork ${name}`, () => snapshots.fork(board, 1)),
    act(`Fork ${name} in its state, without a link`, () => snapshots.fork(board, 1, null)),
    act(`Look into the machine of ${name}`, inspect),
    act(`Open a port for GDB on ${name}`, () => (inspect(), gdbPorts.open(at.machine(id), id))),
    act(`Profile ${name} for 5 s`, () => (inspect(), insight.start(board, 5, false))),
    act(`Copy the seed of ${name}`, () => workbench.backend.copy(machine.seed)),
  )
  if (insight.board === id) actions.push(...insightActions(board))
  return actions
}

const paces: Array<[Pace, string]> = [
  ['realtime', 'in real time'],
  ['max', 'as fast as it can'],
  ['lockstep', 'in lockstep with others'],
]

/** The inspector's current data about this machine. */
function insightActions(board: BoardView): Action[] {
  const { id, name } = board
  const act = actOn(board)
  const actions: Action[] = []
  const gdb = gdbPorts.views.get(id)
  if (gdb && gdb.state !== 'closed') actions.push(act(`Close the port for GDB on ${name}`, () => gdbPorts.close(at.machine(id), id)))
  if (insight.profile?.state === 'recording') {
    actions.push(
      act(`Finish the profile of ${name}`, () => insight.stop(board)),
      act(`Cancel the profile of ${name}`, () => insight.stop(board, true)),
    )
  }
  if (insight.profile?.state !== 'finished') return actions
  return [
    ...actions,
    act(place.flame ? 'Hide the flame graph' : `Show the flame graph of ${name}`, () => (place.flame = !place.flame)),
    act(`Export the profile of ${name} as SVG…`, () => insight.save(board, 'svg', 'svg')),
    act(`Export the profile of ${name} as PNG…`, () => insight.save(board, 'png', 'png')),
    act(`Export the profile of ${name} for speedscope…`, () => insight.save(board, 'speedscope', 'json')),
    act(`Export the profile of ${name} for Firefox Profiler…`, () => insight.save(board, 'firefox', 'json')),
    act(`Export the profile of ${name} as folded stacks…`, () => insight.save(board, 'folded', 'txt')),
  ]
}

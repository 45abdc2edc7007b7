// The palette's actions for the cards of the open board.
import type { BoardView } from '../backend/generated'
import { popOut } from '../board/actions'
import { cardNames, cardTitles, swap } from '../board/cards'
import { consoleOf } from '../console/console.svelte'
import { clockMs, count } from '../format/format'
import { modKey } from '../frame/modifier'
import { focusOn } from '../frame/regions'
import { place } from '../place.svelte'
import { addItems } from '../plots/room.svelte'
import { preferences } from '../settings/preferences.svelte'
import { exportMenu } from '../signals/export'
import { nextMoment } from '../signals/moments'
import { momentsOf } from '../signals/moments.svelte'
import { kind, presentOf, shownOf, signalsOf } from '../signals/signals.svelte'
import { windows } from '../signals/view.svelte'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import type { Action } from './match'

export function viewActions(board: BoardView): Action[] {
  const act = (title: string, run: () => unknown, key?: string): Action => ({ id: title, title, context: board.name, key, run })
  return [...consoleActions(board, act), ...plotActions(board, act), ...cardActions(act)]
}

type Act = (title: string, run: () => unknown, key?: string) => Action

function consoleActions({ id }: BoardView, act: Act): Action[] {
  const log = consoleOf(id)
  const copy = async () => {
    await workbench.backend.copy(log.shown.map(({ line }) => `${clockMs(line.time_ms)} ${line.source} ${line.text}`).join('\n'))
    announcer.say(`${count(log.shown.length, 'line')} copied`)
  }
  const search = () => requestAnimationFrame(() => focusOn('[data-key="console-search"]'))
  return [
    act('Search the console', () => ((place.panel = 'fleet'), search()), `${modKey} F`),
    act(log.paused ? 'Let the console flow' : 'Pause the console', () => (log.paused = !log.paused)),
    act(log.follow ? 'Stop following the console' : 'Follow the console', () => (log.follow = !log.follow)),
    act('Show all sources in the console', () => (log.source = null)),
    act('Copy the lines of the console', copy),
  ]
}

function plotActions(board: BoardView, act: Act): Action[] {
  const signals = signalsOf(board.id)
  const { fromMs, toMs } = signals.range
  const zoom = (factor: number) => signals.zoomBy(factor, (fromMs + toMs) / 2)
  const step = (forward: boolean) => {
    place.panel = 'fleet'
    const next = nextMoment(momentsOf(board.id).all, signals.cursorMs ?? (forward ? fromMs : toMs), forward)
    if (next) signals.showAt(next.timeMs)
    announcer.say(next ? `${clockMs(next.timeMs)}: ${next.text}` : 'No event is known on that side.')
  }
  const shown = shownOf(presentOf(signals.series, board.apps), preferences.value.hiddenSeries)
  const kinds = [...new Map(signals.series.map((s) => [kind(s.id), s.title.split(' · ').at(-1)!]))]
  const toggle = (id: string) => {
    const hidden = preferences.value.hiddenSeries
    preferences.value.hiddenSeries = hidden.includes(id) ? hidden.filter((h) => h !== id) : [...hidden, id]
  }
  return [
    act(signals.paused ? 'Let the plots flow' : 'Pause the plots', () => signals.setPaused(!signals.paused)),
    act(signals.table ? 'Show plots' : 'Show the plots as a table', () => (signals.table = !signals.table)),
    ...windows.map(([s, label]) => act(`Plots: ${label}`, () => (preferences.value.windowS = s))),
    act('Plots: zoom in', () => zoom(0.5)),
    act('Plots: zoom out', () => zoom(2)),
    act('Plots: follow the time', () => (signals.setPaused(false), signals.setZoom(null)), '0'),
    act('Plots: list events and notes', () => (signals.table = true)),
    act('Plots: write a note…', () => ((place.panel = 'fleet'), (signals.noteMs = signals.cursorMs ?? toMs)), 'N'),
    ...shown.map((s) => act(`Plots: set a threshold on ${s.title}…`, () => ((place.panel = 'fleet'), (signals.thresholdFor = s.id)), 'T')),
    ...shown.flatMap((s) =>
      addItems({ series: s.id, boards: [board.id] }, s.title).map(({ label, run }) => act(`${s.title}: ${label.replace('Add', 'add')}`, run)),
    ),
    act('Plots: go to the event before', () => step(false), '['),
    act('Plots: go to the next event', () => step(true), ']'),
    ...kinds.map(([id, title]) =>
      act(`${preferences.value.hiddenSeries.includes(id) ? 'Show' : 'Hide'} the plot ${title}`, () => toggle(id)),
    ),
    ...(shown.length > 0
      ? exportMenu(board, shown).map(({ label, run }) => act(`Export the plots as ${label}`, run))
      : []),
  ]
}

function cardActions(act: Act): Action[] {
  return [
    ...cardNames.flatMap((card) => [
      act(`Go to the card ${cardTitles[card]}`, () => requestAnimationFrame(() => focusOn(`[data-card="${card}"]`)), 'F6'),
      place.maximised === card
        ? act(`Shrink ${cardTitles[card]}`, () => (place.maximised = null))
        : act(`Fill the page with ${cardTitles[card]}`, () => (place.maximised = card)),
      act(`Open ${cardTitles[card]} in its own window`, () => popOut(card)),
      ...cardNames
        .filter((other) => other > card)
        .map((other) => act(`Swap ${cardTitles[card]} with ${cardTitles[other]}`, () => swap(card, other))),
    ]),
    act('Put the cards back where they were at first', () => (preferences.value.cards = [...cardNames])),
  ]
}

// The cards of a board's page and their places.
import { tick } from 'svelte'
import { preferences } from '../settings/preferences.svelte'

export const cardTitles = { apps: 'Apps', signals: 'Signals', console: 'Console', front: 'Front panel' } as const
export type CardName = keyof typeof cardTitles

export const cardNames = Object.keys(cardTitles) as CardName[]

/** Two rows of two; the user chose width and height of each place, independent of its card. */
export type Order = [CardName, CardName, CardName, CardName]

/** The saved order, or the default if it is invalid. */
export function order(): Order {
  const kept = preferences.value.cards
  const whole = kept.length === cardNames.length && cardNames.every((name) => kept.includes(name))
  return [...(whole ? kept : cardNames)] as Order
}

export function swap(a: CardName, b: CardName): void {
  preferences.value.cards = order().map((name) => (name === a ? b : name === b ? a : name))
}

const steps: Record<string, (at: number) => number> = {
  ArrowLeft: (at) => at & ~1,
  ArrowRight: (at) => at | 1,
  ArrowUp: (at) => at & ~2,
  ArrowDown: (at) => at | 2,
}

/** Moves a card one place in the direction of an arrow key; returns whether the key is an arrow key. */
export function moveByKey(name: CardName, key: string): boolean {
  const step = steps[key]
  if (!step) return false
  const now = order()
  const other = now[step(now.indexOf(name))]
  if (other !== undefined && other !== name) {
    swap(name, other)
    // The card is drawn again in its new place: the focus moves with it.
    void tick().then(() => document.querySelector<HTMLElement>(`[data-card="${name}"] .grip`)?.focus())
  }
  return true
}

export function isCardName(name: string | null): name is CardName {
  return name !== null && name in cardTitles
}

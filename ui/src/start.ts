// Chooses the backend, starts the clock and the theme's listener, and paints.
import { mount } from 'svelte'
import App from './App.svelte'
import { tauriBackend } from './lib/backend/tauri'
import type { Backend } from './lib/backend/backend'
import { cardTitles, isCardName } from './lib/board/cards'
import { place } from './lib/place.svelte'
import { preferences } from './lib/settings/preferences.svelte'
import { clock } from './lib/status/clock.svelte'
import { workbench } from './lib/workbench.svelte'

export async function start(target: HTMLElement): Promise<void> {
  const chosen = await backend()
  place.alone = cardOfQuery()
  // The window of a single card follows the main one and saves nothing itself.
  preferences.start(place.alone ? () => {} : (stored) => chosen.remember(stored))
  if (place.alone) await chosen.onRemembered((stored) => preferences.adopt(stored))
  clock.start()
  mount(App, { target })
  await workbench.start(chosen)
}

async function backend(): Promise<Backend> {
  if (import.meta.env.DEV && !('__TAURI_INTERNALS__' in window)) {
    const { MockBackend } = await import('./lib/backend/mock')
    const query = new URLSearchParams(location.search)
    const recovered = query.get('recovered')?.split('|')
    const desk = query.get('desk')
    return new MockBackend({
      boards: Number(query.get('boards') ?? 6),
      physical: query.has('physical'),
      parts: true,
      tickMs: 1000,
      ...(recovered && { recovered }),
      ...((desk === 'none' || desk === 'rack') && { desk }),
    })
  }
  return tauriBackend
}

/** The card of this window, if it shows a single one. */
function cardOfQuery(): typeof place.alone {
  const query = new URLSearchParams(location.search)
  const card = query.get('card')
  const board = query.get('board')
  if (!isCardName(card) || board === null) return null
  document.title = cardTitles[card]
  return { card, board }
}

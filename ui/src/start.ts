// Chooses the backend, starts what follows time and theme, and paints.
import { mount } from 'svelte'
import App from './App.svelte'
import { tauriBackend } from './lib/backend/tauri'
import type { Backend } from './lib/backend/backend'
import { preferences } from './lib/settings/preferences.svelte'
import { clock } from './lib/status/clock.svelte'
import { workbench } from './lib/workbench.svelte'

export async function start(target: HTMLElement): Promise<void> {
  const chosen = await backend()
  preferences.start((stored) => chosen.remember(stored))
  clock.start()
  mount(App, { target })
  await workbench.start(chosen)
}

async function backend(): Promise<Backend> {
  if (import.meta.env.DEV && !('__TAURI_INTERNALS__' in window)) {
    const { MockBackend } = await import('./lib/backend/mock')
    const query = new URLSearchParams(location.search)
    return new MockBackend({ boards: Number(query.get('boards') ?? 6), tickMs: 1000 })
  }
  return tauriBackend
}

// The backend of the shipped window: one command, one channel, and the webview's events of file drags.
import { Channel, invoke } from '@tauri-apps/api/core'
import { emit, listen } from '@tauri-apps/api/event'
import { getCurrentWebview } from '@tauri-apps/api/webview'
import { open, save } from '@tauri-apps/plugin-dialog'
import type { Backend, FileDrag, Method, Opening, Params, Result } from './backend'
import type { Update } from './generated'

export const tauriBackend: Backend = {
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    return invoke('call', { request: { method, params } })
  },

  async subscribe(listener) {
    const updates = new Channel<Array<Update | Opening>>()
    updates.onmessage = (batch) => batch.forEach(listener)
    await invoke('subscribe', { updates })
  },

  watch(boards) {
    return invoke('watch', { boards })
  },

  async onFileDrag(listener) {
    await getCurrentWebview().onDragDropEvent(({ payload }) => {
      listener(payload.type === 'leave' ? { type: 'leave' } : inCssPixels(payload))
    })
  },

  async chooseModules() {
    const chosen = await open({
      title: 'Deploy an app',
      multiple: true,
      filters: [{ name: 'WebAssembly', extensions: ['wasm', 'wat'] }],
    })
    return chosen ?? []
  },

  chooseSavePath(suggested, extension, title = 'Save the plot') {
    return save({ title, defaultPath: suggested, filters: [{ name: extension.toUpperCase(), extensions: [extension] }] })
  },

  chooseOpenPath(title, extension) {
    return open({ title, filters: [{ name: extension.toUpperCase(), extensions: [extension] }] })
  },

  painted() {
    void emit('painted')
  },

  renderer() {
    return invoke('renderer')
  },

  resetRenderer() {
    return invoke('reset_renderer')
  },

  remember(front) {
    void invoke('remember', { front })
  },

  async onRemembered(listener) {
    await listen<object>('remembered', ({ payload }) => listener(payload))
  },

  openSource(path) {
    return invoke('open_source', { path })
  },

  openScope(boards) {
    return invoke('open_scope', { boards })
  },

  popOut(card, board, title) {
    return invoke('pop_out', { card, board, title })
  },

  zoom(factor) {
    return getCurrentWebview().setZoom(factor)
  },

  copy(text) {
    return navigator.clipboard.writeText(text)
  },
}

type PositionedDrag = Exclude<FileDrag, { type: 'leave' }>
interface Positioned {
  position: { x: number; y: number }
}

// The event says "physical", which is true on Windows and macOS; GTK passes logical pixels, which are not converted.
const scale = navigator.userAgent.includes('Linux') ? 1 : window.devicePixelRatio

function inCssPixels(
  payload: Positioned & ({ type: 'enter' | 'drop'; paths: string[] } | { type: 'over' }),
): PositionedDrag {
  const at = { x: payload.position.x / scale, y: payload.position.y / scale }
  return payload.type === 'over' ? { type: 'over', ...at } : { type: payload.type, paths: payload.paths, ...at }
}

// The window's interface to the outside: the workbench's methods and updates, files dragged over the window, and the
// system's file dialogs. `tauri.ts` is the real one; `mock.ts` stands in for it in development and in tests.
import type { ApiError, Methods, Update } from './generated'

export type Method = keyof Methods
export type Params<M extends Method> = Methods[M]['params']
export type Result<M extends Method> = Methods[M]['result']

/** Messages of the shell itself until the workbench is open. */
export type Opening =
  | { type: 'opening'; step: string }
  | { type: 'ready'; notice: string | null; attached: boolean; recovered: string[] | null }
  | { type: 'open_failed'; error: ApiError }

/** A file drag over the window; positions in CSS pixels. */
export type FileDrag =
  | { type: 'enter'; paths: string[]; x: number; y: number }
  | { type: 'over'; x: number; y: number }
  | { type: 'drop'; paths: string[]; x: number; y: number }
  | { type: 'leave' }

/** How the window is drawn. */
export interface RendererState {
  /** WebKit's DMA-BUF renderer is switched off. */
  without_dmabuf: boolean
  /** Drydock switches it off at each start, because the window stayed blank with it. */
  remembered: boolean
}

export interface Backend {
  /** Calls a method of the workbench. Rejects with an `ApiError`. */
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>>
  /** Delivers updates from now on, in order. */
  subscribe(listener: (update: Update | Opening) => void): Promise<void>
  /** Delivers lines, samples and lights of these boards from now on, and of no others. */
  watch(boards: string[]): Promise<void>
  onFileDrag(listener: (drag: FileDrag) => void): Promise<void>
  /** Lets the user choose modules; empty if they chose none. */
  chooseModules(): Promise<string[]>
  /** Lets the user choose where to save; null if they did not. */
  chooseSavePath(suggested: string, extension: string, title?: string): Promise<string | null>
  /** Lets the user choose an existing file; null if they did not. */
  chooseOpenPath(title: string, extension: string): Promise<string | null>
  /** Tells the shell that the page is painted. */
  painted(): void
  /** How the window is drawn. */
  renderer(): Promise<RendererState>
  /** Forgets that the window stayed blank on this machine; the next start draws with the default renderer again. */
  resetRenderer(): Promise<RendererState>
  copy(text: string): Promise<void>
  /** The size of everything in this window; 1 is the usual. */
  zoom(factor: number): Promise<void>
  /** Keeps this for the next start of the window. */
  remember(front: object): void
  /** Reports the main window's saved settings from now on; for detached panels. */
  onRemembered(listener: (front: object) => void): Promise<void>
  /** Opens the source of a module in the desktop's default program. Rejects with a sentence. */
  openSource(path: string): Promise<void>
  /** Opens boards in the scope, a program of its own. Rejects with a sentence. */
  openScope(boards: string[]): Promise<void>
  /** Opens a window for one card of one board. */
  popOut(card: string, board: string, title: string): Promise<void>
}

/** Converts any thrown value to an error of the API. */
export function asApiError(thrown: unknown): ApiError {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown && 'code' in thrown) return thrown as ApiError
  return { code: 'internal', message: thrown instanceof Error ? thrown.message : String(thrown), detail: null }
}

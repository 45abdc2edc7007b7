// The window's connection to the workbench: opens it, keeps its basic state, and passes on its updates.
import { asApiError, type Backend, type Method, type Opening, type Params, type Result } from './backend/backend'
import type { ApiError, BoardKindView, Event, LogLine, MetricSample, Sample, Series, SystemInfo, Update } from './backend/generated'
import { inOrder } from './board/samples'
import { connect } from './connect/connect.svelte'
import { rereadConsoles, takeConsole } from './connect/console.svelte'
import { fleet } from './fleet/fleet.svelte'
import { noteChange, noteEvent } from './signals/moments.svelte'
import { announcer } from './status/announce.svelte'

/** How often the kinds are read while some cannot be added yet. */
const KINDS_MS = 5000

/** The updates about one board that a part of the window needs. */
export interface BoardListener {
  logs?(lines: LogLine[]): void
  metrics?(samples: MetricSample[]): void
  /** Numbers that apps published, decimated; `metrics.query` has those before, too. */
  appSamples?(series: Series[]): void
  resync?(): void
}

class Workbench {
  /** The workbench's step while it opens; null once it is open. */
  opening = $state<string | null>('Starting the workbench')
  failed = $state<ApiError | null>(null)
  /** Another process owns the data directory; this window is attached to it. */
  attached = $state(false)
  /** What the previous run left undone, until the user has read it. Null if it ended cleanly. */
  recovered = $state.raw<string[] | null>(null)
  info = $state.raw<SystemInfo | null>(null)
  /** The kinds of boards that can be had, those of the user included. */
  kinds = $state.raw<BoardKindView[]>([])
  /** The kinds that exist as hardware too. */
  readonly shipped = $derived(this.kinds.filter(({ file }) => file === null))
  /** Files of the user that describe no board. */
  broken = $state.raw<BoardKindView[]>([])
  samples = $state.raw<Sample[]>([])
  readonly ready = $derived(this.opening === null && this.failed === null)

  /** There is a backend. */
  started = $state(false)
  #backend: Backend | null = null
  #listeners = new Map<string, Set<BoardListener>>()
  #watching: Promise<void> = Promise.resolve()
  #eventListeners = new Set<(event: Event) => void>()
  #kindsTimer: ReturnType<typeof setTimeout> | undefined

  get backend(): Backend {
    if (!this.#backend) throw new Error('the workbench is used before it was started')
    return this.#backend
  }

  async start(backend: Backend): Promise<void> {
    this.#backend = backend
    this.started = true
    requestAnimationFrame(() => requestAnimationFrame(() => backend.painted()))
    try {
      await backend.subscribe((update) => this.#take(update))
      for (const board of this.#listeners.keys()) void this.#watch(board)
    } catch (thrown) {
      this.failed = asApiError(thrown)
    }
  }

  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    return this.backend.call(method, params)
  }

  /** Listens to one board until the returned function is called. */
  listen(board: string, listener: BoardListener): () => void {
    const listeners = this.#listeners.get(board) ?? new Set()
    this.#listeners.set(board, listeners.add(listener))
    if (listeners.size === 1 && this.#backend) void this.#watch(board)
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0) return
      this.#listeners.delete(board)
      void this.#watch()
    }
  }

  /** Subscribes to the boards of all listeners; `added` may have changed without a listener. */
  async #watch(added?: string): Promise<void> {
    // One after the other: the last call counts.
    this.#watching = this.#watching.then(() => this.backend.watch([...this.#listeners.keys()]).catch(() => {}))
    await this.#watching
    if (added === undefined) return
    this.#listeners.get(added)?.forEach((l) => l.resync?.())
    try {
      const before = fleet.boards.get(added)
      if (!before) return
      const now = await this.call('board.get', { board: added })
      // An update that arrived meanwhile is newer than the answer.
      if (fleet.boards.get(added) === before) fleet.refresh(now)
    } catch {
      // The board was removed in the meantime; its listeners close.
    }
  }

  onEvent(listener: (event: Event) => void): () => void {
    this.#eventListeners.add(listener)
    return () => this.#eventListeners.delete(listener)
  }

  async refreshInfo(): Promise<void> {
    this.info = await this.call('system.info', {})
  }

  #take(update: Update | Opening): void {
    switch (update.type) {
      case 'opening':
        this.opening = update.step
        this.failed = null
        break
      case 'open_failed':
        this.failed = update.error
        break
      case 'ready':
        performance.mark('ready')
        this.attached = update.attached
        this.recovered = update.recovered
        if (update.notice) announcer.say(update.notice)
        void this.#load()
        break
      case 'board':
        noteChange(fleet.boards.get(update.board.id), update.board)
        fleet.put(update.board, update.revision)
        break
      case 'board_removed':
        fleet.remove(update.board)
        break
      case 'leds':
        fleet.setLeds(update.board, update.leds)
        break
      case 'logs':
        this.#listeners.get(update.board)?.forEach((l) => l.logs?.(update.lines))
        break
      case 'metrics':
        fleet.setMetrics(update.board, update.samples)
        this.#listeners.get(update.board)?.forEach((l) => l.metrics?.(update.samples))
        break
      case 'app_samples':
        this.#listeners.get(update.board)?.forEach((l) => l.appSamples?.(update.series))
        break
      case 'hardware':
        connect.putHardware(update.hardware)
        break
      case 'job':
        connect.putJob(update.job)
        break
      case 'console':
        takeConsole(update.console)
        break
      case 'event':
        // It may be of a kind that the user has just made.
        if (update.event === 'board.added') void this.readKinds()
        noteEvent(update)
        this.#eventListeners.forEach((l) => l(update))
        break
      case 'resync':
        void this.#load()
        rereadConsoles()
        this.#listeners.forEach((set) => set.forEach((l) => l.resync?.()))
        break
    }
  }

  /** Reads ports, probes and jobs. Without them, the rest of the window works. */
  async loadHardware(): Promise<void> {
    try {
      connect.hold()
      const [hardware, jobs] = await Promise.all([this.call('hardware.list', {}), this.call('job.list', {})])
      connect.loaded(hardware, jobs)
    } catch (thrown) {
      connect.failed = asApiError(thrown)
    }
  }

  /** Reads the kinds again: files of the user may have changed. */
  async readKinds(): Promise<void> {
    try {
      this.#setKinds(await this.call('board.kinds', {}))
    } catch {
      // They are asked for again.
    }
  }

  #setKinds(kinds: BoardKindView[]): void {
    this.kinds = kinds.filter(({ problems }) => problems.length === 0)
    this.broken = kinds.filter(({ problems }) => problems.length > 0)
  }

  /** Reads the kinds again while the firmware of some is being built, during a development run. */
  #watchKinds(): void {
    clearTimeout(this.#kindsTimer)
    if (this.shipped.every((kind) => kind.addable)) return
    this.#kindsTimer = setTimeout(() => void this.readKinds().finally(() => this.#watchKinds()), KINDS_MS)
  }

  /** Reads the whole state; updates that arrive meanwhile are applied after it. */
  async #load(): Promise<void> {
    void this.loadHardware()
    try {
      fleet.hold()
      const [state, info, kinds, samples] = await Promise.all([
        this.call('board.list', {}),
        this.call('system.info', {}),
        this.call('board.kinds', {}),
        this.call('app.samples', {}),
      ])
      this.info = info
      this.#setKinds(kinds)
      this.#watchKinds()
      this.samples = inOrder(samples)
      fleet.replace(state)
      this.opening = null
      this.failed = null
      performance.mark('fleet')
    } catch (thrown) {
      this.failed = asApiError(thrown)
    }
  }
}

export const workbench = new Workbench()

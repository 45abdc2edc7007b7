// A stand-in for the workbench, for development in a browser and for tests of components. It invents its values. The
// shipped bundle does not contain it (a test searches for the marker below).
import { isProbeId } from '../connect/attached'
import type { Backend, FileDrag, Method, Opening, Params, RendererState, Result } from './backend'
import { MockHardware, titles, type Desk } from './mock-hardware'
import { mockKinds } from './mock-kinds'
import { mockParts } from './mock-parts'
import { mockCalls, mockProfile } from './mock-profile'
import type { ActivityEntry, ApiError, AppView, BoardView, CableState, FirmwareFile, LogLine, MetricSample, PartView, Series, Update, VersionPlan } from './generated'

export const MOCK_MARKER = 'drydock-mock-backend'


export interface MockOptions {
  boards?: number
  /** Virtual time between two samples; with 0, nothing happens by itself. */
  tickMs?: number
  failOpen?: ApiError
  /** What the run before left undone. */
  recovered?: string[]
  /** What is on the cables. */
  desk?: Desk
  /** Its boards have virtual parts. */
  parts?: boolean
  /** The fleet also has a physical board. */
  physical?: boolean
}

const TICKS_BEFORE = 180

export class MockBackend implements Backend {
  readonly calls: Array<{ method: Method; params: unknown }> = []
  readonly boards = new Map<string, BoardView>()
  kinds = mockKinds
  /** What signing any module means. */
  plan: VersionPlan = { type: 'new' }
  /** Why a board takes no app. */
  cannot = new Map<string, string>()
  refuse: Partial<Record<Method, ApiError>> = {}
  copied = ''
  /** The last source that was opened. */
  opened = ''
  /** The boards that were last opened in the scope. */
  scoped: string[] = []
  zoomed = 1
  /** Boards whose lines, samples and LEDs are sent. */
  watched = new Set<string>()
  drag: (drag: FileDrag) => void = () => {}
  #listener: (update: Update | Opening) => void = () => {}
  #logs = new Map<string, LogLine[]>()
  #parts = new Map<string, PartView[]>()
  #samples = new Map<string, MetricSample[]>()
  #revision = 1
  #profiled = new Set<string>()
  #options: MockOptions
  readonly hardware: MockHardware

  constructor(options: MockOptions = {}) {
    this.#options = options
    this.hardware = new MockHardware(options.desk ?? 'mixed', {
      send: (update) => this.send(update),
      enroll: (...about) => this.#enroll(...about),
      cable: (board, state) => this.cable(board, state),
    })
    const n = options.boards ?? 6
    for (let i = 0; i < n; i++) this.#invent(i)
    if (options.physical) this.#enroll('nano33ble', '/dev/ttyACM9', 'usb-1-2', false, 'nano-on-the-desk', 'sensor')
  }

  async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    this.calls.push({ method, params })
    await new Promise((r) => setTimeout(r, this.#options.tickMs ? 30 : 0))
    const refusal = this.refuse[method]
    if (refusal) throw refusal
    const answer: unknown = this.#answer(method, params as Record<string, never>)
    return answer as Result<M>
  }

  async subscribe(listener: (update: Update | Opening) => void): Promise<void> {
    this.#listener = listener
    if (this.#options.failOpen) {
      listener({ type: 'open_failed', error: this.#options.failOpen })
      return
    }
    listener({ type: 'opening', step: 'Opening the store' })
    listener({ type: 'ready', notice: null, attached: false, recovered: this.#options.recovered ?? null })
    if (this.#options.tickMs) setInterval(() => this.tick(), this.#options.tickMs)
  }

  async watch(boards: string[]): Promise<void> {
    this.watched = new Set(boards)
  }

  async onFileDrag(listener: (drag: FileDrag) => void): Promise<void> {
    this.drag = listener
    if (typeof window !== 'undefined') Object.assign(window, { mock: this })
  }

  async chooseModules(): Promise<string[]> {
    return ['/home/me/apps/sensor.wasm']
  }

  async chooseSavePath(suggested: string): Promise<string> {
    return `/home/me/${suggested}`
  }

  async chooseOpenPath(): Promise<string> {
    return '/home/me/before.snap'
  }

  painted(): void {}

  async renderer(): Promise<RendererState> {
    return { without_dmabuf: false, remembered: false }
  }

  async resetRenderer(): Promise<RendererState> {
    return this.renderer()
  }

  remember(): void {}

  async onRemembered(): Promise<void> {}

  async openSource(path: string): Promise<void> {
    this.opened = path
  }

  async openScope(boards: string[]): Promise<void> {
    this.scoped = boards
  }

  async popOut(card: string, board: string): Promise<void> {
    window.open(`?card=${card}&board=${board}`)
  }

  async zoom(factor: number): Promise<void> {
    this.zoomed = factor
    // A test's document does not lay out.
    if (!import.meta.env.TEST) document.documentElement.style.setProperty('zoom', String(factor))
  }

  async copy(text: string): Promise<void> {
    this.copied = text
  }

  /** Sends nothing more: running work would continue in the window of the next test. */
  close(): void {
    this.#listener = () => {}
  }

  send(update: Update): void {
    const close = update.type === 'logs' || update.type === 'metrics' || update.type === 'app_samples' || update.type === 'leds'
    if (close && !this.watched.has(update.board)) return
    this.#listener(update)
  }

  put(board: BoardView): void {
    this.boards.set(board.id, board)
    this.send({ type: 'board', revision: ++this.#revision, board })
  }

  change(id: string, change: (board: BoardView) => void): BoardView {
    const board = structuredClone(this.boards.get(id)!)
    change(board)
    this.put(board)
    return board
  }

  log(id: string, source: string, text: string, level = 'info', timeMs = Date.now()): void {
    const lines = this.#logs.get(id) ?? []
    this.#logs.set(id, lines)
    const line = { sequence: lines.length + 1, time_ms: timeMs, uptime_ms: null, source, level, text }
    lines.push(line)
    this.send({ type: 'logs', board: id, lines: [line] })
  }

  tick(): void {
    this.hardware.tick()
    for (const board of [...this.boards.values()].slice(0, 8)) {
      if (board.device?.session == null) continue
      const sample = this.#sample(board, Date.now())
      this.change(board.id, (b) => {
        b.metrics = sample
        b.device!.heard_ms = Date.now()
        b.device!.uptime_ms = (b.device!.uptime_ms ?? 0) + 1000
      })
      this.send({ type: 'metrics', board: board.id, samples: [sample] })
      if (board.leds.length > 0) {
        const [led] = board.leds
        this.change(board.id, (b) => (b.leds[0]!.lit = !led!.lit))
      }
      if (board.apps.some((a) => a.name === 'sensor' && a.state === 'running')) {
        this.log(board.id, 'sensor', `t=${(23.4 + Math.sin(Date.now() / 9000)).toFixed(2)} °C rh=41.8 %`)
      }
    }
  }

  #partsOf(id: string): PartView[] {
    const parts = this.#parts.get(id) ?? (this.#options.parts ? mockParts() : [])
    this.#parts.set(id, parts)
    return parts
  }

  #answer(method: Method, params: Record<string, never>): unknown {
    switch (method) {
      case 'system.info':
        return {
          version: '0.1.0',
          commit: '0d2e6c7',
          schema: 1,
          data_dir: '/home/me/.local/share/drydock',
          temporary: false,
          gateway: 'gateway-7f31',
          sessions: 4,
          pairing: false,
          engines: [{ name: 'builtin', available: true, detail: 'builtin 0.1.0' }],
        }
      case 'system.diagnostics':
        return { text: MOCK_MARKER }
      case 'app.samples':
        return ['blink', 'sensor', 'trap'].map((name) => ({ name, size_bytes: 5432 }))
      case 'board.kinds':
        return this.kinds
      case 'board.list':
        return { revision: this.#revision, boards: [...this.boards.values()] }
      case 'board.get':
        return this.#get(params)
      case 'board.add': {
        const board = this.#invent(this.boards.size)
        board.badge = 'connecting'
        board.badge_detail = 'booting'
        board.apps = []
        this.put(board)
        return board
      }
      case 'board.remove': {
        const { id } = this.#get(params)
        this.boards.delete(id)
        this.send({ type: 'board_removed', revision: ++this.#revision, board: id })
        return {}
      }
      case 'board.rename':
        return this.change(this.#get(params).id, (b) => (b.name = params['name']!))
      case 'firmware.preview': {
        const { path } = params['firmware'] as unknown as { path: string }
        const name = path.split('/').at(-1)!
        const refused = name === 'zeros.bin' ? `${name} is no firmware for this board: its stack pointer is in no RAM.` : null
        const start = refused === null ? 'It starts at 0x10000, as programs on this board do.' : null
        const verdict = (board: string) => ({ board, refused, start })
        return { name, format: 'ELF file', boards: (params['boards'] as unknown as string[]).map(verdict), kinds: [verdict('nano33ble')] }
      }
      case 'board.firmware': {
        const given = params['firmware'] as unknown as FirmwareFile | null
        return this.change(this.#get(params).id, (b) => {
          b.firmware = given && {
            name: given.path.split('/').at(-1)!,
            file: given,
            format: 'ELF file',
            sha256: 'ab'.repeat(32),
            bytes: 12_083,
            start: 'It starts at 0x10000, as programs on this board do.',
            terminal: `${b.id}:0`,
            links: false,
          }
          b.badge = given ? 'own_firmware' : 'connecting'
          b.badge_detail = given ? 'own firmware, no identity' : 'booting'
        })
      }
      case 'parts.list':
        return this.#partsOf(this.#get(params).id)
      case 'parts.load':
      case 'parts.save': {
        const { id } = this.#get(params)
        const { part: name, file } = params as unknown as { part: string; file: string }
        const part = this.#partsOf(id).find((part) => part.name === name)!
        return method === 'parts.load' ? structuredClone(part) : { path: file, bytes: part.content_bytes ?? 0 }
      }
      case 'parts.set': {
        const { id } = this.#get(params)
        const set = params as unknown as { part: string; property: string; value: number }
        const part = this.#partsOf(id).find((part) => part.name === set.part)!
        const property = part.properties.find((property) => property.name === set.property)!
        if (set.value < property.min || set.value > property.max)
          throw {
            code: 'usage',
            message: `\`${property.name}\` is ${set.value}, outside ${property.min} to ${property.max} ${property.unit}`,
            detail: null,
          } satisfies ApiError
        property.value = set.value
        return structuredClone(part)
      }
      case 'board.label':
        return (params['boards'] as unknown as string[]).map((board) =>
          this.change(board, (b) => {
            const [add, remove] = [params['add'], params['remove']] as unknown as [string[], string[]]
            b.labels = [...new Set([...b.labels, ...add])].filter((label) => !remove.includes(label)).sort()
          }),
        )
      case 'board.power':
        return this.change(this.#get(params).id, (b) => switchMachine(b, params['action']!))
      case 'board.button':
        this.change(this.#get(params).id, (b) => (b.buttons[0]!.pressed = params['pressed']!))
        return {}
      case 'app.preview': {
        const name = nameOf(params)
        return {
          name,
          version: params['version'] ?? '0.1.0',
          plan: this.plan,
          size_bytes: 12_083,
          memory_bytes: 4096,
          granted: ['log', 'metrics', 'timer'],
          needs_consent: name === 'door' ? ['gpio:7'] : [],
          boards: (params['boards'] as unknown as string[]).map((board) => ({
            board,
            refused:
              name === 'notes'
                ? `${this.boards.get(board)?.name}: notes.txt is not a WebAssembly module.`
                : (this.cannot.get(board) ?? null),
            granted: ['log', 'metrics', 'timer', 'gpio:13'],
          })),
        }
      }
      case 'app.deploy': {
        const boards = params['boards'] as unknown as string[]
        for (const id of boards) this.#deploy(id, nameOf(params))
        return { app: nameOf(params), version: params['version'] ?? '0.1.0', digest: 'ab', boards, refused: [] }
      }
      case 'snapshot.list':
        return [{ name: 'snapshot-1', virtual_time_s: 41.5, taken_ms: Date.now() - 40_000, imported: false }]
      case 'profile.start':
        this.#profiled.add(this.#get(params).id)
        return mockProfile(this.#get(params).name, true)
      case 'profile.view':
        return mockProfile(this.#get(params).name, this.#profiled.has(this.#get(params).id))
      case 'profile.export':
        return { path: params['path'], base64: btoa(JSON.stringify(mockCalls())) }
      case 'gdb.view':
      case 'gdb.open':
      case 'gdb.close':
        if (isProbeId(String(params['board']))) return this.hardware.answer(method, params)
        return { board: this.#get(params).name, state: 'closed', address: null, program: null, command: null, text: null }
      case 'monitor.view':
        return { board: this.#get(params).name, prompt: '(nano33ble) ', history: ['version'] }
      case 'monitor.execute':
        return params['line'] === 'version'
          ? { text: 'Renode, version 1.16.1', refused: false }
          : { text: `No such command or device: ${params['line']}`, refused: true }
      case 'app.start':
      case 'app.stop': {
        const state = method === 'app.start' ? 'running' : 'stopped'
        this.change(this.#get(params).id, (b) => {
          for (const app of b.apps) if (app.name === params['app']) Object.assign(app, { state, failure: null })
        })
        return {}
      }
      case 'app.remove':
      case 'app.cancel':
        this.change(this.#get(params).id, (b) => (b.apps = b.apps.filter((a) => a.name !== params['app'])))
        return {}
      case 'logs.query':
        return { lines: this.#logs.get(this.#get(params).id) ?? [], dropped: 0 }
      case 'metrics.query':
        return this.#series(this.#get(params).id, params['window_s']!)
      case 'metrics.export':
        return { path: params['path'], base64: null }
      case 'recording.keep': {
        const { name } = this.#get(params)
        const file = `/home/me/recordings/${name}.drydock-rec`
        const state = 'stopped'
        const [bytes, seconds] = [4_096, 600]
        return { id: name, file, boards: [name], state, began_ms: Date.now() - 600_000, seconds, bytes, max_bytes: bytes, lost: 0, reason: '' }
      }
      case 'activity.list':
        return activityOf([...this.boards.values()].slice(0, 30))
      case 'pairing.set':
        return {}
      default:
        return this.hardware.answer(method, params)
    }
  }

  /** Changes the state of a physical board's cable. */
  cable(name: string, state: CableState): void {
    const board = [...this.boards.values()].find((b) => b.name === name)
    if (board?.cable) this.change(board.id, (b) => (b.cable!.state = state))
  }

  #enroll(kind: string, port: string | null, topology: string | null, isVirtual: boolean, name: string, app: string | null): string {
    const board = this.#invent(this.boards.size)
    this.boards.delete(board.id)
    const names = new Set([...this.boards.values()].map((b) => b.name))
    let n = 1
    while (names.has(name.replaceAll('{n}', String(n)))) n += 1
    Object.assign(board, {
      name: name.replaceAll('{n}', String(n)),
      kind,
      title: titles[kind] ?? kind,
      machine: null,
      cable: { port, topology, state: 'connected', is_virtual: isVirtual },
      apps: app === null ? [] : [appOf(app, '0.1.0', 'running')],
      badge: app === null ? 'idle' : 'running',
      badge_detail: app === null ? 'no app' : `${app} 0.1.0`,
    })
    this.put(board)
    return board.name
  }

  #get(params: Record<string, never>): BoardView {
    const ref: string = params['board']!
    const board = this.boards.get(ref) ?? [...this.boards.values()].find((b) => b.name === ref)
    if (!board) throw { code: 'not_found', message: `There is no board ${ref}.`, detail: null } satisfies ApiError
    return board
  }

  #deploy(id: string, name: string): void {
    let done = 0
    const app: AppView = { ...appOf(name, '0.1.0', 'deploying'), progress: { done_bytes: 0, total_bytes: 12_083 } }
    this.change(id, (b) => {
      b.apps = [...b.apps.filter((a) => a.name !== name), app].sort((a, c) => a.name.localeCompare(c.name))
      b.badge = 'deploying'
      b.badge_detail = `writing ${name} 0.1.0`
    })
    const step = () => {
      done = Math.min(12_083, done + 2048)
      this.change(id, (b) => {
        const own = b.apps.find((a) => a.name === name)
        if (!own) return
        const finished = done === 12_083
        own.progress = finished ? null : { done_bytes: done, total_bytes: 12_083 }
        own.state = finished ? 'running' : 'deploying'
        if (finished) Object.assign(b, { badge: 'running', badge_detail: `${name} 0.1.0` })
      })
      if (done < 12_083) setTimeout(step, 120)
    }
    setTimeout(step, 120)
  }

  #invent(i: number): BoardView {
    const now = Date.now()
    const badges = ['running', 'running', 'deploying', 'connecting', 'failed', 'unknown', 'idle', 'degraded'] as const
    const badge = i < 8 ? badges[i]! : badges[[0, 0, 0, 0, 6][i % 5]!]!
    const names = ['bench-1', 'bench-2', 'greenhouse-03', 'greenhouse-04', 'bench-3', 'roof-1']
    const connected = !['connecting', 'unknown'].includes(badge)
    const sensor = appOf('sensor', '1.2.0', badge === 'deploying' ? 'deploying' : 'running')
    if (badge === 'deploying') sensor.progress = { done_bytes: 9421, total_bytes: 16_384 }
    const blink: AppView = {
      ...appOf('blink', '0.3.1', 'failed'),
      ended_ms: now - 12_000,
      failure: {
        reason: 'trap',
        export: 'set_pattern',
        detail: 'Unreachable code was executed in set_pattern.',
        exit_code: null,
      },
    }
    const apps = badge === 'failed' ? [blink] : badge === 'idle' || badge === 'unknown' ? [] : i === 0 ? [blink, sensor] : [sensor]
    const details: Record<string, string> = {
      running: 'sensor 1.2.0',
      deploying: 'writing sensor 1.2.0',
      connecting: 'connecting, try 2',
      failed: 'blink failed: trap',
      unknown: 'not heard for 3 min',
      idle: 'no app',
      degraded: 'sensor is at 1.1.4',
    }
    const board: BoardView = {
      id: `b-${(0x3f9a0c + i * 7919).toString(16)}`,
      name: names[i] ?? (i === 7 ? 'a-board-with-a-name-that-somebody-made-far-too-long-for-any-list' : `rack-${i}`),
      labels: i % 3 === 0 ? ['lab'] : [],
      kind: 'nano33ble',
      title: 'Arduino Nano 33 BLE',
      chip: 'nRF52840',
      badge,
      badge_detail: details[badge]!,
      machine: {
        engine: 'builtin',
        state: 'running',
        pace: 'realtime',
        virtual_time_s: 11_520 + i,
        instructions: 4_000_000,
        mips: 41.2,
        speed: 1.0,
        exit_code: null,
        seed: '5eed',
        fault: null,
      },
      cable: null,
      device: {
        id: `d-${i}`,
        chip_id: '0123456789abcdef',
        state: connected ? 'connected' : 'disconnected',
        firmware: '0.1.0',
        heard_ms: now - (connected ? 900 : 190_000),
        uptime_ms: 11_520_000,
        session: connected ? i : null,
        reset_reason: 'power-on',
        last_fault: null,
      },
      apps,
      leds: [
        { name: 'LED', pin: 'P0.13', color: 'amber', lit: true },
        { name: 'PWR', pin: 'P1.09', color: 'green', lit: true },
        { name: 'RGB R', pin: 'P0.24', color: 'red', lit: false },
        { name: 'RGB G', pin: 'P0.16', color: 'green', lit: false },
        { name: 'RGB B', pin: 'P0.06', color: 'blue', lit: false },
      ],
      buttons: [{ name: 'Button', pin: 'P1.11', pressed: false }],
      metrics: null,
      firmware: null,
    }
    if (i === 7) board.labels = ['a-label-of-thirty-two-characters', 'lab', 'on-the-roof', 'rack-2']
    if (i === 7) board.apps = [{ ...sensor, name: 'an-app-whose-name-is-32-letters-' }, trespasser(now)]
    if (i === 8) {
      Object.assign(board, { name: 'hifive-1', kind: 'hifive1-revb', title: 'HiFive1 Rev B', chip: 'FE310-G002', apps: [] })
      Object.assign(board, { badge: 'idle', badge_detail: 'unauthenticated', device: null })
    }
    this.boards.set(board.id, board)
    if (i < 8) this.#history(board, now)
    return board
  }

  #history(board: BoardView, now: number): void {
    for (let k = TICKS_BEFORE; k > 0; k--) {
      if (k > 20 && k < 25) continue
      board.metrics = this.#sample(board, now - k * 1000)
    }
    this.log(board.id, 'fw', 'session resumed · TLS 1.3 · 1-RTT 38 ms', 'info', now - 40_000)
    for (let k = 12; k > 0; k--) {
      this.log(board.id, 'sensor', `t=${(23.4 + Math.sin(k)).toFixed(2)} °C rh=41.8 %`, 'info', now - k * 1000)
    }
    if (board.apps.some((a) => a.state === 'failed')) {
      this.log(board.id, 'blink', 'trap: unreachable executed in set_pattern (blink.wasm+0x1c4)', 'error', now - 500)
      this.log(board.id, 'fw', 'blink stopped after its trap', 'warn', now - 400)
    }
  }

  #sample(board: BoardView, timeMs: number): MetricSample {
    const samples = this.#samples.get(board.id) ?? []
    this.#samples.set(board.id, samples)
    const wave = Math.sin(timeMs / 7000) + Math.sin(timeMs / 2300) / 2
    const sample: MetricSample = {
      time_ms: timeMs,
      uptime_ms: 11_520_000,
      sequence: samples.length,
      cpu_percent: 38 + 9 * wave,
      heap_used_bytes: 71_000 + Math.floor(timeMs / 9000) % 5 * 900,
      heap_peak_bytes: 81_000,
      heap_total_bytes: 128 << 10,
      stack_peak_bytes: 9_120,
      stack_total_bytes: 24 << 10,
      link_retries: 2,
      link_errors: 0,
      temperature_c: 31.5,
      values_refused: 0,
      apps: board.apps
        .filter((a) => a.state === 'running')
        .map((a) => ({
          app: a.name,
          fuel_per_s: 1.9e6 + 2e5 * wave,
          fuel: 9e9,
          memory_bytes: 6_300,
          heap_bytes: 14_000,
          host_calls: 1200,
          traps: 0,
          callback_max_us: 410,
          values: [],
          values_dropped: 0,
        })),
    }
    samples.push(sample)
    return sample
  }

  #series(id: string, windowS: number): Series[] {
    const from = Date.now() - windowS * 1000
    const samples = (this.#samples.get(id) ?? []).filter((s) => s.time_ms >= from)
    const times: number[] = []
    const rows: Array<MetricSample | null> = []
    for (const s of samples) {
      const last = times.at(-1)
      if (last !== undefined && s.time_ms - last > 2500) {
        times.push(last + 1)
        rows.push(null)
      }
      times.push(s.time_ms)
      rows.push(s)
    }
    const series = (sid: string, title: string, unit: string, max: number | null, f: (s: MetricSample) => number | undefined) => ({
      id: sid,
      title,
      unit,
      max,
      times_ms: times,
      values: rows.map((s) => (s ? (f(s) ?? null) : null)),
    })
    if (samples.length === 0) return []
    return [
      series('cpu', 'CPU busy', '%', 100, (s) => s.cpu_percent),
      series('heap', 'Heap', 'B', 128 << 10, (s) => s.heap_used_bytes),
      series('stack', 'Stack, deepest', 'B', 24 << 10, (s) => s.stack_peak_bytes),
      series('temperature', 'Chip temperature', '°C', null, (s) => s.temperature_c ?? undefined),
      ...[...new Set(samples.flatMap((s) => s.apps.map((a) => a.app)))].map((app) =>
        series(`fuel:${app}`, `${app} · fuel`, '/s', null, (s) => s.apps.find((a) => a.app === app)?.fuel_per_s),
      ),
    ]
  }
}

function trespasser(now: number): AppView {
  return {
    ...appOf('trespass', '0.1.0', 'failed'),
    failure: { reason: 'capability-denied', export: 'tick', detail: 'gpio_write: gpio:7 is not granted', exit_code: null },
    ended_ms: now - 125_000,
  }
}

function activityOf(boards: BoardView[]): ActivityEntry[] {
  const events: Array<[ActivityEntry['event'], string]> = [
    ['app.running', 'sensor 1.2.0 is running.'],
    ['device.connected', 'The board is connected.'],
    ['app.trapped', 'blink 0.3.1 failed in set_pattern: trap (unreachable); the board runs on.'],
    ['device.unreachable', 'The board is silent.'],
  ]
  return boards.map((b, i) => {
    const [event, text] = events[i % events.length]!
    return { revision: 100 - i, time_ms: Date.now() - i * i * 647_000, event, board: b.name, text }
  })
}

/** As in the workbench: a board that is off has no session. */
function switchMachine(board: BoardView, action: string): void {
  const state = action === 'off' ? 'off' : action === 'pause' ? 'paused' : 'running'
  board.machine!.state = state
  if (state === 'off') {
    board.metrics = null
    Object.assign(board.device!, { session: null, state: 'disconnected' })
  } else if (action === 'on') Object.assign(board.device!, { session: 1, state: 'connected', heard_ms: Date.now() })
  board.badge = state === 'running' ? (board.apps.some((a) => a.state === 'running') ? 'running' : 'idle') : state
  board.badge_detail = { off: 'switched off', paused: 'paused', running: 'on' }[state]
}

function appOf(name: string, version: string, state: AppView['state']): AppView {
  return {
    name,
    version,
    state,
    failure: null,
    progress: null,
    digest: '9f2c4e',
    size_bytes: 12_083,
    capabilities: ['log', 'metrics', 'timer'],
    ended_ms: null,
    asked: false,
  }
}

function nameOf(params: Record<string, unknown>): string {
  const source = params['source'] as { path?: string; sample?: string; bytes?: { name: string } }
  const file = source.path ?? source.bytes?.name ?? source.sample ?? 'app'
  return file.split('/').at(-1)!.replace(/\.\w+$/, '')
}

// Ports, probes, terminals, jobs and virtual boards of the stand-in. A tick moves everything by one step.
import { isProbeId, kindBehind } from '../connect/attached'
import type { Method } from './backend'
import { mockSamples } from './mock-profile'
import type {
  ApiError,
  AccessView,
  CableRef,
  CandidateView,
  Confidence,
  ConsoleChunk,
  ConsoleView,
  GdbOpen,
  GdbView,
  Evidence,
  Hardware,
  JobKind,
  JobState,
  JobView,
  LabelSheet,
  PortView,
  ProbeMemory,
  ProbeRead,
  ProbeRegisters,
  ProfileSample,
  ProfileSampled,
  ProbeView,
  ProvisionStart,
  Update,
  VirtualAdd,
  VirtualBoardView,
} from './generated'

/** What hangs on the desk at first: a bit of everything, nothing, or 32 equal boards on hubs. */
export type Desk = 'mixed' | 'none' | 'rack'

/** What the hardware needs of the rest of the stand-in. */
export interface Around {
  send(update: Update): void
  /** Puts a physical board into the fleet and gives its name. */
  enroll(kind: string, port: string | null, topology: string | null, isVirtual: boolean, name: string, app: string | null): string
  cable(board: string, state: 'connected' | 'unplugged' | 'lent'): void
}

export const titles: Record<string, string> = {
  'nano33ble': 'Arduino Nano 33 BLE',
  'esp32-c6': 'ESP32-C6-DevKitC-1',
  'stm32f4-discovery': 'STM32F4 Discovery',
  'hifive1-revb': 'HiFive1 Rev B',
}

interface Work {
  steps: Array<[name: string, bytes: number]>
  /** The step that fails the first time. */
  fails: number | null
  at: number
  start: ProvisionStart | null
}

export class MockHardware {
  readonly hardware: Hardware = { ports: [], probes: [], dfu: [], virtual_boards: [] }
  readonly jobs = new Map<number, JobView>()
  readonly consoles = new Map<string, ConsoleView>()
  /** Ports whose next job fails in its third step, for tests and screenshots. */
  readonly failing = new Set<string>()
  #work = new Map<number, Work>()
  /** What ends the profile over a probe. */
  #sampling = new Map<string, () => void>()
  /** The ports for debuggers that are open, by the id of the probe. */
  readonly gdb = new Map<string, GdbView>()
  #registersRead = 0
  #around: Around
  #ticks = 0
  #topologies = 0

  constructor(desk: Desk, around: Around) {
    this.#around = around
    if (desk === 'mixed') this.#mixed()
    if (desk === 'rack') for (let i = 0; i < 32; i++) this.#rackPort(i)
  }

  /** The answer to a method of this part; undefined for the methods of others. */
  answer(method: Method, params: Record<string, unknown>): unknown {
    switch (method) {
      case 'hardware.list':
        return structuredClone(this.hardware)
      case 'hardware.allow':
        for (const port of this.hardware.ports) if (port.access.type === 'denied' && port.access.rule_helps) port.access = { type: 'usable' }
        this.#told()
        return { text: 'The rule is installed in /etc/udev/rules.d/70-drydock.rules. Boards that are plugged in can be used now.' }
      case 'port.lend':
        return this.#lend(String(params['path']), true)
      case 'port.take_back':
        return this.#lend(String(params['path']), false)
      case 'console.open':
        return this.#open(String(params['path']), Number(params['baud']), params['kind'] as string | null)
      case 'profile.sample':
        return this.#sample(params as unknown as ProfileSample)
      case 'profile.sample_stop': {
        const stop = this.#sampling.get(String(params['probe'])) ?? raise(`No profile is being sampled over ${params['probe']}.`)
        stop()
        return {}
      }
      case 'probe.registers':
        return this.#registers(String(params['probe']))
      case 'probe.read':
        return this.#memory(params as unknown as ProbeRead)
      case 'gdb.open':
        return this.#debug(params as unknown as GdbOpen)
      case 'gdb.view':
        return structuredClone(this.gdb.get(String(params['board'])) ?? noGdb(String(params['board'])))
      case 'gdb.close': {
        const probe = String(params['board'])
        this.gdb.delete(probe)
        this.#use(refOf(probe), null)
        return noGdb(probe)
      }
      case 'console.send':
        this.#receive(String(params['path']), String(params['base64']))
        return {}
      case 'console.read': {
        const view = this.#console(String(params['path']))
        const after = params['after'] as number | null
        return { ...view, chunks: view.chunks.filter((chunk) => after === null || chunk.sequence > after) }
      }
      case 'console.close': {
        const path = String(params['path'])
        this.consoles.delete(path)
        this.#use(refOf(path), null)
        return {}
      }
      case 'flash.start':
      case 'flash.backup':
      case 'flash.erase':
        return this.#begin(method === 'flash.start' ? 'flash' : method === 'flash.backup' ? 'backup' : 'erase', params)
      case 'provision.start': {
        const start = params as unknown as ProvisionStart
        return start.on.map((on) => this.#begin('provision', { ...start, on }))
      }
      case 'job.list':
        return [...this.jobs.values()]
      case 'job.get':
        return this.#job(Number(params['id']))
      case 'job.cancel':
        return this.#end(Number(params['id']), 'cancelled', 'Cancelled. Nothing more is written; provision the board again to use it.')
      case 'job.resume':
        return this.#resume(Number(params['id']))
      case 'evidence.list':
        return this.#evidence()
      case 'evidence.export':
        return { path: params['path'], base64: null }
      case 'labels.make':
        return this.#labels(String(params['path']))
      case 'virtual.add':
        return this.addVirtual(params as unknown as VirtualAdd)
      case 'virtual.remove':
        this.#unplug(this.#virtual(String(params['name'])))
        this.hardware.virtual_boards = this.hardware.virtual_boards.filter((board) => board.name !== params['name'])
        this.#told()
        return {}
      case 'virtual.cable': {
        const board = this.#virtual(String(params['name']))
        if (params['action'] === 'pull') this.#unplug(board)
        else this.#plug(board)
        this.#told()
        return board
      }
    }
    return undefined
  }

  /** Moves jobs by one step, lets terminals speak, and lets one port come and go. */
  tick(): void {
    this.#ticks += 1
    for (const job of [...this.jobs.values()]) if (job.state === 'running') this.advance(job.id)
    for (const path of this.consoles.keys()) {
      if (this.#ticks % 3 === 0) this.#receive(path, btoa(`tick ${this.#ticks} temperature=23.${this.#ticks % 10}\r\n`))
    }
    if (this.hardware.ports.length > 1 && this.#ticks % 12 === 6) this.plug(port('/dev/ttyUSB7', 'usb-1-7', ch340, maybe))
    if (this.#ticks % 12 === 0) this.unplug('/dev/ttyUSB7')
  }

  plug(added: PortView): void {
    if (this.hardware.ports.some(({ path }) => path === added.path)) return
    this.hardware.ports.push(added)
    this.#consoleState(added.path, true)
    this.#told()
  }

  unplug(path: string): void {
    const before = this.hardware.ports
    this.hardware.ports = before.filter((p) => p.path !== path)
    if (this.hardware.ports.length === before.length) return
    this.#consoleState(path, false)
    for (const job of this.jobs.values()) {
      if (job.state === 'running' && job.on.port === path) {
        this.#end(job.id, 'failed', `The cable of ${path} was pulled out. Plug the board in again at the same place, then resume.`)
      }
    }
    this.#told()
  }

  unplugProbe(id: string): void {
    this.hardware.probes = this.hardware.probes.filter((p) => p.id !== id)
    this.#consoleState(id, false)
    this.#told()
  }

  /** One step of a job. */
  advance(id: number): void {
    const job = structuredClone(this.#job(id))
    const work = this.#work.get(id)!
    const step = job.steps[work.at]
    if (job.state !== 'running' || !step) return
    step.state = 'running'
    job.text = `${step.name}…`
    if (work.fails === work.at && (step.total_bytes === 0 || step.done_bytes > 0)) {
      work.fails = null
      this.#put(job)
      this.#end(id, 'failed', `${step.name}: the board on ${job.on.port ?? job.on.probe} stopped answering. Check its cable, then resume.`)
      return
    }
    step.done_bytes = Math.min(step.total_bytes, step.done_bytes + 65_536)
    if (step.done_bytes === step.total_bytes) {
      step.state = 'done'
      work.at += 1
      if (work.at === 1) job.chip = '7d3f9a0c1b2e4455'
    }
    this.#put(job)
    if (work.at === job.steps.length) this.#finish(id)
  }

  /** Carries all running jobs to their end. */
  finish(): void {
    for (const job of [...this.jobs.values()]) {
      for (let i = 0; i < 100 && this.#job(job.id).state === 'running'; i++) this.advance(job.id)
    }
  }

  /** Text that arrives at a terminal. */
  says(path: string, bytes: string): void {
    this.#receive(path, btoa(bytes))
  }

  addVirtual(add: VirtualAdd): VirtualBoardView {
    const taken = new Set(this.hardware.virtual_boards.map(({ name }) => name))
    let n = 1
    while (taken.has(`desk-${n}`)) n += 1
    const board: VirtualBoardView = {
      name: add.name ?? `desk-${n}`,
      kind: add.kind,
      plugged: false,
      port: null,
      probe: null,
      dfu: null,
      usbip: null,
      runs: add.blank ? 'nothing' : 'firmware',
    }
    this.hardware.virtual_boards.push(board)
    this.#plug(board)
    this.#told()
    return board
  }

  #mixed(): void {
    const held: AccessView = {
      type: 'held',
      pid: 4711,
      program: 'ModemManager',
      text: 'ModemManager (process 4711) has opened it. Stop it with “sudo systemctl stop ModemManager”, or tell it to ignore this board.',
    }
    const denied: AccessView = {
      type: 'denied',
      rule_helps: true,
      text: 'Your user may not open it. Allow access once; boards can then be used without being root.',
    }
    this.hardware.ports.push(
      port('/dev/ttyACM0', 'usb-1-1.2', usb(0x2341, 0x805a, 'C0A14F3E21', 'Arduino', 'Nano 33 BLE'), [
        candidate('nano33ble', 'certain', 'USB id 2341:805a belongs to this board alone.'),
      ]),
      port('/dev/ttyUSB0', 'usb-1-1.3', usb(0x10c4, 0xea60, '0001', 'Silicon Labs', 'CP2102N USB to UART Bridge Controller'), [
        candidate('esp32-c6', 'possible', 'The bridge CP2102N (10c4:ea60) is on this board and on many others.'),
      ]),
      port('/dev/ttyACM1', 'usb-1-4', usb(0x0483, 0x374b, '066BFF', 'STMicroelectronics', 'STM32 STLink'), [
        candidate('stm32f4-discovery', 'likely', 'An ST-Link V2-1 is on this board and on other boards of ST.'),
      ]),
      port('/dev/ttyACM2', 'usb-2-1', usb(0x2341, 0x805a, 'C0A14F3E22', 'Arduino', 'Nano 33 BLE'), [candidate('nano33ble', 'certain', 'USB id 2341:805a belongs to this board alone.')], held),
      port('/dev/ttyUSB1', 'usb-2-2', ch340, maybe, denied),
      port('/dev/ttyS0', null, null, []),
    )
    this.hardware.probes.push(
      probe('0483:374b:066BFF', 'ST-Link V2-1', 'usb-1-4', [candidate('stm32f4-discovery', 'likely', 'An ST-Link V2-1 is on this board and on other boards of ST.')]),
      probe('0d28:0204:99021', 'DAPLink CMSIS-DAP', 'usb-1-6', []),
    )
    this.addVirtual({ kind: 'nano33ble', name: null, blank: true, usbip: false, seed: null })
  }

  #rackPort(i: number): void {
    const serial = (0xc0a14f00 + i * 37).toString(16).toUpperCase()
    this.hardware.ports.push(
      port(`/dev/ttyACM${i}`, `usb-1-${1 + (i >> 3)}.${1 + (i % 8)}`, usb(0x2341, 0x805a, serial, 'Arduino', 'Nano 33 BLE'), [
        candidate('nano33ble', 'certain', 'USB id 2341:805a belongs to this board alone.'),
      ]),
    )
  }

  #plug(board: VirtualBoardView): void {
    const topology = `virtual-${++this.#topologies}`
    const reason = 'It is a virtual board of this kind.'
    board.plugged = true
    board.port = `/run/user/1000/drydock/${board.name}`
    const known = candidate(board.kind, 'certain', reason)
    this.hardware.ports.push({ ...port(board.port, topology, null, [known]), is_virtual: true })
    if (board.kind === 'esp32-c6') return
    board.probe = `0000:0000:${board.name}`
    this.hardware.probes.push({ ...probe(board.probe, 'Virtual debug probe', topology, [known]), is_virtual: true })
    this.#consoleState(board.probe, true)
  }

  #unplug(board: VirtualBoardView): void {
    this.hardware.ports = this.hardware.ports.filter(({ path }) => path !== board.port)
    this.hardware.probes = this.hardware.probes.filter(({ id }) => id !== board.probe)
    for (const path of [board.port, board.probe]) if (path !== null) this.#consoleState(path, false)
    Object.assign(board, { plugged: false, port: null, probe: null, dfu: null })
  }

  #lend(path: string, lent: boolean): PortView {
    const found = this.#port(path)
    const board = found.used_by
    found.used_by = lent ? 'lent' : null
    if (board && lent) this.#around.cable(board, 'lent')
    this.#told()
    return structuredClone(found)
  }

  #begin(what: JobKind, params: Record<string, unknown>): JobView {
    const on = params['on'] as CableRef
    const where = this.hardware.ports.find(({ path }) => path === on.port) ?? this.hardware.probes.find(({ id }) => id === on.probe)
    if (!where) throw refuse(`There is no board on ${on.port ?? on.probe} now. Plug it in, then try again.`)
    const steps = stepsOf[what].filter(([name]) => name !== 'Start the first app' || params['app'])
    const job: JobView = {
      id: this.jobs.size + 1,
      what,
      on,
      topology: where.topology,
      kind: String(params['kind']),
      board: null,
      chip: null,
      state: 'running',
      text: 'Looking for the board…',
      steps: steps.map(([name, total_bytes]) => ({ name, state: 'pending', done_bytes: 0, total_bytes })),
      started_ms: Date.now(),
      ended_ms: null,
      evidence: null,
    }
    const fails = this.failing.has(on.port ?? on.probe ?? '') ? Math.min(2, steps.length - 1) : null
    this.#work.set(job.id, { steps, fails, at: 0, start: what === 'provision' ? (params as unknown as ProvisionStart) : null })
    this.#put(job)
    this.#use(on, `job ${job.id}`)
    return structuredClone(job)
  }

  #resume(id: number): JobView {
    const job = structuredClone(this.#job(id))
    Object.assign(job, { state: 'running', text: 'Looking for the board again…', ended_ms: null })
    for (const step of job.steps) if (step.state === 'failed') step.state = 'pending'
    this.#put(job)
    this.#use(job.on, `job ${id}`)
    return job
  }

  #finish(id: number): void {
    const job = structuredClone(this.#job(id))
    const { start } = this.#work.get(id)!
    if (start) {
      const where = [...this.hardware.ports, ...this.hardware.probes].find(({ topology }) => topology === job.topology)
      const app = start.app && 'sample' in start.app ? start.app.sample : null
      job.board = this.#around.enroll(job.kind, job.on.port, job.topology, where?.is_virtual ?? false, start.name ?? 'board-{n}', app)
      job.evidence = `/home/me/.local/share/drydock/evidence/${job.board}.json`
    }
    this.#put(job)
    this.#end(id, 'done', `${doneWords[job.what]}${job.board ? ` It is in the fleet as ${job.board}.` : ''}`)
    if (job.board) this.#use(job.on, job.board)
  }

  #end(id: number, state: JobState, text: string): JobView {
    const job = structuredClone(this.#job(id))
    Object.assign(job, { state, text, ended_ms: Date.now() })
    if (state !== 'done') for (const step of job.steps) if (step.state === 'running') step.state = 'failed'
    this.#put(job)
    this.#use(job.on, null)
    return job
  }

  #put(job: JobView): void {
    this.jobs.set(job.id, job)
    this.#around.send({ type: 'job', job: structuredClone(job) })
  }

  #evidence(): Evidence {
    const ended = [...this.jobs.values()].filter(({ what, state }) => what === 'provision' && state !== 'running')
    const rows = ended.map((job): Evidence['rows'][number] => {
      const passed = job.state === 'done'
      return {
        job: job.id,
        outcome: passed ? 'passed' : 'failed',
        text: passed ? '' : job.text,
        board: job.board,
        kind: job.kind,
        title: titles[job.kind] ?? job.kind,
        chip: passed ? `ebdcd48cf81e20${job.id.toString(16).padStart(2, '0')}` : null,
        place: job.topology ?? job.on.port,
        method: passed ? 'factory bootloader' : null,
        firmware_sha256: passed ? 'ab'.repeat(32) : null,
        firmware_version: passed ? '0.1.0' : null,
        device: passed ? `dev-${job.id.toString(16).padStart(16, '0')}` : null,
        certificate_serial: passed ? '5e4d' : null,
        app: null,
        began_ms: job.started_ms,
        ended_ms: job.ended_ms,
        file: job.evidence,
      }
    })
    return { rows, unreadable: [] }
  }

  #labels(path: string): LabelSheet {
    const boards = this.#evidence().rows.flatMap(({ outcome, board }) => (outcome === 'passed' && board ? [board] : []))
    if (boards.length === 0) throw refuse('No board that passed is in the evidence; provision one first.')
    return { path, base64: null, boards, pages: Math.ceil(boards.length / 27), left_out: [] }
  }

  #use(on: CableRef, by: string | null): void {
    const used = this.hardware.ports.find(({ path }) => path === on.port) ?? this.hardware.probes.find(({ id }) => id === on.probe)
    if (!used) return
    used.used_by = by
    this.#told()
  }

  #open(path: string, baud: number, kind: string | null): ConsoleView {
    if (isProbeId(path)) {
      this.#behind(path, kind)
      const view: ConsoleView = { path, baud: null, open: true, text: NO_RTT, chunks: [], dropped_bytes: 0 }
      this.consoles.set(path, view)
      this.#use(refOf(path), 'console')
      return structuredClone(view)
    }
    this.#port(path)
    const view: ConsoleView = { path, baud, open: true, text: null, chunks: [], dropped_bytes: 0 }
    this.consoles.set(path, view)
    this.#use(refOf(path), 'console')
    this.says(path, '\x1b[1;32mESP-ROM:esp32c6-20220919\x1b[0m\r\nrst:0x1 (POWERON),boot:0xc\r\nready\r\n> ')
    return structuredClone(view)
  }

  #receive(path: string, base64: string): void {
    const view = this.#console(path)
    if (!view.open) throw refuse(`${path} is away. What you send would be lost; wait for the board.`)
    const chunk: ConsoleChunk = { sequence: (view.chunks.at(-1)?.sequence ?? 0) + 1, time_ms: Date.now(), base64 }
    view.chunks.push(chunk)
    view.text = null
    this.#around.send({ type: 'console', console: { ...view, chunks: [chunk] } })
  }

  #consoleState(path: string, open: boolean): void {
    const view = this.consoles.get(path)
    if (!view) return
    Object.assign(view, { open, text: !open ? awayText(path) : isProbeId(path) ? NO_RTT : null })
    this.#around.send({ type: 'console', console: { ...view, chunks: [] } })
  }

  /** The kind of board behind a free probe. */
  #behind(id: string, named: string | null): string {
    const found = this.hardware.probes.find((p) => p.id === id) ?? raise(`There is no debug probe ${id}. Plug it in and try again.`)
    if (found.used_by !== null) throw refuse(`${id} is in use: ${found.used_by}.`)
    return named ?? kindBehind(found) ?? raise(`Drydock cannot tell which board is behind the debug probe ${id}.`)
  }

  /** As long as the real one, so that its progress can be seen. */
  async #sample({ probe, kind, for_s, path }: ProfileSample): Promise<ProfileSampled> {
    const board = this.#behind(probe, kind)
    this.#use(refOf(probe), 'profile')
    const began = performance.now()
    await new Promise<void>((over) => {
      this.#sampling.set(probe, over)
      setTimeout(over, for_s * 1000)
    })
    this.#sampling.delete(probe)
    const seconds = Math.min(for_s, (performance.now() - began) / 1000)
    this.#use(refOf(probe), null)
    const functions = mockSamples()
    const samples = functions.reduce((sum, f) => sum + f.samples, 0)
    const text = `${samples} samples at ${(samples / seconds).toFixed(0)} Hz; while the core sleeps, chips give none or the place where it sleeps; callers are not known.`
    return { kind: board, seconds, samples, functions, text, path }
  }

  #registers(id: string): ProbeRegisters {
    this.#behind(id, '')
    const passed = 0x40 * this.#registersRead++
    const values = [0x2000_1040 + passed, 3, 0x4000_2000, 0, 0x2000_2f10, 0, 0, 0, 0, 0, 0, 0, 0x40]
    const core = { sp: 0x2003_ff28, lr: 0xffff_fff1, pc: 0x0001_4a3c + passed, xpsr: 0x6100_0000, msp: 0x2003_ff28, psp: 0, primask: 0, basepri: 0, faultmask: 0, control: 4 }
    const registers = [...values.map((value, n) => [`r${n}`, value] as const), ...Object.entries(core)].map(([name, value]) => ({ name, value }))
    return { registers, text: 'The core was halted for a moment and runs on.' }
  }

  #memory({ probe, address, length }: ProbeRead): ProbeMemory {
    this.#behind(probe, '')
    const inRam = address >= 0x2000_0000 && address + length <= 0x2004_0000
    if (!inRam && address + length > 0x10_0000) {
      const at = `0x${address.toString(16).padStart(8, '0')}`
      throw { code: 'board', message: `Nothing answers at ${at} in the chip's memory, or the chip refuses the access.`, detail: null } satisfies ApiError
    }
    const words = 'drydock '
    const byte = (at: number) => (at % 64 < 48 ? words.charCodeAt(at % words.length) : (at * 37) & 0xff)
    return { address, base64: btoa(String.fromCharCode(...Array.from({ length }, (_, i) => byte(address + i)))) }
  }

  #debug({ board: probe, port, kind }: GdbOpen): GdbView {
    const known = this.gdb.get(probe)
    if (known) return structuredClone(known)
    const program = `/home/me/.local/share/drydock/debug/${this.#behind(probe, kind)}.elf`
    const address = `127.0.0.1:${port ?? 40_123}`
    const command = `gdb-multiarch -ex 'set architecture arm' -ex 'target remote ${address}' '${program}'`
    const view: GdbView = { board: probe, state: 'waiting', address, program, command, text: null }
    this.gdb.set(probe, view)
    this.#use(refOf(probe), 'debugger')
    return structuredClone(view)
  }

  #told(): void {
    this.#around.send({ type: 'hardware', hardware: structuredClone(this.hardware) })
  }

  #port(path: string): PortView {
    return this.hardware.ports.find((p) => p.path === path) ?? raise(`There is no port ${path} now.`)
  }
  #console(path: string): ConsoleView {
    return this.consoles.get(path) ?? raise(`No terminal is open on ${path}.`)
  }
  #job(id: number): JobView {
    return this.jobs.get(id) ?? raise(`There is no job ${id}.`)
  }
  #virtual(name: string): VirtualBoardView {
    return this.hardware.virtual_boards.find((b) => b.name === name) ?? raise(`There is no virtual board ${name}.`)
  }
}

const stepsOf: Record<JobKind, Array<[string, number]>> = {
  flash: [['Identify the chip', 0], ['Write firmware', 412_672], ['Read back and compare', 412_672], ['Start firmware', 0]],
  backup: [['Identify the chip', 0], ['Read flash', 1 << 20], ['Write the file', 0]],
  erase: [['Identify the chip', 0], ['Erase flash', 0], ['Check that it is blank', 1 << 20]],
  provision: [
    ['Identify the chip', 0],
    ['Write firmware', 412_672],
    ['Read back and compare', 412_672],
    ['Start firmware', 0],
    ['Make the key and enroll', 0],
    ['Start the first app', 0],
    ['Write the evidence file', 0],
  ],
}
const NO_RTT = 'Waits for the program: it has set up no RTT console yet.'
const doneWords: Record<JobKind, string> = {
  flash: 'The firmware is on the board and was read back.',
  backup: 'The flash is in the file.',
  erase: 'The board is blank.',
  provision: 'The board is provisioned.',
}

function noGdb(board: string): GdbView {
  return { board, state: 'closed', address: null, program: null, command: null, text: null }
}
function refOf(path: string): CableRef {
  return isProbeId(path) ? { port: null, probe: path, dfu: null } : { port: path, probe: null, dfu: null }
}
function awayText(path: string): string {
  if (isProbeId(path)) return 'Waits for the board: its probe is away.'
  return `${path} is away. The terminal opens it again when the board comes back.`
}

function usb(vendor: number, product: number, serial: string | null, manufacturer: string, product_name: string): PortView['usb'] {
  return { vendor, product, serial, manufacturer, product_name }
}
const ch340 = usb(0x1a86, 0x7523, null, 'QinHeng Electronics', 'USB Serial')
const maybe = [candidate('esp32-c6', 'possible', 'The bridge CH340 (1a86:7523) is on many boards.')]

export function candidate(kind: string, confidence: Confidence, reason: string): CandidateView {
  return { kind, title: titles[kind] ?? kind, confidence, reason }
}

export function port(
  path: string,
  topology: string | null,
  usbOf: PortView['usb'],
  candidates: CandidateView[],
  access: AccessView = { type: 'usable' },
): PortView {
  return { path, topology, usb: usbOf, is_virtual: false, candidates, access, used_by: null }
}

export function probe(id: string, name: string, topology: string | null, candidates: CandidateView[]): ProbeView {
  return { id, name, serial: id.split(':')[2] ?? null, topology, is_virtual: false, candidates, access: { type: 'usable' }, used_by: null }
}

function refuse(message: string): ApiError {
  return { code: 'refused', message, detail: null }
}
function raise(message: string): never {
  throw { code: 'not_found', message, detail: null } satisfies ApiError
}

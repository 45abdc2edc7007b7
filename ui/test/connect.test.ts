// The logic of the Connect room: grouping, words, jobs, the terminal's decoder, what is typed.
import { describe, expect, it } from 'vitest'
import type { CandidateView, DfuView, Hardware, JobStep, JobView, PortView, ProbeView, VirtualBoardView } from '$lib/backend/generated'
import { candidate, MockHardware, port, probe } from '$lib/backend/mock-hardware'
import {
  attachedOf,
  blockedBy,
  boardOf,
  confidenceWord,
  doubt,
  failedOn,
  isProbeId,
  jobOn,
  kept,
  kindBehind,
  kindFor,
  kindToName,
  reasonOf,
  shortPath,
  uncertain,
  useOf,
  loneDfu,
  loneProbes,
  nameOf,
  noWay,
  subjectOf,
  waysTo,
  whyNot,
  type Attached,
  type Doing,
} from '$lib/connect/attached'
import { addressOf, appName, baudOf, names, namingProblem, needsAddress, wordsOf } from '$lib/connect/forms'
import { ending, filtered, isResumable, jobFraction, joined, KEPT_JOBS, stepBytes, stepFraction, tally, withJob } from '$lib/connect/jobs'
import { fromBase64, hexRows, MOST_BYTES, MOST_COLUMNS, MOST_LINES, Terminal, toBase64, typedBytes } from '$lib/connect/terminal'

const nano = candidate('nano33ble', 'certain', 'Its USB id says so.')
const maybe = candidate('esp32-c6', 'possible', 'A common bridge.')
const likely = candidate('stm32f4-discovery', 'likely', 'An ST-Link.')
const hardware = (ports: PortView[], probes: ProbeView[] = [], rest: Partial<Hardware> = {}): Hardware => ({ ports, probes, dfu: [], virtual_boards: [], ...rest })
const one = (ports: PortView[], probes: ProbeView[] = []) => attachedOf(hardware(ports, probes))[0]!
const nobody = () => false
const title = (kind: string) => kind

describe('devices in DFU mode', () => {
  const waiting = (id: string, topology: string | null): DfuView => ({
    id,
    usb: { vendor: 0x0483, product: 0xdf11, serial: null, manufacturer: null, product_name: 'STM32 BOOTLOADER' },
    topology,
    is_virtual: false,
    candidates: [likely],
    access: { type: 'usable' },
    used_by: null,
  })

  it('stand with the port of their place, or alone', () => {
    const rows = attachedOf(hardware([port('/dev/ttyUSB0', 'usb-1-2', null, [])], [], { dfu: [waiting('a', 'usb-1-2'), waiting('b', 'usb-1-9')] }))
    expect(rows.map((it) => [it.port?.path, it.dfu?.id])).toEqual([
      ['/dev/ttyUSB0', 'a'],
      [undefined, 'b'],
    ])
    expect(nameOf(rows[1]!)).toBe('STM32 BOOTLOADER')
    expect(loneDfu(rows).map(({ id }) => id)).toEqual(['b'])
  })

  it('are a way to the flash, also from elsewhere, with the port of the link', () => {
    const ways = (it: Attached, elsewhere: DfuView[] = []) => waysTo(it, ['probe', 'dfu'], [], elsewhere).map(({ ref }) => ref)
    const adapter = one([port('/dev/ttyUSB0', 'usb-1-2', null, [])])
    expect(ways(adapter)).toEqual([])
    expect(ways(adapter, [waiting('b', 'usb-1-9')])).toEqual([{ port: '/dev/ttyUSB0', probe: null, dfu: 'b' }])
    expect(ways(attachedOf(hardware([], [], { dfu: [waiting('b', 'usb-1-9')] }))[0]!)).toEqual([{ port: null, probe: null, dfu: 'b' }])
    const uno = one([port('/dev/ttyACM0', 'usb-1-3', null, [{ ...nano, kind: 'uno-r4-minima' }])])
    expect(waysTo(uno, ['dfu', 'probe']).map(({ ref }) => ref)).toEqual([{ port: '/dev/ttyACM0', probe: null, dfu: null }])
    expect(noWay(adapter, { title: 'The Discovery', flashing: ['probe', 'dfu'] })).toContain('USB bootloader by hand')
  })
})

describe('ports and probes', () => {
  it('of the same place are one board; the others stay apart', () => {
    const rows = attachedOf(
      hardware(
        [port('/dev/ttyACM1', 'usb-1-4', null, [likely]), port('/dev/ttyACM0', 'usb-1-2', null, [nano]), port('/dev/ttyS0', null, null, [])],
        [probe('a:b:1', 'ST-Link', 'usb-1-4', []), probe('a:b:2', 'DAPLink', 'usb-1-9', []), probe('a:b:3', 'No place', null, [])],
      ),
    )
    expect(rows.map((it) => [it.key, it.port?.path, it.probe?.name])).toEqual([
      ['usb-1-2', '/dev/ttyACM0', undefined],
      ['usb-1-4', '/dev/ttyACM1', 'ST-Link'],
      ['/dev/ttyS0', '/dev/ttyS0', undefined],
      ['a:b:3', undefined, 'No place'],
      ['usb-1-9', undefined, 'DAPLink'],
    ])
  })

  it('of one place twice have keys of their own, and one of them has the probe', () => {
    const rows = attachedOf(hardware([port('/dev/ttyACM0', 'usb-1', null, []), port('/dev/ttyACM1', 'usb-1', null, [])], [probe('p', 'P', 'usb-1', [])]))
    expect(rows.map((it) => [it.key, it.probe !== null])).toEqual([
      ['usb-1', true],
      ['/dev/ttyACM1', false],
    ])
  })

  it('keep their key when the port gets another path', () => {
    expect(one([port('/dev/ttyACM0', 'usb-1-2', null, [])]).key).toBe(one([port('/dev/ttyACM7', 'usb-1-2', null, [])]).key)
  })

  it('stay in their row when a path changes, and a virtual board when its cable is out', () => {
    const rows = (ports: PortView[], desk: Hardware['virtual_boards']) => attachedOf(hardware(ports, [], { virtual_boards: desk }))
    const names = (...at: Parameters<typeof rows>) => rows(...at).map(nameOf)
    const keys = (...at: Parameters<typeof rows>) => rows(...at).map(({ key }) => key)
    const desk = (name: string, path: string | null): VirtualBoardView => ({ name, kind: 'nano33ble', plugged: path !== null, port: path, probe: null, dfu: null, usbip: null, runs: 'nothing' })
    const b = port('/dev/pts/2', 'virtual-b', null, [nano])
    const before = names([port('/dev/pts/1', 'virtual-a', null, [nano]), b], [desk('a', '/dev/pts/1'), desk('b', '/dev/pts/2')])
    expect(before).toEqual(['a', 'b'])
    expect(names([port('/dev/pts/3', 'virtual-a', null, [nano]), b], [desk('a', '/dev/pts/3'), desk('b', '/dev/pts/2')])).toEqual(before)
    expect(names([b], [desk('a', null), desk('b', '/dev/pts/2')])).toEqual(before)
    // While its port is not listed yet, or no longer, its row stays too.
    const same = ['virtual-a', 'virtual-b']
    expect(keys([b], [desk('a', null), desk('b', '/dev/pts/2')])).toEqual(same)
    expect(keys([b], [desk('a', '/dev/pts/3'), desk('b', '/dev/pts/2')])).toEqual(same)
  })

  it('are the same objects while nothing about them changes', () => {
    const rows = (uses: string | null) =>
      attachedOf(hardware([port('/dev/a', 'u', null, [nano]), { ...port('/dev/b', 'v', null, [nano]), used_by: uses }]))
    const before = rows(null)
    const now = kept(before, rows('job 1'))
    expect(now[0]).toBe(before[0])
    expect(now[1]).not.toBe(before[1])
    expect(now[1]!.port!.used_by).toBe('job 1')
  })

  it('are ordered as people count', () => {
    const rows = attachedOf(hardware(['/dev/ttyACM10', '/dev/ttyACM9'].map((path) => port(path, path, null, [nano]))))
    expect(rows.map((it) => it.port!.path)).toEqual(['/dev/ttyACM9', '/dev/ttyACM10'])
  })

  it('have no board twice, and the surest first', () => {
    const it = one([port('/dev/a', 'u', null, [maybe, { ...nano, confidence: 'likely' }])], [probe('p', 'P', 'u', [nano])])
    expect(it.candidates.map(({ kind, confidence }) => [kind, confidence])).toEqual([
      ['nano33ble', 'certain'],
      ['esp32-c6', 'possible'],
    ])
  })

  it('never lose or double one, whatever their places', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = dice(seed)
      const place = () => (random(4) === 0 ? null : `usb-${random(3)}`)
      const ports = Array.from({ length: random(6) }, (_, i) => port(`/dev/tty${i}`, place(), null, random(2) ? [nano] : []))
      const probes = Array.from({ length: random(6) }, (_, i) => probe(`probe-${i}`, 'P', place(), []))
      const rows = attachedOf(hardware(ports, probes))
      expect(rows.flatMap((it) => it.port?.path ?? []).sort()).toEqual(ports.map(({ path }) => path))
      expect(rows.flatMap((it) => it.probe?.id ?? []).sort()).toEqual(probes.map(({ id }) => id))
      expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length)
      for (const it of rows) if (it.port && it.probe) expect(it.port.topology).toBe(it.probe.topology)
    }
  })

  it('of a virtual board whose cable is out are still shown', () => {
    const desk = new MockHardware('none', { send: () => {}, enroll: () => '', cable: () => {} })
    const { name } = desk.addVirtual({ kind: 'nano33ble', name: null, blank: true, usbip: false, seed: null })
    expect(attachedOf(desk.hardware).map((it) => [it.virtual?.name, it.isVirtual, it.probe !== null])).toEqual([['desk-1', true, true]])
    desk.answer('virtual.cable', { name, action: 'pull' })
    const [out] = attachedOf(desk.hardware)
    expect(out).toMatchObject({ key: 'virtual-desk-1', port: null, isVirtual: true })
    expect(reasonOf(out!)).toBe('Its cable is out.')
  })
})

describe('what a board is', () => {
  const usb = { vendor: 0x2341, product: 0x805a, serial: null, manufacturer: 'Arduino', product_name: 'Widget' }
  it.each<[string, Attached, string, string]>([
    ['known', one([port('/dev/a', 'u', usb, [nano])]), 'Arduino Nano 33 BLE', 'Its USB id says so.'],
    ['one of two', one([port('/dev/a', 'u', usb, [maybe, likely])]), 'STM32F4 Discovery', 'An ST-Link. It may also be ESP32-C6-DevKitC-1.'],
    ['a USB device', one([port('/dev/a', 'u', usb, [])]), 'Widget', 'No board is known by the USB id 2341:805a.'],
    ['a bare port', one([port('/dev/a', null, null, [])]), 'Serial port, not USB', 'Nothing tells what is connected to it.'],
  ])('%s', (_what, it, board, reason) => {
    expect(boardOf(it, title)).toBe(board)
    expect(reasonOf(it)).toBe(reason)
  })

  it('has words for how sure it is', () => {
    expect(confidenceWord).toEqual({ certain: 'certain', likely: 'likely', possible: 'possible' })
    expect(shortPath('/dev/ttyACM0')).toBe('/dev/ttyACM0')
    expect(shortPath('/run/user/1000/drydock/desk-1')).toBe('…/desk-1')
  })

  it('is confirmed by the user unless it is certain', () => {
    const sure = one([port('/dev/a', 'u', null, [nano])])
    const unsure = one([port('/dev/b', 'v', null, [likely])])
    const bare = one([port('/dev/c', null, null, [])])
    expect(uncertain([sure, unsure, bare], 'nano33ble')).toEqual([unsure, bare])
    expect(uncertain([sure], 'stm32f4-discovery')).toEqual([sure])
    expect(doubt(unsure, 'stm32f4-discovery')).toBe('An ST-Link.')
    expect(doubt(sure, 'esp32-c6')).toBe('It looks like Arduino Nano 33 BLE: Its USB id says so.')
    expect(doubt(bare, 'esp32-c6')).toBe('Nothing tells which board it is.')
    expect(kindFor([bare, unsure, sure])).toBe('stm32f4-discovery')
    expect(kindFor([bare])).toBeNull()
  })
})

describe('the board behind a probe', () => {
  const behind = (...candidates: CandidateView[]) => kindBehind(probe('p', 'P', 'u', candidates))

  it('is known only if one kind stands out', () => {
    expect(behind()).toBeNull()
    expect(behind(likely)).toBe('stm32f4-discovery')
    expect(behind(likely, nano)).toBeNull()
    expect(behind(likely, { ...nano, confidence: 'possible' })).toBe('stm32f4-discovery')
  })

  it('is named in a request if the probe does not tell it; the port may propose it', () => {
    const told = one([], [probe('p', 'P', 'u', [likely])])
    const beside = one([port('/dev/a', 'u', null, [nano])], [probe('p', 'P', 'u', [])])
    const bare = one([], [probe('p', 'P', 'u', [])])
    const all = ['nano33ble', 'stm32f4-discovery']
    expect(kindToName(told, '', all)).toBeNull()
    expect(kindToName(beside, '', all)).toBe('nano33ble')
    expect(kindToName(beside, '', [])).toBeUndefined()
    expect(kindToName(beside, 'stm32f4-discovery', all)).toBe('stm32f4-discovery')
    expect(kindToName(bare, '', all)).toBeUndefined()
  })

  it('is told apart from a port by its id', () => {
    expect(['0483:374b:066BFF', '1209:0001', '1209:0001:'].map(isProbeId)).toEqual([true, true, true])
    expect(['/dev/ttyACM0', 'COM3', '12:34:56', '/run/a:0483:374b'].map(isProbeId)).toEqual([false, false, false, false])
  })
})

describe('what can be done', () => {
  const free = one([port('/dev/a', 'u', null, [nano])], [probe('p', 'P', 'u', [])])
  const used = (by: string): Attached => ({ ...free, port: { ...free.port!, used_by: by } })
  const usedProbe = (by: string): Attached => ({ ...free, probe: { ...free.probe!, used_by: by } })
  const held: PortView = { ...free.port!, access: { type: 'held', pid: 7, program: 'minicom', text: 'Close minicom.' } }
  const all: Doing[] = ['provision', 'console', 'flash', 'backup', 'erase', 'lend', 'take back', 'rtt', 'samples']
  const possible = (it: Attached) => all.filter((doing) => whyNot(it, doing, (name) => name === 'bench-1') === null)

  it.each<[string, Attached, Doing[]]>([
    ['free', free, ['provision', 'console', 'flash', 'backup', 'erase', 'lend', 'rtt', 'samples']],
    // Looks over the probe do not need the port.
    ['with a console', used('console'), ['console', 'rtt', 'samples']],
    ['lent', used('lent'), ['take back', 'rtt', 'samples']],
    ['in the fleet', used('bench-1'), ['flash', 'backup', 'lend', 'rtt', 'samples']],
    ['in a job', used('job 3'), ['rtt', 'samples']],
    ['in a job over its probe', usedProbe('job 3'), []],
    ['with an RTT terminal', usedProbe('console'), ['console', 'lend', 'rtt']],
    ['in a profile', usedProbe('profile'), ['console', 'lend', 'samples']],
    ['held', { ...free, port: held, probe: null }, []],
    // Its probe is free.
    ['held, with a probe', { ...free, port: held }, ['flash', 'backup', 'erase', 'rtt', 'samples']],
    ['only a probe', { ...free, port: null }, ['flash', 'backup', 'erase', 'rtt', 'samples']],
  ])('%s', (_what, it, expected) => expect(possible(it)).toEqual(expected))

  it('has a reason that says the way out', () => {
    expect(whyNot({ ...free, port: held, probe: null }, 'erase', nobody)).toBe('Close minicom.')
    expect(whyNot({ ...free, port: held }, 'console', nobody)).toBe('Close minicom.')
    expect(whyNot(used('bench-1'), 'erase', () => true)).toContain('bench-1 of the fleet')
    for (const by of ['console', 'lent', 'job 3']) expect(useOf(by, nobody)).toMatch(/ first\.$|Wait for its end/)
    expect(useOf('debugger', nobody)).toBe('Its port for GDB is open. Close it first.')
    expect(useOf('other', nobody)).toBe('It is in use: other. Wait for its end.')
    expect(blockedBy({ ...free, port: held })).toBeNull()
  })

  const [overProbe, overPort] = [
    { port: '/dev/a', probe: 'p', dfu: null },
    { port: '/dev/a', probe: null, dfu: null },
  ]
  const refs = (...args: Parameters<typeof waysTo>) => waysTo(...args).map(({ ref }) => ref)

  it('goes over the usual method of its kind first, and never over what cannot be used', () => {
    expect(refs(free)).toEqual([overProbe, overPort])
    expect(refs(free, ['sam-ba', 'probe'])).toEqual([overPort, overProbe])
    expect(refs(free, ['probe'])).toEqual([overProbe])
    expect(refs(free, ['esp-rom'])).toEqual([overPort])
    expect(refs({ ...free, port: held })).toEqual([{ port: null, probe: 'p', dfu: null }])
    expect(refs({ ...free, probe: null }, ['probe'])).toEqual([])
  })

  it('offers probes that stand alone for a board without one, and says what lacks', () => {
    const alone = attachedOf(hardware([port('/dev/a', 'u', null, [])], [probe('q', 'ST-Link', 'usb-1-9', []), { ...probe('r', 'Used', null, []), used_by: 'job 1' }]))
    const board = alone.find((it) => it.port !== null)!
    const lone = loneProbes(alone)
    expect(lone.map(({ id }) => id)).toEqual(['q'])
    expect(refs(board, ['probe'], lone)).toEqual([{ port: '/dev/a', probe: 'q', dfu: null }])
    expect(refs(board, ['esp-rom'], lone)).toEqual([overPort])
    expect(noWay(board, { title: 'Discovery', flashing: ['probe'] })).toContain('plug one in')
    expect(noWay({ ...free, port: null }, { title: 'ESP', flashing: ['esp-rom'] })).toContain('over its serial port')
  })

  it('finds the running job by port, by probe, and by place after a new path', () => {
    const job = { ...aJob(1), topology: 'u', on: { port: '/dev/gone', probe: null, dfu: null } }
    expect(jobOn(free, [job])?.id).toBe(1)
    expect(jobOn(free, [{ ...job, topology: null }])).toBeUndefined()
    expect(jobOn(free, [{ ...job, topology: null, on: { port: null, probe: 'p', dfu: null } }])?.id).toBe(1)
    expect(jobOn(free, [{ ...job, state: 'done' }])).toBeUndefined()
    // Another device got the path of the one that the job was on.
    expect(jobOn(free, [{ ...job, topology: 'elsewhere', on: { port: '/dev/a', probe: null, dfu: null } }])).toBeUndefined()
  })

  it.each([
    [{ board: 'lab-1' }, 'lab-1'],
    [{ topology: 'virtual-desk-2' }, 'desk-2'],
    [{ on: { port: '/dev/pts/4', probe: null, dfu: null } }, 'pts/4'],
    [{ on: { port: null, probe: 'a:b:c', dfu: null } }, 'a:b:c'],
  ])('names a job after its board, else after its place: %o', (job, expected) => {
    expect(subjectOf({ ...aJob(1), ...job })).toBe(expected)
  })

  it('knows that the last job at its place failed', () => {
    const at = (id: number, state: JobView['state']) => ({ ...aJob(id, state), topology: 'u' })
    expect(failedOn(free, [at(2, 'failed'), at(1, 'done')])?.id).toBe(2)
    expect(failedOn(free, [at(2, 'done'), at(1, 'failed')])).toBeUndefined()
    expect(failedOn(free, [{ ...at(3, 'failed'), topology: 'elsewhere' }, at(2, 'interrupted')])?.id).toBe(2)
    expect(failedOn(free, [])).toBeUndefined()
  })
})

function aJob(id: number, state: JobView['state'] = 'running', steps: JobStep[] = []): JobView {
  const on = { port: `/dev/ttyACM${id}`, probe: null, dfu: null }
  const rest = { topology: null, kind: 'nano33ble', board: null, chip: null, text: 'Working.', started_ms: 0, ended_ms: null, evidence: null }
  return { id, what: 'provision', on, state, steps, ...rest }
}
const step = (state: JobStep['state'], done_bytes = 0, total_bytes = 0): JobStep => ({ name: 'Write', state, done_bytes, total_bytes })

describe('jobs', () => {
  it('stand newest first, each once, in its newest state', () => {
    let jobs: JobView[] = []
    for (const id of [2, 1, 3]) jobs = withJob(jobs, aJob(id))
    jobs = withJob(jobs, aJob(2, 'done'))
    expect(jobs.map(({ id, state }) => [id, state])).toEqual([
      [3, 'running'],
      [2, 'done'],
      [1, 'running'],
    ])
  })

  it('that moved while the list was read are newer than the list', () => {
    expect(joined([aJob(1), aJob(2)], [aJob(2, 'failed'), aJob(3)]).map(({ id, state }) => [id, state])).toEqual([
      [3, 'running'],
      [2, 'failed'],
      [1, 'running'],
    ])
  })

  it('are bounded', () => {
    const many = Array.from({ length: KEPT_JOBS + 50 }, (_, i) => aJob(i))
    expect(joined(many, []).length).toBe(KEPT_JOBS)
    expect(withJob(joined(many, []), aJob(9999)).length).toBe(KEPT_JOBS)
  })

  it('are filtered: an interrupted one needs the user too', () => {
    const jobs = (['running', 'done', 'failed', 'cancelled', 'interrupted'] as const).map((state, i) => aJob(i, state))
    expect(filtered(jobs, 'running').map(({ state }) => state)).toEqual(['running'])
    expect(filtered(jobs, 'failed').map(({ state }) => state)).toEqual(['failed', 'interrupted'])
    expect(filtered(jobs, 'all')).toBe(jobs)
    expect(jobs.filter(isResumable).map(({ state }) => state)).toEqual(['failed', 'interrupted'])
    expect(tally(jobs)).toBe('1 of 5\u00a0boards done, 1 failed, 2 stopped, 1 under way')
    expect(tally([aJob(1, 'done')])).toBe('1 of 1\u00a0board done')
  })

  it.each<[string, JobStep, number | null, string]>([
    ['pending', step('pending', 0, 2048), 0, '2\u00a0KiB'],
    ['half', step('running', 1024, 2048), 0.5, '1\u00a0KiB of 2\u00a0KiB'],
    ['more than all', step('running', 4096, 2048), 1, '4\u00a0KiB of 2\u00a0KiB'],
    ['without bytes', step('running'), null, ''],
    ['done', step('done', 2048, 2048), 1, '2\u00a0KiB'],
    ['skipped', step('skipped'), 1, ''],
  ])('a step: %s', (_what, it, fraction, text) => {
    expect(stepFraction(it)).toBe(fraction)
    expect(stepBytes(it)).toBe(text)
  })

  it('are as far as their steps', () => {
    expect(jobFraction(aJob(1, 'running', [step('done'), step('running', 1, 2), step('pending', 0, 9), step('pending')]))).toBe(0.375)
    expect(jobFraction(aJob(1, 'running'))).toBe(0)
    expect(jobFraction(aJob(1, 'done', [step('skipped')]))).toBe(1)
  })

  it('say once that they ended', () => {
    expect(ending(aJob(1), { ...aJob(1, 'failed'), text: 'The cable is out.' })).toBe('Provision ttyACM1: failed. The cable is out.')
    expect(ending(aJob(1), aJob(1))).toBeNull()
    expect(ending(aJob(1, 'done'), aJob(1, 'done'))).toBeNull()
    // Those of the run before are not news.
    expect(ending(undefined, aJob(1, 'done'))).toBeNull()
  })
})

/** Equal numbers for equal seeds. */
function dice(seed: number): (below: number) => number {
  let state = seed * 2654435761
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) >>> 0
    return state % below
  }
}

const bytes = (text: string) => new TextEncoder().encode(text)
function shown(...parts: Array<string | number[]>): string[] {
  const terminal = new Terminal()
  for (const part of parts) terminal.feed(typeof part === 'string' ? bytes(part) : Uint8Array.from(part), 0)
  return terminal.lines.map(({ text }) => text)
}

describe('a terminal', () => {
  it.each<[string, string[], string[]]>([
    ['lines', ['a\nb\r\nc'], ['a', 'b', 'c']],
    ['an empty line', ['a\n\nb\n'], ['a', '', 'b']],
    ['a line in pieces', ['he', 'llo\r', '\nx'], ['hello', 'x']],
    ['colours', ['\x1b[1;31mred\x1b[0m on'], ['red on']],
    ['a cursor shape', ['\x1b[1 qa'], ['a']],
    ['a colour in pieces', ['\x1b', '[3', '1mred'], ['red']],
    ['a title', ['\x1b]0;title\x07a\x1b]2;t\x1b\\b'], ['ab']],
    ['a character set', ['\x1b(Ba'], ['a']],
    ['a progress line', ['10 %\r20 %\r100 %\n'], ['100 %']],
    ['a shorter text over a longer one', ['hello\rya'], ['yallo']],
    ['backspace', ['ab\b \bc'], ['ac']],
    ['control characters', ['a\x00\x01\x7fb'], ['a^@^A^?b']],
    ['an escape that is none', ['\x1bq!'], ['^[q!']],
    ['a tab', ['a\tb'], ['a\tb']],
    ['other scripts', ['25 °C 温度 🚀'], ['25 °C 温度 🚀']],
  ])('shows %s', (_what, parts, expected) => expect(shown(...parts)).toEqual(expected))

  it('joins characters that arrive in pieces, and replaces what is none', () => {
    expect(shown([0xc2], [0xb0, 0x43])).toEqual(['°C'])
    expect(shown([0x61, 0xff, 0xfe, 0x62])).toEqual(['a\ufffd\ufffdb'])
    expect(shown([0xc2, 0x41])).toEqual(['\ufffdA'])
  })

  it('takes the time of the first character of a line', () => {
    const terminal = new Terminal()
    terminal.feed(bytes('a'), 10)
    terminal.feed(bytes('b\nc'), 20)
    expect(terminal.lines.map(({ timeMs, text }) => [timeMs, text])).toEqual([
      [10, 'ab'],
      [20, 'c'],
    ])
  })

  it('keeps the colours of characters, also of those that were written over', () => {
    const terminal = new Terminal()
    terminal.feed(bytes('\x1b[32mok\x1b[0m, 3 left\rOK\nnext'), 0)
    expect(terminal.lines.map(({ text }) => text)).toEqual(['OK, 3 left', 'next'])
    expect(terminal.lines.map(({ runs }) => runs)).toEqual([[{ text: 'OK, 3 left', ink: null, bold: false, hit: false }], null])
    terminal.feed(bytes('\r\x1b[1;31mE'), 0)
    expect(terminal.lines[1]!.runs!.map(({ text, ink, bold }) => [text, ink, bold])).toEqual([
      ['E', 'red', true],
      ['ext', null, false],
    ])
  })

  it('shows the same however the bytes are cut', () => {
    const alphabet = ['a', 'é', '🚀', '\n', '\r', '\b', '\x1b', '[', '3', 'm', ']', '\x07', '\\', '(', ' ', '\x00']
    for (let seed = 1; seed <= 300; seed++) {
      const random = dice(seed)
      const whole = bytes(Array.from({ length: 60 }, () => alphabet[random(alphabet.length)]).join(''))
      const parts: number[][] = []
      for (let from = 0; from < whole.length; ) {
        const to = Math.min(whole.length, from + 1 + random(7))
        parts.push([...whole.slice(from, to)])
        from = to
      }
      expect(shown(...parts), `seed ${seed}`).toEqual(shown([...whole]))
    }
  })

  it('never fails on any bytes, and shows no control character', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = dice(seed)
      const lines = shown(Array.from({ length: 500 }, () => random(256)))
      // eslint-disable-next-line no-control-regex
      for (const line of lines) expect(line, `seed ${seed}`).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/)
    }
  })

  it('keeps bounded lines, columns and bytes', () => {
    const terminal = new Terminal()
    for (let i = 0; i < 30; i++) terminal.feed(bytes('line\n'.repeat(4000)), 0)
    expect(terminal.lines.length).toBeLessThanOrEqual(MOST_LINES)
    expect(terminal.bytes.length).toBeLessThanOrEqual(MOST_BYTES * 1.25)
    expect(terminal.droppedBytes + terminal.bytes.length).toBe(30 * 4000 * 5)
    expect(Math.max(...shown('x'.repeat(9000)).map(({ length }) => length))).toBe(MOST_COLUMNS)
    // A sequence without an end does not swallow everything after it.
    expect(shown('\x1b]' + 'y'.repeat(1000)).join('')).toContain('yyyy')
  })

  it('has line numbers that never repeat', () => {
    const terminal = new Terminal()
    for (let i = 0; i < 3; i++) terminal.feed(bytes('a\n'.repeat(MOST_LINES)), 0)
    terminal.clear()
    terminal.feed(bytes('b'), 0)
    expect(terminal.lines[0]!.id).toBe(3 * MOST_LINES)
  })

  it('shows bytes in rows at their offsets', () => {
    const rows = hexRows([...bytes('Hi!\n'), 0xff], 6, 100, 8)
    expect(rows).toEqual([
      { offset: 0, hex: '                  48 69', text: '      Hi' },
      { offset: 8, hex: '21 0a ff               ', text: '!..' },
    ])
    expect(hexRows(Array.from({ length: 100 }, () => 0), 0, 2, 16).map(({ offset }) => offset)).toEqual([80, 96])
    expect(hexRows([], 0, 10, 16)).toEqual([])
  })
})

describe('what is typed', () => {
  it.each([
    ['AT', false, 'CR LF', [0x41, 0x54, 13, 10]],
    ['AT', false, 'none', [0x41, 0x54]],
    ['', false, 'LF', [10]],
    ['é', false, 'none', [0xc3, 0xa9]],
    ['0d 0a', true, 'LF', [13, 10]],
    ['0xDE,0xad', true, 'LF', [0xde, 0xad]],
    ['0d0', true, 'LF', null],
    ['zz', true, 'LF', null],
    ['', true, 'LF', null],
  ] as const)('%j (hexadecimal: %s, %s)', (line, hex, ending, expected) => {
    const sent = typedBytes(line, hex, ending)
    expect(sent && [...sent]).toEqual(expected)
  })

  it('survives base64 with any byte', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    expect(fromBase64(toBase64(all))).toEqual(all)
  })

  it('is an address, a speed, or is refused', () => {
    expect(['0x10000', '4096', '0x1_0000', '', 'ten', '0x1ffffffff', '4294967296', '-1'].map(addressOf)).toEqual([
      0x10000, 4096, 0x10000, null, null, null, null, null,
    ])
    expect(['115200', ' 9600 ', '0', 'fast', '1.5', '99000000'].map(baudOf)).toEqual([115200, 9600, null, null, null, null])
    expect(['a.bin', 'a.IMG', 'a.elf', 'a.uf2', 'a'].map(needsAddress)).toEqual([true, true, false, false, false])
  })

  it('names boards', () => {
    expect(names('rack-{n}', (name) => name === 'rack-2', 3)).toEqual(['rack-1', 'rack-3', 'rack-4'])
    expect(names('bench', nobody, 3)).toEqual(['bench'])
    expect(namingProblem('bench', 1)).toBeNull()
    expect(namingProblem('', 1)).toBeNull()
    expect(namingProblem('bench', 2)).toContain('{n}')
    expect(namingProblem('', 2)).toContain('{n}')
    expect(namingProblem('b-{n}', 32)).toBeNull()
  })

  it('is an app, and capabilities', () => {
    expect([null, { sample: 'blink' }, { path: '/a/b/sensor.wasm' }, { path: 'C:\\a\\x.wat' }].map(appName)).toEqual([null, 'blink', 'sensor.wasm', 'x.wat'])
    expect(wordsOf(' gpio:7, gpio:13  net ')).toEqual(['gpio:7', 'gpio:13', 'net'])
    expect(wordsOf('')).toEqual([])
  })
})

// What hangs on this computer: ports, probes and DFU devices grouped by physical board, what each most likely is, and what can be done
// with it. Pure functions.
import type {
  AccessView,
  BoardKindView,
  CableRef,
  CandidateView,
  Confidence,
  DfuView,
  Hardware,
  JobView,
  PortView,
  ProbeView,
  VirtualBoardView,
} from '../backend/generated'

/** One board on its cable: a port, a probe, its bootloader as a DFU device, or several of them; or a virtual board whose cable is out. */
export interface Attached {
  /** Stays the same when the device re-enumerates, if its place is known. */
  key: string
  port: PortView | null
  probe: ProbeView | null
  dfu: DfuView | null
  topology: string | null
  /** Set for virtual boards. */
  virtual: VirtualBoardView | null
  isVirtual: boolean
  /** Those of port, probe and DFU device, the surest first, each kind once. */
  candidates: CandidateView[]
}

export function attachedOf({ ports, probes, dfu: devices, virtual_boards }: Hardware): Attached[] {
  const rest = [...probes]
  const waiting = [...devices]
  const keys = new Set<string>()
  const attached: Attached[] = []
  const add = (port: PortView | null, probe: ProbeView | null) => {
    const at = port?.topology ?? probe?.topology ?? null
    const i = at === null ? -1 : waiting.findIndex(({ topology }) => topology === at)
    addRow(port, probe, i < 0 ? null : waiting.splice(i, 1)[0]!)
  }
  const addRow = (port: PortView | null, probe: ProbeView | null, dfu: DfuView | null) => {
    const topology = port?.topology ?? probe?.topology ?? dfu?.topology ?? null
    const own = (port?.path ?? probe?.id ?? dfu?.id)!
    // A device with two ports has two rows; its second is named by its path.
    const key = topology !== null && !keys.has(topology) ? topology : own
    keys.add(key)
    const virtual =
      virtual_boards.find((b) => (port !== null && b.port === port.path) || (probe !== null && b.probe === probe.id) || (dfu !== null && b.dfu === dfu.id)) ?? null
    const isVirtual = port?.is_virtual || probe?.is_virtual || dfu?.is_virtual || false
    attached.push({ key, port, probe, dfu, topology, virtual, isVirtual, candidates: merged(port, probe, dfu) })
  }
  for (const port of [...ports].sort((a, b) => byText(a.path, b.path))) {
    const i = port.topology === null ? -1 : rest.findIndex(({ topology }) => topology === port.topology)
    add(port, i < 0 ? null : rest.splice(i, 1)[0]!)
  }
  for (const probe of rest.sort((a, b) => byText(a.id, b.id))) add(null, probe)
  for (const dfu of waiting.sort((a, b) => byText(a.id, b.id))) addRow(null, null, dfu)
  for (const virtual of virtual_boards) {
    if (attached.some((it) => it.virtual === virtual)) continue
    // The place of its port and probe: the row, and a menu that is open in it, stay when the cable is pulled out.
    const place = `virtual-${virtual.name}`
    attached.push({ key: keys.has(place) ? `unplugged ${virtual.name}` : place, port: null, probe: null, dfu: null, topology: null, virtual, isVirtual: true, candidates: [] })
  }
  return attached.sort((a, b) => Number(!isKnown(a)) - Number(!isKnown(b)) || byText(order(a), order(b)))
}

/** Whether something tells which board it is. Such boards stand before bare ports. */
export function isKnown({ candidates, virtual }: Attached): boolean {
  return candidates.length > 0 || virtual !== null
}

/** By place, so that a board stays in its row when its path changes or its cable is pulled out. */
function order({ port, probe, dfu, topology, virtual }: Attached): string {
  return virtual?.name ?? topology ?? port?.path ?? probe?.id ?? dfu!.id
}

/** Keeps the objects of boards that did not change, so that the page does not draw them again. */
export function kept(before: Attached[], now: Attached[]): Attached[] {
  const known = new Map(before.map((it) => [it.key, it]))
  return now.map((it) => {
    const same = known.get(it.key)
    return same && JSON.stringify(same) === JSON.stringify(it) ? same : it
  })
}

const collator = new Intl.Collator('en', { numeric: true })
const byText = (a: string, b: string) => collator.compare(a, b)

const rank: Record<Confidence, number> = { certain: 0, likely: 1, possible: 2 }

function merged(port: PortView | null, probe: ProbeView | null, dfu: DfuView | null): CandidateView[] {
  const surest = new Map<string, CandidateView>()
  for (const candidate of [...(port?.candidates ?? []), ...(probe?.candidates ?? []), ...(dfu?.candidates ?? [])]) {
    const known = surest.get(candidate.kind)
    if (!known || rank[candidate.confidence] < rank[known.confidence]) surest.set(candidate.kind, candidate)
  }
  return [...surest.values()].sort((a, b) => rank[a.confidence] - rank[b.confidence])
}

/** Its name for people: the virtual board's, else the port's path, the probe's name, or what its bootloader calls itself. */
export function nameOf({ port, probe, dfu, virtual }: Attached): string {
  if (virtual) return virtual.name
  return port?.path ?? probe?.name ?? (dfu ? nameOfDfu(dfu) : 'the board')
}

/** What a bootloader calls itself. */
export function nameOfDfu({ usb, id }: DfuView): string {
  return usb.product_name ?? id
}

/** The part of a path that tells ports apart: `ttyACM0`, `pts/3`. */
export function shortOf(on: CableRef): string {
  if (on.port?.startsWith('/dev/')) return on.port.slice('/dev/'.length)
  return on.port?.split('/').at(-1) ?? on.probe ?? on.dfu ?? 'the board'
}

/** A long path by its end: `…/desk-1`. */
export function shortPath(path: string): string {
  return path.length <= 24 ? path : `…/${path.split('/').at(-1)!}`
}

/** How sure it is, in words. */
export const confidenceWord: Record<Confidence, string> = {
  certain: 'certain',
  likely: 'likely',
  possible: 'possible',
}

/** What the board most likely is: `Arduino Nano 33 BLE`. */
export function boardOf({ candidates, virtual, port, probe, dfu }: Attached, titleOf: (kind: string) => string): string {
  if (candidates[0]) return candidates[0].title
  if (virtual) return titleOf(virtual.kind)
  const product = port?.usb?.product_name
  if (product) return product
  if (probe && !port) return 'Debug probe, board not known'
  if (dfu && !port) return 'Bootloader in DFU mode, board not known'
  return port?.usb ? 'USB serial port, board not known' : 'Serial port, not USB'
}

/** Why it is thought to be that board, or why nothing is known of it. */
export function reasonOf({ candidates, virtual, port, probe, dfu }: Attached): string {
  const [first, ...others] = candidates
  if (first) {
    const also = others.length > 0 ? ` It may also be ${listed(others.map(({ title }) => title))}.` : ''
    return first.reason + also
  }
  if (virtual) return 'Its cable is out.'
  const usb = port?.usb ?? dfu?.usb
  if (usb) return `No board is known by the USB id ${usbId(usb)}.`
  return probe ? 'A probe does not tell which board it is on; the chip is read when work begins.' : 'Nothing tells what is connected to it.'
}

export function usbId({ vendor, product }: { vendor: number; product: number }): string {
  const four = (n: number) => n.toString(16).padStart(4, '0')
  return `${four(vendor)}:${four(product)}`
}

function listed(words: string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

/** The kind of board behind a probe, if one stands out: then requests need not name it. */
export function kindBehind({ candidates }: ProbeView): string | null {
  const likely = candidates.filter(({ confidence }) => confidence !== 'possible')
  return likely.length === 1 ? likely[0]!.kind : null
}

/**
 * The kind that a request over a probe names: null if the probe tells it, undefined if the user has to choose. `chosen`: by
 * the user, or empty; else what the port beside the probe tells is proposed. `reachable`: the kinds that a probe can reach.
 */
export function kindToName({ candidates, probe }: Attached, chosen: string, reachable: string[]): string | null | undefined {
  if (probe && kindBehind(probe) !== null) return null
  if (chosen !== '') return chosen
  const proposed = candidates[0]?.kind
  return proposed !== undefined && reachable.includes(proposed) ? proposed : undefined
}

/** Whether a terminal with this path is over a debug probe: `VID:PID`, in hexadecimal, and a serial number. */
export function isProbeId(path: string): boolean {
  return /^[0-9a-f]{4}:[0-9a-f]{4}(:|$)/i.test(path)
}

/** What Drydock uses it for. */
export function usedBy({ port, probe, dfu }: Attached): string | null {
  return port?.used_by ?? probe?.used_by ?? dfu?.used_by ?? null
}

/** Why it cannot be used; null if at least one of its port, its probe and its DFU device can. */
export function blockedBy({ port, probe, dfu }: Attached): Exclude<AccessView, { type: 'usable' }> | null {
  const accesses = [port?.access, probe?.access, dfu?.access].filter((access) => access !== undefined)
  if (accesses.some(({ type }) => type === 'usable')) return null
  return accesses.find((access) => access.type !== 'usable') ?? null
}

/** A way to a board's flash. */
export interface Way {
  /** `port`, `probe`, `dfu`, or the id of a probe or DFU device that stands elsewhere. */
  key: string
  /** What requests name: over a probe or a DFU device, the port too, because the board's link runs there. */
  ref: CableRef
  title: string
}

/**
 * The ways to a board that can be used. `flashing`: the methods of its kind, the usual one first; if none is known, the
 * probe is first, because it also reaches a board whose firmware does not answer. `elsewhere`: probes that may be wired to
 * it although they do not hang at its place. `waiting`: DFU devices of which that is true.
 */
export function waysTo({ port, probe, dfu }: Attached, flashing: string[] = [], elsewhere: ProbeView[] = [], waiting: DfuView[] = []): Way[] {
  const line = port?.access.type === 'usable' ? port.path : null
  const over = (key: string, { id, name }: ProbeView): Way => ({ key, ref: { port: line, probe: id, dfu: null }, title: `debug probe ${name}` })
  const overDfu = (key: string, it: DfuView): Way => ({ key, ref: { port: line, probe: null, dfu: it.id }, title: `USB bootloader ${nameOfDfu(it)}` })
  const ways = new Map<string, Way>()
  for (const method of flashing.length > 0 ? flashing : ['probe', 'serial']) {
    if (method === 'dfu') {
      if (dfu?.access.type === 'usable') ways.set('dfu', overDfu('dfu', dfu))
      else if (line !== null && hasTouch(port)) ways.set('port', { key: 'port', ref: { port: line, probe: null, dfu: null }, title: `serial port ${line}` })
      else for (const other of waiting) ways.set(other.id, overDfu(other.id, other))
    } else if (method !== 'probe') {
      if (line !== null) ways.set('port', { key: 'port', ref: { port: line, probe: null, dfu: null }, title: `serial port ${line}` })
    } else if (probe?.access.type === 'usable') ways.set('probe', over('probe', probe))
    else if (flashing.length > 0) for (const other of elsewhere) ways.set(other.id, over(other.id, other))
  }
  return [...ways.values()]
}

/** Whether a port is the board's own USB socket, where a touch leads into the bootloader: the port alone tells the board. */
function hasTouch(port: PortView | null): boolean {
  return port?.candidates[0]?.confidence === 'certain'
}

/** The DFU devices that stand alone and are free: each may be wired to a board whose link runs over another socket. */
export function loneDfu(attached: Attached[]): DfuView[] {
  return attached.flatMap(({ port, probe, dfu }) =>
    port === null && probe === null && dfu && !dfu.is_virtual && dfu.used_by === null && dfu.access.type === 'usable' ? [dfu] : [],
  )
}

/** The probes that stand alone and are free: each may be wired to any board. */
export function loneProbes(attached: Attached[]): ProbeView[] {
  return attached.flatMap(({ port, probe }) =>
    port === null && probe && !probe.is_virtual && probe.used_by === null && probe.access.type === 'usable' ? [probe] : [],
  )
}

/** Why there is no way to the flash of a board of this kind. */
export function noWay({ port, probe, dfu }: Attached, kind: Pick<BoardKindView, 'title' | 'flashing'> | undefined): string {
  const only = kind?.flashing ?? []
  if (kind && only.length > 0 && only.every((method) => method === 'probe') && !probe) return `${kind.title} is written over a debug probe; plug one in.`
  if (kind && only.length > 0 && !only.includes('probe') && !port) return `${kind.title} is written over its serial port; plug it in.`
  if (kind && only.includes('dfu') && !dfu) return `Bring ${kind.title} into its USB bootloader by hand, or plug a debug probe in.`
  return 'None of its ways to the flash can be used now.'
}

export type Doing = 'provision' | 'console' | 'flash' | 'backup' | 'erase' | 'lend' | 'take back' | Look

/** What is done over a probe alone. */
type Look = 'rtt' | 'samples' | 'peek' | 'gdb'

/** What a probe is used by while one looks over it. */
const looks: Record<Look, string> = { rtt: 'console', samples: 'profile', peek: 'read', gdb: 'debugger' }

/** How a row tells that. */
const lookWords: Record<string, string> = {
  console: 'RTT terminal open',
  profile: 'profile under way',
  read: 'being read',
  debugger: 'GDB port open',
}

/** The look over a probe that is under way, in a few words; null if there is none. */
export function lookWord({ probe }: Attached): string | null {
  return lookWords[probe?.used_by ?? ''] ?? null
}

/** Why something cannot be done with a board now, in a sentence; null if it can. `isBoard`: whether the fleet has it. */
export function whyNot(it: Attached, doing: Doing, isBoard: (name: string) => boolean): string | null {
  const by = usedBy(it)
  if (doing === 'take back') return by === 'lent' ? null : 'It is not lent.'
  if (it.virtual && !it.virtual.plugged) return 'Its cable is out. Plug it in first.'
  if (isLook(doing)) return whyNoLook(it, looks[doing], isBoard)
  if ((doing === 'console' || doing === 'lend') && !it.port) return 'It has no serial port.'
  if (doing === 'console' && it.port?.used_by === 'console') return null
  // A look over the probe leaves the port alone.
  if ((doing === 'console' || doing === 'lend') && it.port?.used_by === null && lookWord(it) !== null) return textOf(it.port.access)
  if (doing === 'lend' && by !== null && isBoard(by)) return null
  // A job borrows the port of a board of the fleet, and gives it back.
  const borrowed = by !== null && isBoard(by) && (doing === 'flash' || doing === 'backup')
  const inUse = by === null || borrowed ? null : useOf(by, isBoard)
  if (inUse) return inUse
  if (doing === 'console' || doing === 'lend') return it.port?.access.type === 'usable' ? null : textOf(it.port!.access)
  if (doing === 'provision') {
    if (!it.port) return 'Begin at its serial port, where its link runs; the probe or the USB bootloader is chosen there.'
    return textOf(it.port.access)
  }
  const blocked = blockedBy(it)
  return blocked ? blocked.text : null
}

function isLook(doing: Doing): doing is Look {
  return doing in looks
}

/** Looks over a probe need nothing but the probe: the port may be in use meanwhile. */
function whyNoLook({ probe }: Attached, by: string, isBoard: (name: string) => boolean): string | null {
  if (!probe) return 'It has no debug probe.'
  if (probe.used_by === by) return null
  return probe.used_by === null ? textOf(probe.access) : useOfProbe(probe.used_by, isBoard)
}

function textOf(access: AccessView): string | null {
  return access.type === 'usable' ? null : access.text
}

/** The use of a port, and what ends it. */
export function useOf(by: string, isBoard: (name: string) => boolean): string {
  if (by === 'console') return 'Its console is open here. Close it first.'
  if (by === 'lent') return 'It is lent to another program. Take it back first.'
  if (by === 'profile') return 'A profile is taken over its probe. Wait for its end.'
  if (by === 'debugger') return 'Its port for GDB is open. Close it first.'
  if (by === 'read') return 'Its memory or its registers are being read. Try again.'
  if (isBoard(by)) return `${by} of the fleet is on it. Release its port on the page of ${by} first.`
  if (/^job \d+$/.test(by)) return 'A job works on it. Wait for its end, or cancel it.'
  return `It is in use: ${by}. Wait for its end.`
}

/** The use of a probe, and what ends it. */
export function useOfProbe(by: string, isBoard: (name: string) => boolean): string {
  return by === 'console' ? 'Its RTT terminal is open. Close it first.' : useOf(by, isBoard)
}

/** What a job works on, in a word: the name in the fleet, the virtual board, or the port. */
export function subjectOf({ board, on, topology }: JobView): string {
  return board ?? /^virtual-(.+)$/.exec(topology ?? '')?.[1] ?? shortOf(on)
}

/** The running job on a board. */
export function jobOn(it: Attached, jobs: JobView[]): JobView | undefined {
  return jobs.find((job) => job.state === 'running' && isOn(job, it))
}

/** The newest job at the place of a board, if it ended without success; `jobs` begins with the newest. */
export function failedOn(it: Attached, jobs: JobView[]): JobView | undefined {
  const last = jobs.find((job) => isOn(job, it))
  return last?.state === 'failed' || last?.state === 'interrupted' ? last : undefined
}

/** A place is known by its topology, if that is known: another device may get the path. */
function isOn({ on, topology: at }: JobView, { port, probe, dfu, topology }: Attached): boolean {
  if (at !== null && topology !== null) return at === topology
  return (on.port !== null && on.port === port?.path) || (on.probe !== null && on.probe === probe?.id) || (on.dfu !== null && on.dfu === dfu?.id)
}

/** The kind that is chosen at first for several boards: the likeliest one of the first that has any. */
export function kindFor(boards: Attached[]): string | null {
  for (const { candidates, virtual } of boards) {
    const kind = candidates[0]?.kind ?? virtual?.kind
    if (kind !== undefined) return kind
  }
  return null
}

/** The boards that are not known for certain to be of this kind; the user confirms them. */
export function uncertain(boards: Attached[], kind: string): Attached[] {
  return boards.filter(({ candidates, virtual }) => {
    if (virtual) return virtual.kind !== kind
    return !(candidates[0]?.kind === kind && candidates[0].confidence === 'certain')
  })
}

/** What is known against a board being of this kind; null if nothing is. */
export function doubt({ candidates }: Attached, kind: string): string {
  const own = candidates.find((candidate) => candidate.kind === kind)
  const [first] = candidates
  if (own) return own.reason
  return first ? `It looks like ${first.title}: ${first.reason}` : 'Nothing tells which board it is.'
}

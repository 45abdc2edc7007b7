// What is done with boards on cables; each request shows its answer at its place in the window.
import { at, attempts } from '../attempts.svelte'
import type { BackupStart, BoardKindView, CableRef, EraseStart, FlashStart, JobView, ProvisionStart, VirtualAdd } from '../backend/generated'
import { place } from '../place.svelte'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import { kindFor, nameOf, nameOfDfu, type Attached } from './attached'
import { connect, type Panel } from './connect.svelte'

/** Opens a panel of the Connect room. */
export function show(panel: Panel): void {
  place.panel = 'connect'
  attempts.dismiss(at.connect)
  connect.panel = panel
}

export async function allowAccess(): Promise<void> {
  connect.allowed = null
  const answer = await attempts.run(at.hardware, 'Asking for access', () => workbench.call('hardware.allow', {}))
  if (!answer) return
  connect.allowed = answer.text
  announcer.say(answer.text)
}

export async function lend(it: Attached): Promise<void> {
  if (!it.port) return
  const { path } = it.port
  const done = await attempts.run(at.cable(it.key), 'Lending', () => workbench.call('port.lend', { path }))
  if (done) announcer.say(`${path} is free for another program until you take it back`)
}

export async function takeBack(it: Attached): Promise<void> {
  if (!it.port) return
  const { path } = it.port
  const done = await attempts.run(at.cable(it.key), 'Taking back', () => workbench.call('port.take_back', { path }))
  if (done) announcer.say(`${path} is taken back`)
}

/** Lends or takes back the port of a board of the fleet. */
export async function lendPortOf(board: string, path: string, back: boolean): Promise<void> {
  const method = back ? 'port.take_back' : 'port.lend'
  const done = await attempts.run(at.board(board), back ? 'Taking back' : 'Lending', () => workbench.call(method, { path }))
  if (done) announcer.say(back ? `${path} is taken back` : `${path} is free for another program until you take it back`)
}

export function flash(start: FlashStart): Promise<boolean> {
  return begin(() => workbench.call('flash.start', start))
}
export function backup(start: BackupStart): Promise<boolean> {
  return begin(() => workbench.call('flash.backup', start))
}
export function erase(start: EraseStart): Promise<boolean> {
  return begin(() => workbench.call('flash.erase', start))
}
export function provision(start: ProvisionStart): Promise<boolean> {
  return begin(() => workbench.call('provision.start', start))
}

/** Starts jobs and shows them in place of the form that asked for them. */
async function begin(start: () => Promise<JobView | JobView[]>): Promise<boolean> {
  const answer = await attempts.run(at.connect, 'Starting', start)
  if (!answer) return false
  const jobs = [answer].flat()
  if (jobs.length > 1) connect.batch(jobs.map(({ id }) => id))
  // An update that came first is newer than the answer.
  for (const job of jobs) if (!connect.job(job.id)) connect.putJob(job)
  connect.selected.clear()
  const [first] = jobs
  if (first) connect.panel = jobs.length === 1 ? { kind: 'job', id: first.id } : { kind: 'batch', ids: jobs.map(({ id }) => id) }
  return true
}

export function cancelJob({ id }: JobView): Promise<unknown> {
  return attempts.run(at.job(id), 'Cancelling', () => workbench.call('job.cancel', { id }))
}

export async function resumeJob({ id }: JobView): Promise<void> {
  const before = connect.job(id)
  const job = await attempts.run(at.job(id), 'Resuming', () => workbench.call('job.resume', { id }))
  // An update that came meanwhile is newer than the answer: the job may have failed again.
  if (job && connect.job(id) === before) connect.putJob(job)
}

export async function addVirtual(board: Pick<VirtualAdd, 'kind'> & Partial<VirtualAdd>): Promise<boolean> {
  const params: VirtualAdd = { name: null, blank: true, usbip: false, seed: null, ...board }
  const added = await attempts.run(at.virtual, 'Starting the virtual board', () => workbench.call('virtual.add', params))
  if (added) announcer.say(`Plugged in the virtual board ${added.name}`)
  return added !== null
}

export function cable(it: Attached, action: 'pull' | 'plug'): Promise<unknown> {
  const name = nameOf(it)
  const what = action === 'pull' ? 'Pulling the cable' : 'Plugging in'
  return attempts.run(at.cable(it.key), what, () => workbench.call('virtual.cable', { name, action }))
}

export async function removeVirtual(it: Attached): Promise<void> {
  const name = nameOf(it)
  const done = await attempts.run(at.cable(it.key), 'Removing', () => workbench.call('virtual.remove', { name }))
  if (done) announcer.say(`Removed the virtual board ${name}`)
}

/** The kind that a form begins with. */
export function firstKind(boards: Attached[]): string {
  return kindFor(boards) ?? workbench.shipped[0]?.id ?? ''
}

/** The kinds of boards that a debug probe can reach. */
export function probeKinds(): BoardKindView[] {
  return workbench.shipped.filter(({ flashing }) => flashing.includes('probe'))
}

/** The title of a kind of board. */
export function titleOf(kind: string): string {
  return workbench.kinds.find(({ id }) => id === kind)?.title ?? kind
}

/** The probe of an operation by its name: `debug probe ST-Link V2-1`. */
export function probeName(id: string): string {
  return `debug probe ${connect.hardware?.probes.find((probe) => probe.id === id)?.name ?? id}`
}

/** A board on its cable, exactly: `/dev/ttyACM0 at usb-1-1.2`. */
export function exactly(it: Attached, ref?: CableRef): string {
  const { port, probe, dfu, topology } = it
  const ways = ref
    ? [ref.port, ref.probe && probeName(ref.probe), ref.dfu && `USB bootloader ${ref.dfu}`]
    : [port?.path, probe?.name, dfu && nameOfDfu(dfu)]
  return `${it.virtual ? `${it.virtual.name}, ` : ''}${ways.filter(Boolean).join(' with ')}${topology ? ` at ${topology}` : ''}`
}

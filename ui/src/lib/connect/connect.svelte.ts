// The state of the Connect room: hardware, jobs, chosen boards, and the open panel.
import { SvelteSet } from 'svelte/reactivity'
import type { ApiError, Hardware, JobView } from '../backend/generated'
import { fleet } from '../fleet/fleet.svelte'
import { announcer } from '../status/announce.svelte'
import { attachedOf, isKnown, kept, whyNot, type Attached, type Doing } from './attached'
import { ending, joined, tally, withJob, type JobFilter } from './jobs'

/** Boards that are provisioned at once. */
export const MOST_AT_ONCE = 32

/** What the panel beside the list is for. Boards are named by the key of [`Attached`], which outlives a re-enumeration. */
export type Panel =
  | { kind: 'provision'; boards: string[] }
  | { kind: 'flash' | 'backup' | 'erase'; board: string }
  | { kind: 'console'; path: string }
  /** Over a probe. `name`: of the board, which is not known any more while the probe is away. */
  | { kind: 'rtt' | 'samples' | 'peek' | 'gdb'; probe: string; name: string }
  | { kind: 'job'; id: number }
  | { kind: 'batch'; ids: number[] }

class Connect {
  hardware = $state.raw<Hardware | null>(null)
  /** Newest first. */
  jobs = $state.raw<JobView[]>([])
  /** Why ports and jobs could not be read. */
  failed = $state.raw<ApiError | null>(null)
  panel = $state.raw<Panel | null>(null)
  /** The form that adds a virtual board is open. */
  adding = $state(false)
  jobFilter = $state<JobFilter>('all')
  /** The answer to the last request for access. */
  allowed = $state<string | null>(null)
  readonly selected = new SvelteSet<string>()

  readonly attached: Attached[] = $derived.by(() => (this.#last = this.hardware === null ? [] : kept(this.#last, attachedOf(this.hardware))))
  /** The chosen boards that are still there and can be provisioned, in the order of the list. */
  readonly chosen: Attached[] = $derived(
    this.selected.size === 0 ? [] : this.attached.filter((it) => this.selected.has(it.key) && this.whyNot(it, 'provision') === null),
  )
  /** Those that "all" stands for: a port of which nothing is known is chosen by hand. */
  readonly selectable: Attached[] = $derived(this.attached.filter((it) => isKnown(it) && this.whyNot(it, 'provision') === null))

  #last: Attached[] = []
  /** Jobs that moved while the list was being read; null if it is not. */
  #meanwhile: Map<number, JobView> | null = null
  #hardwareChanged = false
  /** Jobs that were started together. */
  #batches: number[][] = []

  byKey(key: string): Attached | undefined {
    return this.attached.find((it) => it.key === key)
  }

  byProbe(id: string): Attached | undefined {
    return this.attached.find(({ probe }) => probe?.id === id)
  }

  job(id: number): JobView | undefined {
    return this.jobs.find((job) => job.id === id)
  }

  whyNot(it: Attached, doing: Doing): string | null {
    return whyNot(it, doing, isBoard)
  }

  /** Updates until `loaded` are newer than what is being read. */
  hold(): void {
    this.#meanwhile = new Map()
    this.#hardwareChanged = false
  }

  loaded(hardware: Hardware, jobs: JobView[]): void {
    if (!this.#hardwareChanged) this.hardware = hardware
    this.jobs = joined(jobs, this.#meanwhile?.values() ?? [])
    this.#meanwhile = null
    this.failed = null
  }

  putHardware(hardware: Hardware): void {
    this.#hardwareChanged = true
    this.hardware = hardware
    for (const key of this.selected) if (!this.byKey(key)) this.selected.delete(key)
  }

  putJob(job: JobView): void {
    this.#meanwhile?.set(job.id, job)
    const said = ending(this.job(job.id), job)
    this.jobs = withJob(this.jobs, job)
    if (said === null) return
    const batch = this.#batches.find((ids) => ids.includes(job.id))
    const together = batch?.map((id) => this.job(id)).filter((other) => other !== undefined)
    if (job.state === 'failed') announcer.say(said, 'bad')
    // Jobs that were started together are announced together, not each.
    if (!together) {
      if (job.state !== 'failed') announcer.say(said)
    } else if (together.every(({ state }) => state !== 'running')) {
      announcer.say(tally(together), together.every(({ state }) => state === 'done') ? 'good' : 'bad')
    }
  }

  batch(ids: number[]): void {
    this.#batches.push(ids)
  }
}

export function isBoard(name: string): boolean {
  return fleet.byRef(name) !== undefined
}

export const connect = new Connect()

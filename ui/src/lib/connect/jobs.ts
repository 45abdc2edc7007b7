// Jobs: their order, how they look, how far they are. Pure functions.
import type { JobKind, JobState, JobStep, JobView, StepState } from '../backend/generated'
import type { Look } from '../fleet/badge'
import { bytes, count } from '../format/format'
import { subjectOf } from './attached'

/** Jobs of the window; the workbench keeps all. */
export const KEPT_JOBS = 500

/** The jobs with this one in its newest state, newest first. */
export function withJob(jobs: JobView[], job: JobView): JobView[] {
  const i = jobs.findIndex(({ id }) => id === job.id)
  if (i >= 0) return jobs.with(i, job)
  return [...jobs, job].sort((a, b) => b.id - a.id).slice(0, KEPT_JOBS)
}

/** The list that was read, with the jobs that moved while it was being read. */
export function joined(read: JobView[], meanwhile: Iterable<JobView>): JobView[] {
  let jobs = [...read].sort((a, b) => b.id - a.id).slice(0, KEPT_JOBS)
  for (const job of meanwhile) jobs = withJob(jobs, job)
  return jobs
}

export type JobFilter = 'all' | 'running' | 'failed'

/** A job that was interrupted needs the user as a failed one does. */
export function filtered(jobs: JobView[], filter: JobFilter): JobView[] {
  if (filter === 'all') return jobs
  return jobs.filter(({ state }) => (filter === 'running' ? state === 'running' : state === 'failed' || state === 'interrupted'))
}

export const jobLook: Record<JobState, Look> = {
  running: { shape: 'arc', tone: 'busy', word: 'running' },
  done: { shape: 'dot', tone: 'running', word: 'done' },
  failed: { shape: 'square', tone: 'bad', word: 'failed' },
  cancelled: { shape: 'cross', tone: 'quiet', word: 'cancelled' },
  interrupted: { shape: 'broken', tone: 'warn', word: 'interrupted' },
}

export const stepLook: Record<StepState, Look> = {
  pending: { shape: 'ring', tone: 'quiet', word: 'to do' },
  running: { shape: 'arc', tone: 'busy', word: 'under way' },
  done: { shape: 'dot', tone: 'running', word: 'done' },
  skipped: { shape: 'bar', tone: 'quiet', word: 'not needed' },
  failed: { shape: 'square', tone: 'bad', word: 'failed' },
}

export const jobWord: Record<JobKind, string> = {
  flash: 'Flash firmware',
  backup: 'Back up',
  erase: 'Erase',
  provision: 'Provision',
}

/** `Provision ttyACM0` */
export function jobTitle(job: JobView): string {
  return `${jobWord[job.what]} ${subjectOf(job)}`
}

export function currentStep({ steps }: JobView): JobStep | undefined {
  return steps.find(({ state }) => state === 'running') ?? steps.find(({ state }) => state === 'failed')
}

/** Part of a step that is done, from 0 to 1; null if it does not count bytes. */
export function stepFraction({ state, done_bytes, total_bytes }: JobStep): number | null {
  if (state === 'done' || state === 'skipped') return 1
  if (total_bytes === 0) return null
  return Math.min(1, Math.max(0, done_bytes / total_bytes))
}

/** Part of a job that is done, from 0 to 1: each step counts the same. */
export function jobFraction({ state, steps }: JobView): number {
  if (state === 'done') return 1
  if (steps.length === 0) return 0
  const done = steps.reduce((sum, step) => sum + (step.state === 'pending' ? 0 : (stepFraction(step) ?? 0)), 0)
  return done / steps.length
}

/** `192 of 403 KiB`, or nothing. */
export function stepBytes({ state, done_bytes, total_bytes }: JobStep): string {
  if (total_bytes === 0) return ''
  if (state === 'done' || state === 'pending') return bytes(total_bytes)
  return `${bytes(done_bytes)} of ${bytes(total_bytes)}`
}

export function isResumable({ state }: JobView): boolean {
  return state === 'failed' || state === 'interrupted'
}

/** How many jobs are in which state: `2 of 3 boards done, 1 failed`. */
export function tally(jobs: JobView[]): string {
  const of = (...states: JobState[]) => jobs.filter(({ state }) => states.includes(state)).length
  const parts = [`${of('done')} of ${count(jobs.length, 'board')} done`]
  const failed = of('failed')
  const left = of('cancelled', 'interrupted')
  const running = of('running')
  if (failed > 0) parts.push(`${failed} failed`)
  if (left > 0) parts.push(`${left} stopped`)
  if (running > 0) parts.push(`${running} under way`)
  return parts.join(', ')
}

/** What is said once when a job ends. Null if it did not end just now. */
export function ending(before: JobView | undefined, now: JobView): string | null {
  if (before?.state !== 'running' || now.state === 'running') return null
  return `${jobTitle(now)}: ${jobLook[now.state].word}. ${now.text}`
}

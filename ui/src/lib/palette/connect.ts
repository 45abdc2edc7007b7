// The palette's actions for boards on cables, and for jobs.
import { allowAccess, cancelJob, resumeJob, show } from '../connect/actions'
import { blockedBy, nameOf } from '../connect/attached'
import { connect } from '../connect/connect.svelte'
import { isResumable, jobLook, jobTitle } from '../connect/jobs'
import { consoleItem, moreItems, probeItems, provisionItem } from '../connect/menu'
import { count } from '../format/format'
import { place } from '../place.svelte'
import type { Action } from './match'

/** Jobs that the palette offers; the room lists all. */
const JOBS = 20

export function connectActions(): Action[] {
  const { chosen, attached, jobs } = connect
  const act = (title: string, context: string, run: () => unknown): Action => ({ id: `connect ${title} ${context}`, title, context, run })
  const actions = [act('Add a virtual board…', 'Connect', () => ((place.panel = 'connect'), (connect.adding = true)))]
  if (attached.some((it) => blockedBy(it)?.type === 'denied')) actions.push(act('Allow access to ports and probes', 'Connect', allowAccess))
  if (chosen.length > 1) {
    const boards = chosen.map(({ key }) => key)
    actions.push(act(`Provision ${count(chosen.length, 'chosen board')}…`, 'Connect', () => show({ kind: 'provision', boards })))
  }
  for (const it of attached) {
    const name = nameOf(it)
    const about = [it.candidates[0]?.title, it.probe?.name, it.topology].filter(Boolean).join(' · ')
    for (const item of [provisionItem(it), consoleItem(it), ...probeItems(it), ...moreItems(it)]) {
      if (item.refused) continue
      const label = item.label.replace('…', '')
      actions.push({ ...act(`${label}: ${name}${item.label.endsWith('…') ? '…' : ''}`, about, item.run), id: `${item.label} ${it.key}` })
    }
  }
  for (const job of jobs.slice(0, JOBS)) {
    const title = `job ${job.id}: ${jobTitle(job)}`
    actions.push(act(`Show ${title}`, jobLook[job.state].word, () => show({ kind: 'job', id: job.id })))
    if (job.state === 'running') actions.push(act(`Cancel ${title}`, job.text, () => cancelJob(job)))
    if (isResumable(job)) actions.push(act(`Continue ${title}`, job.text, () => (show({ kind: 'job', id: job.id }), resumeJob(job))))
  }
  return actions
}

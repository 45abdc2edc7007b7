// The evidence of provisioned boards in the window: whether there is any, and its table and labels as files.
import { at, attempts } from '../attempts.svelte'
import { asApiError } from '../backend/backend'
import type { Evidence, JobView } from '../backend/generated'
import { count } from '../format/format'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'

/** The size of a label, in millimetres: that of common label printers, as on the command line. */
const LABEL = { width_mm: 62, height_mm: 29 }

/** Changes whenever there may be other evidence: a job that provisions a board has begun or ended. */
export function evidenceKey(jobs: JobView[]): string {
  const provisioning = jobs.filter(({ what }) => what === 'provision')
  return provisioning.map(({ id, state }) => `${id} ${state}`).join()
}

/** Why there is no table; null if there is one. */
export function whyNoTable(evidence: Evidence | null): string | null {
  if (evidence === null) return 'The evidence was not read yet'
  return evidence.rows.length + evidence.unreadable.length > 0 ? null : 'No board was provisioned yet'
}

/** Why there are no labels; null if there are some. */
export function whyNoLabels(evidence: Evidence | null): string | null {
  const none = whyNoTable(evidence)
  if (none !== null || evidence === null) return none
  return evidence.rows.some(({ outcome }) => outcome === 'passed') ? null : 'No board has passed yet'
}

class EvidenceOfBoards {
  /** Null until it was read. */
  known = $state.raw<Evidence | null>(null)
  #asked = 0

  async read(): Promise<void> {
    const asked = ++this.#asked
    try {
      const evidence = await workbench.call('evidence.list', {})
      // A later request has the newer answer.
      if (asked === this.#asked) this.known = evidence
    } catch (thrown) {
      if (asked === this.#asked) attempts.fail(at.evidence, asApiError(thrown))
    }
  }

  async saveTable(): Promise<void> {
    const saved = await attempts.run(at.evidence, 'Saving', async () => {
      const path = await workbench.backend.chooseSavePath('evidence.csv', 'csv', 'Save the evidence')
      if (path === null) return null
      return await workbench.call('evidence.export', { path })
    })
    if (saved?.path) announcer.say(`Saved ${saved.path}`)
  }

  async saveLabels(): Promise<void> {
    const saved = await attempts.run(at.evidence, 'Making labels', async () => {
      const path = await workbench.backend.chooseSavePath('labels.pdf', 'pdf', 'Save the labels')
      if (path === null) return null
      // The dialog has asked already whether to replace a file.
      return await workbench.call('labels.make', { boards: [], format: 'pdf', ...LABEL, path, overwrite: true })
    })
    if (!saved?.path) return
    const without = saved.left_out.map(({ board }) => board).join(', ')
    const labels = `${count(saved.boards.length, 'label')} in ${saved.path}`
    announcer.say(without ? `${labels}. Without a label, because the last attempt failed: ${without}` : labels)
  }
}

export const evidence = new EvidenceOfBoards()

// Deploying: look at the file first, ask for consent if it wants more than the usual, then hand it to the workbench.
import { at, attempts } from '../attempts.svelte'
import type { AppPreview, AppSource } from '../backend/generated'
import { fleet } from '../fleet/fleet.svelte'
import { count } from '../format/format'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'

/** An app that waits for the user's consent to what it calls. */
export interface Proposal {
  source: AppSource
  preview: AppPreview
  boards: string[]
}

class Deployments {
  /** Shown on the first of its boards. */
  proposal = $state.raw<Proposal | null>(null)
  /** The board whose form for choosing an app is open. */
  formFor = $state<string | null>(null)

  /** `seen`: what the first of them is, if that was looked at already. */
  async deployPaths(paths: string[], boards: string[], seen: AppPreview | null = null): Promise<void> {
    for (const [i, path] of paths.entries()) await this.deploy({ path }, boards, i === 0 ? seen : null)
  }

  /** Looks at the module and deploys it where it fits; says on each board why not. */
  async deploy(source: AppSource, boards: string[], seen: AppPreview | null = null): Promise<void> {
    const [first] = boards
    if (first === undefined) return
    const verdicts = seen?.boards.filter((verdict) => boards.includes(verdict.board))
    const preview =
      seen && verdicts?.length === boards.length
        ? { ...seen, boards: verdicts }
        : await attempts.run(at.deploy(first), 'Reading the module', () => workbench.call('app.preview', { source, boards }))
    if (!preview) return
    const fitting: string[] = []
    for (const verdict of preview.boards) {
      if (verdict.refused === null) fitting.push(verdict.board)
      else attempts.fail(at.deploy(verdict.board), { code: 'refused', message: verdict.refused, detail: null })
    }
    if (fitting.length === 0) return
    const proposal = { source, preview, boards: fitting }
    if (preview.needs_consent.length > 0) this.proposal = proposal
    else await this.accept(proposal)
  }

  /** Deploys what was proposed, with consent to all that it asks for. */
  async accept(proposal: Proposal): Promise<void> {
    if (this.proposal === proposal) this.proposal = null
    const [first] = proposal.boards
    if (first === undefined) return
    const { name, needs_consent } = proposal.preview
    const accepted = await attempts.run(at.deploy(first), `Signing ${name}`, () =>
      workbench.call('app.deploy', {
        source: proposal.source,
        boards: proposal.boards,
        name: null,
        version: null,
        grant: needs_consent,
        no_start: false,
      }),
    )
    if (!accepted) return
    this.formFor = null
    const where = accepted.boards.length === 1 ? boardName(accepted.boards[0]) : count(accepted.boards.length, 'board')
    announcer.say(`Deploying ${accepted.app} ${accepted.version} to ${where}`)
  }
}

export function boardName(id: string | undefined): string {
  return (id !== undefined && fleet.byRef(id)?.name) || 'the board'
}

export const deployments = new Deployments()

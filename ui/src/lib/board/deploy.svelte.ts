// Deploying: analyse the file first, ask for consent if it needs more than the default, then pass it to the workbench.
// A board that cannot take the app is named with the reason and does not stop the others.
import { at, attempts } from '../attempts.svelte'
import type { AppPreview, AppSource, AppView, Verdict } from '../backend/generated'
import { fleet } from '../fleet/fleet.svelte'
import { marks, type Refusal } from '../fleet/marks.svelte'
import { count } from '../format/format'
import { preferences } from '../settings/preferences.svelte'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'
import { noApps } from './limits'
import type { Remedy } from './remedies'

/** An app that waits for the user's consent to its capabilities, or for a version. */
export interface Proposal {
  source: AppSource
  preview: AppPreview
  version: string | null
  /** The boards that can take it. */
  boards: string[]
  refusals: Refusal[]
}

export interface DeployOptions {
  /** The module's analysis, if it is known already. */
  seen?: AppPreview | null
  /** Null for the module's own version, or the next one if it has none. */
  version?: string | null
}

class Deployments {
  /** Shown at the board's apps, or in the panel of the marks if there are several boards. */
  proposal = $state.raw<Proposal | null>(null)
  /** The board whose form for choosing an app is open. */
  formFor = $state<string | null>(null)

  /** `seen` is about the first of them. */
  async deployPaths(paths: string[], boards: string[], options: DeployOptions = {}): Promise<void> {
    for (const [i, path] of paths.entries()) await this.deploy({ path }, boards, i === 0 ? options : { ...options, seen: null })
  }

  /** Analyses the module and deploys it to boards that can take it; reports the reason for each other board. */
  async deploy(source: AppSource, boards: string[], { seen = null, version = null }: DeployOptions = {}): Promise<void> {
    if (boards.length === 0) return
    const here = placeOf(boards)
    const verdicts = seen?.boards.filter((verdict) => boards.includes(verdict.board))
    const preview =
      seen && version === null && verdicts?.length === boards.length
        ? { ...seen, boards: verdicts }
        : await attempts.run(here, 'Reading the module', () => workbench.call('app.preview', { source, boards, version }))
    if (!preview) return
    const fitting = preview.boards.filter((verdict) => verdict.refused === null)
    const refusals = refusalsOf(preview.boards)
    if (fitting.length === 0) {
      if (boards.length === 1) attempts.fail(here, { code: 'refused', message: refusals[0]!.why, detail: null })
      else marks.say(`None of ${count(boards.length, 'board')} can take ${preview.name}`, refusals)
      return
    }
    const proposal = { source, preview, version, boards: fitting.map(({ board }) => board), refusals }
    if (preview.needs_consent.length > 0 || preview.plan.type !== 'new') this.proposal = proposal
    else await this.accept(proposal)
  }

  /** Deploys the proposed app, with consent to all that it requests; null keeps the requested version. */
  async accept(proposal: Proposal, other: string | null = null): Promise<void> {
    if (this.proposal === proposal) this.proposal = null
    const { boards } = proposal
    const version = other ?? proposal.version
    const { name, needs_consent } = proposal.preview
    const many = boards.length + proposal.refusals.length > 1
    const accepted = await attempts.run(many ? at.marks : placeOf(boards), `Signing ${name}`, () =>
      workbench.call('app.deploy', {
        source: proposal.source,
        boards,
        name: null,
        version,
        grant: needs_consent,
        no_start: false,
      }),
    )
    if (!accepted) return
    const refusals = [...proposal.refusals, ...refusalsOf(accepted.refused)]
    this.formFor = null
    rememberSource(accepted.app, proposal.source)
    if (many) marks.form = null
    const where = accepted.boards.length === 1 ? boardName(accepted.boards[0]) : count(accepted.boards.length, 'board')
    const sentence = `Deploying ${accepted.app} ${accepted.version} to ${where}`
    if (many && refusals.length > 0) marks.say(`${sentence}, ${count(refusals.length, 'board')} cannot take it`, refusals)
    else announcer.say(sentence)
  }

  /** Opens the form of a board; one that takes no apps says so instead. */
  openForm(board: string): void {
    const known = fleet.boards.get(board)
    const reason = known ? noApps(known) : null
    if (reason === null) this.formFor = board
    else announcer.say(reason, 'bad')
  }

  /** Deploys an app's module again with the missing grant. Asks for the file if this window does not know it. */
  async remedy(board: string, app: AppView, { grant }: Remedy): Promise<void> {
    const place = at.app(board, app.name)
    const accepted = await attempts.run(place, 'Signing', async () => {
      const source = preferences.value.sources[app.name] ?? (await chosen())
      if (!source) return null
      rememberSource(app.name, source)
      return await workbench.call('app.deploy', {
        source,
        boards: [board],
        name: app.name,
        version: null,
        // What it was granted before, it keeps.
        grant: [...app.capabilities, grant],
        no_start: false,
      })
    })
    if (accepted) announcer.say(`Deploying ${accepted.app} ${accepted.version} to ${boardName(board)}`)
  }
}

async function chosen(): Promise<AppSource | null> {
  const [path] = await workbench.backend.chooseModules()
  return path === undefined ? null : { path }
}

/** Limit of apps whose files are remembered; the oldest are dropped first. */
const SOURCES = 100

function rememberSource(app: string, source: AppSource): void {
  if ('bytes' in source) return
  const others = Object.entries(preferences.value.sources).filter(([name]) => name !== app)
  preferences.value.sources = { ...Object.fromEntries(others.slice(1 - SOURCES)), [app]: source }
}

/** The place that shows the result of a deployment to these boards. */
export function placeOf(boards: string[]): string {
  const [only] = boards
  return boards.length === 1 && only !== undefined ? at.deploy(only) : at.marks
}

/** The boards that cannot take the app, each with its reason. */
export function refusalsOf(verdicts: Verdict[]): Refusal[] {
  return verdicts.flatMap(({ board, refused }) => (refused === null ? [] : [{ name: boardName(board), why: refused }]))
}

export function boardName(id: string | undefined): string {
  return (id !== undefined && fleet.byRef(id)?.name) || 'the board'
}

export const deployments = new Deployments()

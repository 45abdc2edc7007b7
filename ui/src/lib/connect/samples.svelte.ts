// Profiles over debug probes: what is asked for, how far it is, and what came. They stay when the panel is closed.
import { SvelteMap } from 'svelte/reactivity'
import { at, attempts } from '../attempts.svelte'
import type { ProfileFormat, ProfileSampled } from '../backend/generated'
import { count } from '../format/format'
import { announcer } from '../status/announce.svelte'
import { workbench } from '../workbench.svelte'

/** The longest profile that the workbench takes, in seconds. */
export const LONGEST_S = 300
/** Functions in the table. */
const TOP = 500

/** The formats of the file, with the ending of its name. Samples have no coverage. */
export const sampleFormats: Array<{ format: ProfileFormat; title: string; extension: string }> = [
  { format: 'svg', title: 'Flame graph, SVG', extension: 'svg' },
  { format: 'png', title: 'Flame graph, PNG', extension: 'png' },
  { format: 'speedscope', title: 'JSON for speedscope', extension: 'json' },
  { format: 'firefox', title: 'JSON for the Firefox Profiler', extension: 'json' },
  { format: 'folded', title: 'Folded stacks, a line for each function', extension: 'txt' },
]

/** A length in seconds; null if the text is none that the workbench takes. */
export function secondsOf(text: string): number | null {
  const value = Number(text.trim().replace(',', '.'))
  return text.trim() !== '' && value > 0 && value <= LONGEST_S ? value : null
}

/** What is asked for; `kind`: null if the probe tells it. */
export interface Wanted {
  seconds: number
  kind: string | null
  elf: string | null
  file: { format: ProfileFormat; path: string } | null
}

/** A profile that is being taken. */
export interface Taking {
  seconds: number
  beganMs: number
}

class Samples {
  /** By the id of the probe. */
  readonly taking = new SvelteMap<string, Taking>()
  /** The last profile of each probe, and when it ended. */
  readonly taken = new SvelteMap<string, { profile: ProfileSampled; endedMs: number }>()

  /** `name`: of the board, for people. */
  async take(probe: string, name: string, { seconds, kind, elf, file }: Wanted): Promise<void> {
    if (this.taking.has(probe)) return
    this.taking.set(probe, { seconds, beganMs: Date.now() })
    const asked = { probe, kind, elf, for_s: seconds, top: TOP, format: file?.format ?? null, path: file?.path ?? null, dark: false }
    const profile = await attempts.run(at.samples(probe), 'Taking samples', () => workbench.call('profile.sample', asked))
    this.taking.delete(probe)
    if (!profile) return
    this.taken.set(probe, { profile, endedMs: Date.now() })
    announcer.say(`The profile of ${name} has ${count(profile.samples, 'sample')}${profile.path ? `; saved ${profile.path}` : ''}`)
  }

  /** Ends a profile before its time; the samples so far are shown. */
  stop(probe: string): Promise<unknown> {
    return attempts.run(at.stopping(probe), 'Stopping', () => workbench.call('profile.sample_stop', { probe }))
  }

  /** Forgets all profiles. */
  drop(): void {
    this.taking.clear()
    this.taken.clear()
  }
}

export const samples = new Samples()

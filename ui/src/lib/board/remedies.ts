// Remedies for an app that was ended for a missing grant: consent, or a higher limit. Each is one deployment of the same
// module, which the gateway signs and writes into its audit log.
import type { FailureView } from '../backend/generated'
import { bytes } from '../format/format'

export interface Remedy {
  label: string
  /** Description of the action, for tooltips and screen readers. */
  title: string
  /** The grant of the deployment: a capability, or a limit as `memory:BYTES` or `callback:MS`. */
  grant: string
}

const KIB = 1024

/** The remedies for a failure; none for errors in the app itself. The texts are those of the firmware. */
export function remedies({ reason, detail }: FailureView): Remedy[] {
  const denied = /([a-z]+(?::\S+)?) is not granted/.exec(detail)?.[1]
  if (denied !== undefined) {
    return [{ label: `Grant ${denied}`, title: `Deploys the same module again, with ${denied} granted`, grant: denied }]
  }
  const memory = /(\d+) bytes(?: of memory| was refused)?, (\d+) are allowed/.exec(detail)
  if (reason === 'memory-limit' && memory) {
    const [wanted, allowed] = [Number(memory[1]), Number(memory[2])]
    const limit = Math.ceil(Math.max(wanted, 2 * allowed) / KIB) * KIB
    return [raised(`Raise the limit to ${bytes(limit)}`, `memory up to ${bytes(limit)}`, `memory:${limit}`)]
  }
  const late = /longer than (\d+) ms/.exec(detail)?.[1]
  if (late !== undefined) {
    const limit = 2 * Number(late)
    return [raised(`Raise the limit to ${limit} ms`, `up to ${limit} ms for each call`, `callback:${limit}`)]
  }
  return []
}

function raised(label: string, what: string, grant: string): Remedy {
  return { label, title: `Deploys the same module again, with ${what}`, grant }
}

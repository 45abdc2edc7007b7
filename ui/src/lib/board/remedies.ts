// Remedies for an app that was ended for a missing grant: consent, or a higher limit. Each is one deployment of the same
// module, which the gateway signs and writes into its audit log.
import type { BoardKindView, FailureView } from '../backend/generated'
import { bytes } from '../format/format'

export interface Remedy {
  label: string
  /** Description of the action, for tooltips and screen readers. */
  title: string
  /** The grant of the deployment: a capability, or a limit as `memory:BYTES` or `callback:MS`. */
  grant: string
}

const KIB = 1024

/** What the app called without a grant: `random`, `gpio:7`. The text is the firmware's. */
function deniedBy({ detail }: FailureView): string | undefined {
  return /([a-z]+(?::\S+)?) is not granted/.exec(detail)?.[1]
}

/** Why consent does not help, in a sentence; null: it may. No consent gives an app a pin that the board keeps. */
export function deadEnd(failure: FailureView, kind: BoardKindView | undefined): string | null {
  const pin = /^gpio:(\d+)$/.exec(deniedBy(failure) ?? '')?.[1]
  const offered = kind?.app_pins
  if (pin === undefined || !offered || offered.includes(Number(pin))) return null
  const instead = offered.length > 0 ? `the pins ${offered.join(', ')}` : 'no pins'
  return `This board does not give pin ${pin} to apps. It gives them ${instead}.`
}

/** The remedies for a failure on a kind of board; none for errors in the app itself. The texts are those of the firmware. */
export function remedies(failure: FailureView, kind: BoardKindView | undefined): Remedy[] {
  if (deadEnd(failure, kind) !== null) return []
  const { reason, detail } = failure
  const denied = deniedBy(failure)
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

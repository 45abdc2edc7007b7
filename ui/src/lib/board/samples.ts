// The sample apps of Drydock, and their descriptions.
import type { Sample } from '../backend/generated'
import type { MenuItem } from '../frame/MenuList.svelte'
import { workbench } from '../workbench.svelte'
import { deployments } from './deploy.svelte'

const about: Record<string, string> = {
  blink: 'blinks the LED and counts in the console',
  sensor: "reads the chip's temperature twice a second",
  wave: 'publishes a sine a thousand times a second',
  hello: 'C with WASI: greets and ends',
  counter: 'hand-written text format: counts',
  spin: 'never returns: is ended, and the board goes on',
  trap: 'fails on purpose: shows how a failure looks',
  hungry: 'asks for more memory than it may have',
  trespass: 'calls what it was not granted',
}
/** The ones that work first, then the ones that fail on purpose. */
const order = Object.keys(about)

export function inOrder(samples: Sample[]): Sample[] {
  const rank = ({ name }: Sample) => (order.includes(name) ? order.indexOf(name) : order.length)
  return [...samples].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name))
}

export function aboutSample(name: string): string | undefined {
  return about[name]
}

export function deploySample(sample: string, boards: string[]): Promise<void> {
  return deployments.deploy({ sample }, boards)
}

/** The samples as a menu that deploys to these boards. */
export function sampleMenu(boards: string[]): MenuItem[] {
  return workbench.samples.map(({ name }) => ({ label: name, note: about[name], run: () => deploySample(name, boards) }))
}

// Whether boards may enroll that were not added in this window.
import { at, attempts } from '../attempts.svelte'
import { workbench } from '../workbench.svelte'

export async function setPairing(enabled: boolean): Promise<void> {
  await attempts.run(at.settings, 'Setting pairing', () => workbench.call('pairing.set', { enabled }))
  await workbench.refreshInfo()
}

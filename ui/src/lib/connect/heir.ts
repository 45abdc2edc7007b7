// Focus that is not lost with the control that had it.
import { tick } from 'svelte'

/** Takes the focus if what had it is gone, such as the button that was pressed, or if only the panel's title has it. */
export function heir(element: HTMLElement): void {
  void tick().then(() => {
    const { activeElement } = document
    if (activeElement === document.body || activeElement?.id === 'connect-panel-title') element.focus()
  })
}

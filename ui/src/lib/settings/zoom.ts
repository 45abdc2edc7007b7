// The size of everything in the window.
import { preferences } from './preferences.svelte'

/** In percent. */
export const zoomSteps = [75, 90, 100, 110, 125, 150, 175, 200]

export function setZoom(percent: number): void {
  preferences.value.zoom = percent
}

/** The next larger or smaller size. */
export function zoomBy(direction: 1 | -1): void {
  const now = preferences.value.zoom
  const next = direction > 0 ? zoomSteps.find((step) => step > now) : zoomSteps.findLast((step) => step < now)
  if (next !== undefined) setZoom(next)
}

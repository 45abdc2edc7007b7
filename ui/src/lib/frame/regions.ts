// The parts of the window that F6 cycles through and that skip links target.

interface Region {
  /** The first of these that exists takes the focus. */
  focus: string[]
}

const regions: Region[] = [
  { focus: ['nav[aria-label="Rooms"] [aria-current]', 'nav[aria-label="Rooms"] button'] },
  { focus: ['[role="grid"][aria-label="Boards"]', 'section.list button'] },
  { focus: ['[aria-label="Marked boards"] button'] },
  { focus: ['main'] },
  { focus: ['aside'] },
  { focus: ['[data-card="apps"]'] },
  { focus: ['[data-card="signals"]'] },
  { focus: ['[data-card="console"] [role="log"]', '[data-card="console"]'] },
  { focus: ['[data-card="front"]'] },
  { focus: ['footer[aria-label="Status"]'] },
]

/** Focuses the first of these elements that exists. */
export function focusOn(...selectors: string[]): boolean {
  for (const selector of selectors) {
    const element = document.querySelector<HTMLElement>(selector)
    if (!element) continue
    if (element.tabIndex < 0 && !element.hasAttribute('tabindex')) element.tabIndex = -1
    element.focus()
    element.scrollIntoView?.({ block: 'nearest' })
    return true
  }
  return false
}

/** Moves to the next existing part, or to the previous one. */
export function nextRegion(back: boolean): void {
  const there = regions.flatMap(({ focus }) => {
    const element = focus.map((selector) => document.querySelector(selector)).find(Boolean)
    return element ? [{ focus, element }] : []
  })
  if (there.length === 0) return
  // The innermost part that contains the focus: cards are inside the main part.
  const holds = there.map(({ element, focus }) => {
    const part = element.closest('nav, section, aside, footer, main, [data-card]') ?? element
    return focus[0] === 'main' ? element === document.activeElement || element.contains(document.activeElement) : part.contains(document.activeElement)
  })
  let at = holds.lastIndexOf(true)
  if (at < 0) at = back ? 0 : -1
  const step = back ? there.length - 1 : 1
  focusOn(...there[(at + step + there.length) % there.length]!.focus)
}

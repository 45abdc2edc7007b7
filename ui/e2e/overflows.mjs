// Elements that overflow their card on a page: run in the page itself, by the window's cases and by layout.mjs.

/** Controls and names outside of their card or row, a sentence each. */
export function overflows() {
  const found = []
  const leaves = (part, box, where) => {
    const r = part.getBoundingClientRect()
    if (r.width === 0 || (r.left >= box.left - 1 && r.right <= box.right + 1)) return
    found.push(`${part.getAttribute('aria-label') ?? part.textContent.trim().slice(0, 40)} leaves ${where}`)
  }
  for (const header of document.querySelectorAll('[data-card] > header, main > header, section > header')) {
    const home = header.closest('[data-card], main, section')
    for (const part of header.querySelectorAll('button, select, input, h2, h3, .note, .tally')) {
      leaves(part, home.getBoundingClientRect(), home.dataset.card ?? home.getAttribute('aria-label') ?? 'its page')
    }
  }
  for (const row of document.querySelectorAll('[role=row][data-row], aside > header, .connect-foot, aside > .bar')) {
    for (const part of row.querySelectorAll('button, strong, .chip')) leaves(part, row.getBoundingClientRect(), 'its row')
  }
  for (const row of document.querySelectorAll('[data-card] li')) {
    for (const part of row.querySelectorAll('button, .word, .name')) leaves(part, row.getBoundingClientRect(), 'its row')
  }
  const search = document.querySelector('[data-key=console-search]')?.getBoundingClientRect()
  if (search && search.width < 60) found.push(`the search of the console is ${search.width} pixels wide`)
  return found
}

/** The sizes of a window that are tried, down to its least. */
export const sizes = [
  [2200, 1000],
  [1440, 900],
  [1200, 700],
  [1000, 640],
  [960, 600],
]

// Which rows of a long list are worth drawing.

export interface Slice {
  first: number
  /** Exclusive. */
  last: number
}

/** Rows in sight and `overscan` beside them. */
export function visibleSlice(scrollTop: number, height: number, row: number, count: number, overscan = 6): Slice {
  const first = Math.max(0, Math.floor(scrollTop / row) - overscan)
  const last = Math.min(count, Math.ceil((scrollTop + height) / row) + overscan)
  return { first: Math.min(first, last), last }
}

/** Where to scroll so that a row is wholly in sight; unchanged if it is. */
export function scrollToShow(index: number, scrollTop: number, height: number, row: number): number {
  const top = index * row
  if (top < scrollTop) return top
  if (top + row > scrollTop + height) return top + row - height
  return scrollTop
}

/** More boards than this are listed in one line each, unless the user chose. */
export const ROOMY_AT_MOST = 12

/** Whether a row has one line; `rows` is what the user chose: `one`, `three` or `auto`. */
export function isDense(rows: string, boards: number): boolean {
  return rows === 'one' || (rows !== 'three' && boards > ROOMY_AT_MOST)
}

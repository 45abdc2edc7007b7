// Colours in the text of boards: programs set them with "Select Graphic Rendition", as for a terminal.

/** The colours of a terminal, as names of the window's look. */
const INKS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const
export type Ink = (typeof INKS)[number]

export interface Style {
  ink: Ink | null
  bold: boolean
}
export const PLAIN: Style = { ink: null, bold: false }

/** A piece of a line in one style; `hit` if a search found it. */
export interface Run extends Style {
  text: string
  hit: boolean
}

// eslint-disable-next-line no-control-regex
const SEQUENCE = /\x1b\[([0-9;:]{0,44})m/g

/** The style after the parameters of a sequence. Backgrounds, and colours beyond the sixteen, change nothing. */
export function styled(style: Style, parameters: string): Style {
  const numbers = parameters.split(';')
  let { ink, bold } = style
  for (let i = 0; i < numbers.length; i++) {
    const number = Number(numbers[i] || '0')
    if (number === 0) ({ ink, bold } = PLAIN)
    else if (number === 1) bold = true
    else if (number === 22) bold = false
    else if (number >= 30 && number <= 37) ink = INKS[number - 30]!
    else if (number >= 90 && number <= 97) ink = INKS[number - 90]!
    else if (number === 39) ink = null
    else if (number === 38 || number === 48 || number === 58) {
      // A colour by number, or by red, green and blue.
      const isNumber = numbers[i + 1] === '5'
      const value = Number(numbers[i + 2] ?? '16')
      if (number === 38 && isNumber && value < 16) ink = INKS[value % 8]!
      i += isNumber ? 2 : 4
    }
  }
  return ink === null && !bold ? PLAIN : { ink, bold }
}

/** A line without its colours. */
export function plain(text: string): string {
  return text.includes('\x1b') ? text.replace(SEQUENCE, '') : text
}

/** A line in pieces of one style each. */
function inStyles(text: string): { text: string; style: Style }[] {
  const cut: { text: string; style: Style }[] = []
  let style = PLAIN
  let from = 0
  for (const match of text.matchAll(SEQUENCE)) {
    if (match.index > from) cut.push({ text: text.slice(from, match.index), style })
    style = styled(style, match[1]!)
    from = match.index + match[0].length
  }
  if (from < text.length) cut.push({ text: text.slice(from), style })
  return cut
}

/** The pieces of a line to draw, divided where the style changes, and where a search (ignoring case) begins or ends. */
export function runs(text: string, search: string): Run[] {
  const wanted = search.trim().toLowerCase()
  const pieces = text.includes('\x1b') ? inStyles(text) : [{ text, style: PLAIN }]
  if (wanted === '') return pieces.map(({ text, style }) => ({ text, ...style, hit: false }))
  const lower = plain(text).toLowerCase()
  const drawn: Run[] = []
  let position = 0
  let hit = lower.indexOf(wanted)
  for (const { text, style } of pieces) {
    const end = position + text.length
    let from = position
    while (from < end) {
      // The end of the found text, if this place is in it; otherwise where the next one begins.
      if (hit >= 0 && from >= hit + wanted.length) hit = lower.indexOf(wanted, from)
      const isHit = hit >= 0 && from >= hit
      const to = Math.min(end, hit < 0 ? end : isHit ? hit + wanted.length : hit)
      drawn.push({ text: text.slice(from - position, to - position), ...style, hit: isHit })
      from = to
    }
    position = end
  }
  return drawn
}

// A profile as a tree of calls, and the positions of its boxes. Pure functions; FlameGraph.svelte shows them.

export type FlameKind = 'code' | 'interrupt' | 'waiting'

export interface FlameNode {
  /** Index in depth-first order; a parent comes before its callees. */
  index: number
  name: string
  kind: FlameKind
  parent: FlameNode | null
  /** Calls, the heaviest first. */
  calls: FlameNode[]
  /** Own weight, and weight including all callees. */
  own: number
  total: number
}

export interface FlameTree {
  /** Threads and interrupts, the heaviest first. */
  roots: FlameNode[]
  /** Every node by its index. */
  nodes: FlameNode[]
  /** Weight of all. */
  total: number
}

/** The speedscope format of `profile.export`, limited to the fields that are read here. */
export interface Speedscope {
  shared: { frames: Array<{ name: string }> }
  profiles: Array<{ name: string; samples: number[][]; weights: number[] }>
}

const WAITING = '(waiting for flash)'

/** The tree of one of the file's profiles, `cycles` or `instructions`. `interrupts`: names of those. */
export function flameTree(file: Speedscope, weight: string, interrupts: string[]): FlameTree {
  const profile = file.profiles.find((p) => p.name === weight)
  const roots: FlameNode[] = []
  const known = new Map<FlameNode[], Map<number, FlameNode>>()
  const find = (among: FlameNode[], frame: number, parent: FlameNode | null): FlameNode => {
    let byFrame = known.get(among)
    if (!byFrame) known.set(among, (byFrame = new Map()))
    let node = byFrame.get(frame)
    if (!node) {
      const name = file.shared.frames[frame]?.name ?? '?'
      const kind = name === WAITING ? 'waiting' : (parent?.kind ?? (interrupts.includes(name) ? 'interrupt' : 'code'))
      node = { index: 0, name, kind, parent, calls: [], own: 0, total: 0 }
      byFrame.set(frame, node)
      among.push(node)
    }
    return node
  }
  profile?.samples.forEach((stack, i) => {
    const weight = profile.weights[i] ?? 0
    let among = roots
    let node: FlameNode | null = null
    for (const frame of stack) {
      node = find(among, frame, node)
      node.total += weight
      among = node.calls
    }
    if (node) node.own += weight
  })
  const nodes: FlameNode[] = []
  const sort = (calls: FlameNode[]) => {
    calls.sort((a, b) => b.total - a.total || a.name.localeCompare(b.name))
    for (const node of calls) {
      node.index = nodes.push(node) - 1
      sort(node.calls)
    }
  }
  sort(roots)
  return { roots, nodes, total: roots.reduce((sum, root) => sum + root.total, 0) }
}

export interface Box {
  node: FlameNode
  row: number
  /** Pixels. */
  left: number
  width: number
}

/** Narrower boxes are left out. */
const NARROWEST = 1.5
/** Limit of drawn rows. */
const ROWS = 96

/** The positions of the boxes in a width. A zoomed node and its callers fill the width; its callees are below. */
export function boxes(tree: FlameTree, zoomed: FlameNode | null, width: number): Box[] {
  const all: Box[] = []
  const place = (nodes: FlameNode[], row: number, from: number, scale: number) => {
    let left = from
    for (const node of nodes) {
      const wide = node.total * scale
      if (wide >= NARROWEST && row < ROWS) {
        all.push({ node, row, left, width: wide })
        place(node.calls, row + 1, left, scale)
      }
      left += wide
    }
  }
  if (!zoomed) {
    place(tree.roots, 0, 0, width / Math.max(1, tree.total))
    return all
  }
  const callers: FlameNode[] = []
  for (let node = zoomed.parent; node; node = node.parent) callers.unshift(node)
  callers.forEach((node, row) => all.push({ node, row, left: 0, width }))
  place([zoomed], callers.length, 0, width / Math.max(1, zoomed.total))
  return all
}

/** The visible node to which a key moves. */
export function step(from: FlameNode, key: string, tree: FlameTree, drawn: Set<FlameNode>): FlameNode | null {
  const beside = (from.parent?.calls ?? tree.roots).filter((n) => drawn.has(n))
  const at = beside.indexOf(from)
  switch (key) {
    case 'ArrowDown':
      return from.calls.find((n) => drawn.has(n)) ?? null
    case 'ArrowUp':
      return from.parent && drawn.has(from.parent) ? from.parent : null
    case 'ArrowLeft':
      return beside[at - 1] ?? null
    case 'ArrowRight':
      return beside[at + 1] ?? null
    default:
      return null
  }
}

export interface Found {
  nodes: Set<FlameNode>
  /** Share of the total, from 0 to 1; a match inside of another match is not counted again. */
  share: number
}

/** The nodes whose name holds a text, letter case aside. */
export function search(tree: FlameTree, text: string): Found | null {
  const wanted = text.trim().toLowerCase()
  if (wanted === '') return null
  const nodes = new Set<FlameNode>()
  let weight = 0
  const look = (calls: FlameNode[], inside: boolean) => {
    for (const node of calls) {
      const hit = node.name.toLowerCase().includes(wanted)
      if (hit) nodes.add(node)
      if (hit && !inside) weight += node.total
      look(node.calls, inside || hit)
    }
  }
  look(tree.roots, false)
  return { nodes, share: weight / Math.max(1, tree.total) }
}

/** A Rust name without generic arguments and with its path cut down to the type: `Vec::push`. */
export function brief(name: string): string {
  const qualified = /^<(.*)$/.exec(name) ? splitType(name.slice(1)) : null
  const text = qualified ? `${qualified[0].split(' as ')[0]}${qualified[1]}` : name
  let depth = 0
  let plain = ''
  for (const letter of text) {
    if (letter === '<' || letter === '[') depth += 1
    if (depth === 0) plain += letter
    if ((letter === '>' || letter === ']') && depth > 0) depth -= 1
  }
  const parts = plain.split('::').filter((part) => part !== '')
  return parts.slice(parts.at(-1)?.startsWith('{') ? -3 : -2).join('::')
}

/** The text before and after the `>` that ends a qualified type. */
function splitType(rest: string): [string, string] | null {
  let depth = 1
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] === '<') depth += 1
    else if (rest[i] === '>' && rest[i - 1] !== '-') depth -= 1
    if (depth === 0) return [rest.slice(0, i), rest.slice(i + 1)]
  }
  return null
}

/** A shade of a function's own, always the same: 0 to 1. */
export function shade(name: string): number {
  let sum = 7
  for (let i = 0; i < name.length; i++) sum = (Math.imul(sum, 31) + name.charCodeAt(i)) >>> 0
  return (sum % 100) / 100
}

/** A part of a whole: `12.3 %`. */
export function share(part: number, of: number): string {
  return `${((100 * part) / Math.max(1, of)).toFixed(1)}\u00a0%`
}

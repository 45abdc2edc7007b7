// The flame graph's tree, boxes, search and keys.
import { describe, expect, it } from 'vitest'
import { boxes, brief, flameTree, search, shade, step, type Speedscope } from '$lib/emulation/flame'

const file: Speedscope = {
  shared: { frames: ['main', 'app::run', '<u8 as app::Sum>::sum', 'interrupt 1', '(waiting for flash)'].map((name) => ({ name })) },
  profiles: [
    { name: 'cycles', samples: [[0, 1], [0, 1, 2], [0, 4], [3], [3, 2]], weights: [300, 600, 100, 12, 88] },
    { name: 'instructions', samples: [[0, 1], [3]], weights: [200, 50] },
  ],
}
const tree = flameTree(file, 'cycles', ['interrupt 1'])
const [main, interrupt] = tree.roots as [(typeof tree.roots)[0], (typeof tree.roots)[0]]
const run = main.calls[0]!
const sum = run.calls[0]!

describe('the tree of calls', () => {
  it('adds up what each function calls', () => {
    expect(tree.total).toBe(1100)
    expect([main.name, main.total, main.own]).toEqual(['main', 1000, 0])
    expect([run.total, run.own, sum.total, interrupt.total]).toEqual([900, 300, 600, 100])
    expect(flameTree(file, 'instructions', []).total).toBe(250)
  })
  it('knows interrupts and waiting', () => {
    expect([sum.kind, interrupt.kind, interrupt.calls[0]!.kind, main.calls[1]!.kind]).toEqual([
      'code',
      'interrupt',
      'interrupt',
      'waiting',
    ])
  })
  it('numbers a caller before what it calls', () => {
    expect(tree.nodes.every((node, i) => node.index === i && (node.parent?.index ?? -1) < i)).toBe(true)
  })
})

describe('the boxes', () => {
  it('are as wide as their weight and lie under their callers', () => {
    const all = boxes(tree, null, 1100)
    const of = (node: typeof main) => all.find((b) => b.node === node)!
    expect(of(main)).toEqual({ node: main, row: 0, left: 0, width: 1000 })
    expect(of(sum)).toEqual({ node: sum, row: 2, left: 0, width: 600 })
    expect(of(interrupt)).toEqual({ node: interrupt, row: 0, left: 1000, width: 100 })
  })
  it('fill the width with a node that is zoomed to, and its callers', () => {
    const all = boxes(tree, run, 900)
    expect(all.map((b) => [b.node.name, b.row, b.width])).toEqual([
      ['main', 0, 900],
      ['app::run', 1, 900],
      ['<u8 as app::Sum>::sum', 2, 600],
    ])
  })
  it('too narrow to be seen are left out', () => {
    expect(boxes(tree, null, 10).map((b) => b.node.name)).not.toContain('interrupt 1')
  })
})

it('the search finds names and counts a call inside of a hit once', () => {
  expect(search(tree, 'SUM')!.share).toBeCloseTo(688 / 1100)
  expect(search(tree, 'a')!.share).toBeCloseTo(1088 / 1100)
  expect(search(tree, ' ')).toBeNull()
})

it('arrow keys move among what is drawn', () => {
  const drawn = new Set(boxes(tree, null, 1100).map((b) => b.node))
  expect(step(main, 'ArrowDown', tree, drawn)).toBe(run)
  expect(step(run, 'ArrowUp', tree, drawn)).toBe(main)
  expect(step(main, 'ArrowRight', tree, drawn)).toBe(interrupt)
  expect(step(run, 'ArrowRight', tree, drawn)!.kind).toBe('waiting')
  expect(step(main, 'ArrowLeft', tree, drawn)).toBeNull()
  expect(step(sum, 'ArrowDown', tree, drawn)).toBeNull()
})

it.each([
  ['alloc::vec::Vec<u8>::push', 'Vec::push'],
  ['<alloc::vec::Vec<u8> as core::ops::Drop>::drop', 'Vec::drop'],
  ['core::ptr::drop_in_place::<alloc::string::String>', 'ptr::drop_in_place'],
  ['drydock_device::session::begin::{closure#0}', 'session::begin::{closure#0}'],
  ['main', 'main'],
])('%s is shortened', (long, short) => expect(brief(long)).toBe(short))

it('a function always has the same shade', () => {
  expect(shade('main')).toBe(shade('main'))
  expect(shade('main')).not.toBe(shade('app::run'))
})

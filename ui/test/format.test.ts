import { describe, expect, it } from 'vitest'
import { age, bytes, clockMs, count, quantity, span, whole } from '$lib/format/format'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')

describe('how quantities are written', () => {
  it.each([
    [0, 'B', '0 B'],
    [1023, 'B', '1023 B'],
    [1024, 'B', '1 KiB'],
    [73_113, 'B', '71.4 KiB'],
    [262_144, 'B', '256 KiB'],
    [1 << 20, 'B', '1 MiB'],
    [41.23, '%', '41.2 %'],
    [100, '%', '100 %'],
    [0, '%', '0 %'],
    [1_920_000, '/s', '1.92 M/s'],
    [12, '/s', '12 /s'],
    [12_345, '/s', '12.3 k/s'],
    [23.456, '°C', '23.5 °C'],
    [-4.5, '°C', '-4.50 °C'],
    [Number.NaN, '%', '– %'],
  ])('%d in %s', (value, unit, expected) => {
    expect(plain(quantity(value, unit).join(' '))).toBe(expected)
  })

  it('groups the digits of large counts', () => {
    expect([whole(999), whole(1000), count(1, 'board'), count(1000, 'board')]).toEqual(['999', '1,000', '1\u00a0board', '1,000\u00a0boards'])
  })

  it('knows what is not there', () => {
    expect(quantity(null, 'B')).toEqual(['–', ''])
  })

  it('writes sizes', () => {
    expect(plain(bytes(12_083))).toBe('11.8 KiB')
  })
})

describe('how spans and ages are written', () => {
  it.each([
    [900, '0 s'],
    [59_999, '59 s'],
    [185_000, '3 min 5 s'],
    [11_520_000, '3 h 12 min'],
    [2 * 86_400_000 + 4 * 3_600_000, '2 d 4 h'],
  ])('%d ms', (ms, expected) => expect(plain(span(ms))).toBe(expected))

  it.each([
    [-50, 'now'],
    [999, 'now'],
    [4_200, '4 s ago'],
    [190_000, '3 min ago'],
    [7_300_000, '2 h ago'],
  ])('%d ms ago', (ms, expected) => expect(plain(age(ms))).toBe(expected))

  it('writes local times with milliseconds', () => {
    expect(clockMs(new Date(2026, 10, 21, 3, 4, 5, 67).getTime())).toBe('03:04:05.067')
  })
})

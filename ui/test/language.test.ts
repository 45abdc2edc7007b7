import { expect, it } from 'vitest'
import { usableLanguage } from '$lib/language'

it.each([
  ['C', 'en-US'],
  ['', 'en-US'],
  [undefined, 'en-US'],
  ['POSIX', 'en-US'],
  ['en-US', 'en-US'],
  ['de', 'de'],
])('%s', (told, expected) => {
  const language = usableLanguage(told)
  expect(() => new Intl.NumberFormat(language)).not.toThrow()
  expect(language).toBe(expected)
})

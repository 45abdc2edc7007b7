// The shipped bundle: built and read.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MOCK_MARKER } from '$lib/backend/mock'

const out = mkdtempSync(join(tmpdir(), 'drydock-bundle-'))
let files: Array<[string, string]> = []

beforeAll(async () => {
  const mode = process.env['NODE_ENV']
  process.env['NODE_ENV'] = 'production'
  await build({ root: join(__dirname, '..'), mode: 'production', logLevel: 'error', build: { outDir: out, emptyOutDir: true } })
  process.env['NODE_ENV'] = mode
  files = readdirSync(out, { recursive: true, encoding: 'utf8' })
    .filter((f) => /\.(js|css|html)$/.test(f))
    .map((f) => [f, readFileSync(join(out, f), 'utf8')])
}, 60_000)
afterAll(() => rmSync(out, { recursive: true }))

describe('the shipped bundle', () => {
  it('holds no mock backend', () => {
    expect(files.length).toBeGreaterThan(3)
    for (const [name, text] of files) {
      expect(text.includes(MOCK_MARKER), name).toBe(false)
      expect(text.includes('greenhouse-03'), name).toBe(false)
    }
  })

  it('loads nothing from elsewhere and runs no inline script', () => {
    for (const [name, text] of files) {
      if (name.endsWith('.css')) expect(text, name).not.toMatch(/url\(["']?(https?:)?\/\//)
      if (name.endsWith('.html')) {
        expect(text, name).not.toMatch(/(src|href)="(https?:)?\/\//)
        expect(text, name).not.toMatch(/<script(?![^>]*\ssrc=)/)
      }
    }
  })
})

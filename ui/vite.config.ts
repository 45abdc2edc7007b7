import { svelte } from '@sveltejs/vite-plugin-svelte'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [svelte()],
  resolve: {
    alias: { $lib: fileURLToPath(new URL('./src/lib', import.meta.url)) },
    // Vitest runs components in happy-dom: it needs Svelte's browser build.
    conditions: process.env['VITEST'] ? ['browser'] : undefined,
  },
  server: { port: 5199, strictPort: true },
  build: {
    target: 'safari15', // the oldest WebKitGTK that Tauri 2 runs on
    chunkSizeWarningLimit: 800,
    // Fonts stay files: the content policy allows none from data URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: 'happy-dom',
    include: ['test/**/*.test.ts'],
    // Machines that build something else beside are slow.
    testTimeout: 20_000,
  },
})

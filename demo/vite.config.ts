import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'

const relay = process.env.SYNCLINE_RELAY ?? 'http://127.0.0.1:4400'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // The demo is built from the sources of the packages: an edit in any of them is on the page at once.
  resolve: {
    conditions: ['@syncline/source', 'module', 'browser', 'development|production'],
    // Two copies of any of these would not know each other's objects.
    dedupe: ['react', 'react-dom', 'yjs', '@codemirror/state', '@codemirror/view'],
  },
  server: { proxy: { '/sync': { target: relay, ws: true }, '/healthz': relay } },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  plugins: [
    react(),
    tailwindcss(),
    VitePWA({
      // A new build waits until somebody says so: see src/shell/service-worker.ts, which also registers it.
      registerType: 'prompt',
      injectRegister: false,
      manifest: {
        name: 'Syncline board',
        short_name: 'Board',
        description: 'A board that keeps working, with and without a network.',
        theme_color: '#4f5bd5',
        background_color: '#f7f7f8',
        display: 'standalone',
        start_url: '/',
        icons: [{ src: '/icon.svg', sizes: 'any', type: 'image/svg+xml', purpose: 'any' }],
      },
      workbox: {
        globPatterns: ['**/*.{html,js,css,svg}'],
        navigateFallback: '/index.html',
        // What the relay itself answers is never answered by the cache.
        navigateFallbackDenylist: [/^\/sync/, /^\/healthz/],
        // The first visit, too, is served by the worker from its first lazily loaded file on.
        clientsClaim: true,
        skipWaiting: false,
        cleanupOutdatedCaches: true,
        sourcemap: false,
      },
    }),
  ],
})

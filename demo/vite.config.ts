import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'

/** The relay that `npm run dev` started beside Vite. */
const relay = process.env.SYNCLINE_RELAY

export default defineConfig({
  // The app is built from the sources of the packages, so it needs no build of them.
  resolve: { conditions: ['@syncline/source', 'module', 'browser', 'development|production'] },
  plugins: [
    react(),
    tailwindcss(),
    VitePWA({
      registerType: 'prompt',
      manifest: {
        name: 'Syncline',
        short_name: 'Syncline',
        description: 'Local-first state that synchronises.',
        display: 'standalone',
        start_url: '/',
        theme_color: '#0b1220',
        background_color: '#0b1220',
        icons: [],
      },
      workbox: {
        globPatterns: ['**/*.{js,css,html,svg,woff2}'],
        navigateFallbackDenylist: [/^\/sync/, /^\/health/],
        // The editor chunk is larger than the default limit and must be there offline too.
        maximumFileSizeToCacheInBytes: 4_000_000,
      },
    }),
  ],
  server: relay ? { proxy: { '/sync': { target: relay, ws: true, changeOrigin: false } } } : {},
  build: { target: 'es2022', sourcemap: true },
})

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'vite'
import { newerApp } from './newer-app.ts'

/** Where the page of `e2e/lab` is when it was built, with the same page of a newer version of the app in `newer`. */
export const builtLab: string = fileURLToPath(new URL('../../node_modules/.cache/lab', import.meta.url))

/** Builds the page of `e2e/lab` from the sources: once for all workers, before they begin. */
export default async function buildLab(): Promise<void> {
  await buildInto(builtLab)
  await buildInto(join(builtLab, 'newer'), newerApp())
}

async function buildInto(outDir: string, ...plugins: Plugin[]): Promise<void> {
  await build({
    configFile: false,
    root: fileURLToPath(new URL('../lab', import.meta.url)),
    base: './',
    logLevel: 'warn',
    plugins,
    resolve: { conditions: ['@syncline/source', 'module', 'browser', 'development|production'] },
    // Editors of other people are loaded by the one test that needs them.
    build: { outDir, emptyOutDir: true, target: 'es2022', reportCompressedSize: false, chunkSizeWarningLimit: 2_000 },
  })
}

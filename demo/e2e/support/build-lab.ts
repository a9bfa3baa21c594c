import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** Where the page of `e2e/lab` is when it was built. */
export const builtLab: string = fileURLToPath(new URL('../../node_modules/.cache/lab', import.meta.url))

/** Builds the page of `e2e/lab` from the sources: once for all workers, before they begin. */
export default async function buildLab(): Promise<void> {
  await build({
    configFile: false,
    root: fileURLToPath(new URL('../lab', import.meta.url)),
    logLevel: 'warn',
    resolve: { conditions: ['@syncline/source', 'module', 'browser', 'development|production'] },
    build: { outDir: builtLab, emptyOutDir: true, target: 'es2022', reportCompressedSize: false },
  })
}

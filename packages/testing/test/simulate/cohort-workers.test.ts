import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { simulation } from './simulation-in-worker.ts'

// Node cannot load our sources: a module for workers is one that is built, as an app's would be.
const outDir = mkdtempSync(join(tmpdir(), 'syncline-workers-'))
const module = pathToFileURL(join(outDir, 'simulation.mjs'))

beforeAll(async () => {
  const conditions = ['@syncline/source', 'node']
  await build({
    configFile: false,
    logLevel: 'error',
    resolve: { conditions },
    ssr: { noExternal: true, resolve: { conditions } },
    build: {
      ssr: fileURLToPath(new URL('simulation-in-worker.ts', import.meta.url)),
      outDir,
      emptyOutDir: true,
      minify: false,
      rollupOptions: { output: { entryFileNames: 'simulation.mjs' } },
    },
  })
})
afterAll(() => rmSync(outDir, { recursive: true, force: true }))

test('worker threads come to what this thread comes to: the same counts, and the same seeds that fail, each with its smallest schedule', async () => {
  const runs = { first: 1, runs: 5, failures: 1 }
  const here = await simulation.cohort(runs)
  expect(await simulation.cohort({ ...runs, module, workers: 2 })).toEqual(here)
  expect(here.counts['actions']).toBeGreaterThan(0)
  const [{ seed, failure }] = here.failures as [(typeof here.failures)[number]]
  expect(failure).toContain(`Seed ${seed}: At browser`)
  expect(failure).toContain('there are not many votes')
  const [, trace] = /This is the smallest schedule that \d+ runs have found\. To see it again: replay\((.*)\)$/m.exec(
    failure,
  )!
  // It is one that this thread can go on with.
  await expect(simulation.replay(JSON.parse(trace!))).rejects.toThrow('there are not many votes')
})

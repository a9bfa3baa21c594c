import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { run } from './children.mjs'
import { at, cache, root, tool } from './paths.mjs'

/** Compiles the relay and every package below it. `tsc -b` itself skips what has not changed. */
export const buildRelay = () => run(tool('tsc'), ['-b', 'apps/relay'], { quiet: true, timeoutMs: 120_000 })

/** Builds the demo into demo/dist, unless nothing that goes into it has changed since the last time. */
export async function buildDemo() {
  const record = cache('demo-inputs')
  const inputs = hashInputs()
  const isFresh =
    existsSync(at('demo/dist/index.html')) && existsSync(record) && readFileSync(record, 'utf8') === inputs
  if (isFresh) return { code: 0, output: '', seconds: 0 }

  const built = await run(tool('vite'), ['build', 'demo', '--logLevel', 'warn'], { quiet: true, timeoutMs: 180_000 })
  if (built.code === 0) {
    mkdirSync(cache(), { recursive: true })
    writeFileSync(record, inputs)
  }
  return built
}

function hashInputs() {
  const hash = createHash('sha256').update(process.version)
  const outsideOfBuild = new Set(['node_modules', 'dist', 'test', 'e2e', 'engines', 'test-results'])
  const add = (folder) => {
    for (const entry of readdirSync(at(folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name)
      if (outsideOfBuild.has(entry.name)) continue
      if (entry.isDirectory()) add(path)
      else
        hash
          .update(path)
          .update('\0')
          .update(readFileSync(join(root, path)))
          .update('\0')
    }
  }
  for (const folder of ['demo', 'packages']) add(folder)
  for (const file of ['pnpm-lock.yaml', 'tsconfig.base.json']) hash.update(readFileSync(at(file)))
  return hash.digest('hex')
}

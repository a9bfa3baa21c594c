import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

const here = fileURLToPath(new URL('.', import.meta.url))

/** What is promised: by the name of an entry, the most kilobytes (1,000 bytes) that an app downloads for it. */
export const promises = JSON.parse(readFileSync(join(here, 'promises.json'), 'utf8'))

/** The parts that a store can be opened without. */
export const storeParts = [
  'link',
  'presence',
  'asyncTransactions',
  'browserRefs',
  'relayRefs',
  'handles',
  'agents',
  'undo',
  'validity',
  'compaction',
  'onDemand',
]

/**
 * Bundles one entry as an app does: from the sources, minified, one file, compressed with gzip. What the promise names under
 * `beside` is left out, and so is what is loaded later, in browsers that need it.
 */
export async function measure(name) {
  return sizeOf(await bundle(name, true))
}

/** The size of what is loaded at once. */
function sizeOf(chunks) {
  const { code } = entryOf(chunks)
  return { minified: code.length, gzip: gzipBytes(code) }
}

function entryOf(chunks) {
  const entry = chunks.find(({ isEntry }) => isEntry)
  // Were something of it in a file of its own, that would have to be counted too.
  if (chunks.some(({ fileName }) => entry.imports.includes(fileName)))
    throw new Error(`${entry.fileName} comes in more than one file.`)
  return entry
}

/**
 * The same by package, each compressed for itself. That comes to more than the whole, because a compressor learns from one package for the
 * next; it says where the weight is.
 */
export async function measureParts(name) {
  const { modules: atOnce } = entryOf(await bundle(name, true))
  const chunks = await bundle(name, {
    includeDependenciesRecursively: false,
    groups: [{ name: (id) => (id in atOnce ? packageOf(id) : 'later') }],
  })
  const parts = {}
  for (const { code, modules } of chunks) {
    const [first] = Object.keys(modules)
    const part = first && packageOf(first)
    // The entry itself only names what is exported.
    if (first in atOnce && part !== '@syncline/bench') parts[part] = { minified: code.length, gzip: gzipBytes(code) }
  }
  return parts
}

/**
 * What each part of a store weighs in an app of registers: `added` to one that has none of them, and `left` out of one that has all. What
 * several parts need is `added` with each and `left` out with none.
 */
export async function measureStoreParts() {
  const none = await gzipWith([])
  const all = await gzipWith(storeParts)
  const found = {}
  for (const part of storeParts) {
    const rest = storeParts.filter((other) => other !== part)
    found[part] = { added: (await gzipWith([part])) - none, left: all - (await gzipWith(rest)) }
  }
  return { none, all, parts: found }
}

async function gzipWith(parts) {
  return sizeOf(await bundle('registers', true, entryWith(parts))).gzip
}

/** The entry `registers`, with these parts of a store in place of its own. */
function entryWith(parts) {
  const entry = readFileSync(join(here, 'entries', 'registers.ts'), 'utf8')
  return entry.replace(
    /\{.*\} from '@syncline\/store\/lean'/,
    `{ ${['openLean', ...parts].join(', ')} } from '@syncline/store/lean'`,
  )
}

/** Bundles an entry, with `source` in place of its file when it is given. */
async function bundle(name, codeSplitting, source) {
  const input = join(here, 'entries', `${name}.ts`)
  const result = await build({
    root: here,
    configFile: false,
    logLevel: 'error',
    plugins: [{ name: 'entry', load: (id) => (id === input ? source : undefined) }],
    resolve: { conditions: ['@syncline/source'] },
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      write: false,
      minify: true,
      target: 'es2023',
      modulePreload: false,
      rolldownOptions: {
        input,
        external: promises[name].beside ?? [],
        preserveEntrySignatures: 'allow-extension',
        output: { format: 'es', codeSplitting },
      },
    },
  })
  return result.output.filter(({ type }) => type === 'chunk')
}

/** The name of the package that a file belongs to. */
function packageOf(id) {
  const other = /^.*\/node_modules\/(@[^/]+\/[^/]+|[^/]+)\//.exec(id)
  if (other) return other[1]
  return `@syncline/${/\/(?:packages|apps)\/([^/]+)\//.exec(id)?.[1] ?? 'bench'}`
}

const gzipBytes = (code) => gzipSync(code, { level: 9 }).length

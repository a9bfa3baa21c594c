import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { transformWithOxc } from 'vite'
import { at, root } from './paths.mjs'

/**
 * Documentation that can fail: every `ts` block of a README or other Markdown file beside it, and every `@example` in
 * the sources of a package, becomes a test.
 *
 * A block runs in an async function with `expect` in scope. It may import by package name. A block in a docstring
 * also sees everything its own package exports, and every block of a package sees what the optional file
 * `test/examples.ts` of that package exports (a store to work on, say). A block that shows something which cannot run
 * says why on its fence: ```ts no-run: needs a second machine
 */
const indexId = 'virtual:examples'
const modulePrefix = '\0example:'

/** @returns {import('vite').Plugin} */
export function executedExamples() {
  return {
    name: 'syncline:examples',
    enforce: 'pre',
    resolveId(id, importer) {
      if (id === indexId || id.startsWith('virtual:example:')) return id.replace('virtual:', '\0')
      if (!importer?.startsWith(modulePrefix)) return undefined
      const file = importer.slice(modulePrefix.length)
      if (id.startsWith('@syncline/')) return sourceOf(id)
      // Everything else resolves as it would for the file that holds the example.
      return this.resolve(id, at(file), { skipSelf: true })
    },
    async load(id) {
      if (id === `\0examples`) {
        return documents()
          .map((file) => `import ${JSON.stringify(`virtual:example:${file}`)}`)
          .join('\n')
      }
      if (!id.startsWith(modulePrefix)) return undefined
      const file = id.slice(modulePrefix.length)
      this.addWatchFile(at(file))
      const code = moduleOf(file, examplesIn(file, readFileSync(at(file), 'utf8')))
      return (await transformWithOxc(code, `${file}.example.ts`, { lang: 'ts' })).code
    },
  }
}

/**
 * The examples of one file: `{ line, code }`, or `{ line, refused }` for a fence that is not understood.
 *
 * @param {string} file
 * @param {string} text
 */
export function examplesIn(file, text) {
  return file.endsWith('.md') ? fencedBlocks(text) : docstringExamples(text)
}

function fencedBlocks(text) {
  const lines = text.split('\n')
  const found = []
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)```(\S*)\s*(.*)$/.exec(lines[at])
    if (!fence) continue
    const end = lines.findIndex((line, index) => index > at && line.trim() === '```')
    const last = end === -1 ? lines.length : end
    const [, , language, info] = fence
    if (language === 'ts' && info === '') found.push({ line: at + 1, code: lines.slice(at + 1, last).join('\n') })
    else if (language === 'ts' && !/^no-run: \S/.test(info)) {
      found.push({ line: at + 1, refused: 'write ```ts, or ```ts no-run: <the reason>' })
    }
    at = last
  }
  return found
}

function docstringExamples(text) {
  const found = []
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const firstLine = text.slice(0, comment.index).split('\n').length
    const lines = comment[0].split('\n').map((line) => line.replace(/^\s*\/?\*+\/?\s?/, '').replace(/\s*\*\/$/, ''))
    for (let at = 0; at < lines.length; at++) {
      const tag = /^@example\b(.*)$/.exec(lines[at])
      if (!tag || tag[1].trim().startsWith('no-run:')) continue
      const next = lines.findIndex((line, index) => index > at && /^@\w+/.test(line))
      const body = lines.slice(at + 1, next === -1 ? lines.length : next)
      const code = body.filter((line) => !line.startsWith('```')).join('\n')
      found.push({ line: firstLine + at, code })
    }
  }
  return found
}

/**
 * What a listener of an example throws fails the example: a store reports such errors to the platform and goes on. Put back after each, for other files
 * are tested in the same worker.
 */
const REPORTED = `const reported = []
beforeEach(() => {
  const { reportError } = globalThis
  reported.splice(0)
  globalThis.reportError = (error) => void reported.push(error)
  return () => void (globalThis.reportError = reportError)
})`

function moduleOf(file, examples) {
  const scope = scopeOf(file)
  const tests = examples.map(({ line, code, refused }) => {
    const name = JSON.stringify(`${file}:${line}`)
    if (refused) return `test(${name}, () => { throw new Error(${JSON.stringify(refused)}) })`
    return `test(${name}, async () => {\n${scope}\n{\n${asFunctionBody(code)}\n}\nif (reported.length > 0) throw reported[0]\n})`
  })
  return [`import { beforeEach, expect, test } from 'vitest'`, REPORTED, ...tests].join('\n')
}

/** Imports may only stand at the top of a module, so inside a function they become awaited ones. */
export function asFunctionBody(code) {
  return code
    .replace(/^\s*import\s+type\s[\s\S]*?from\s*['"][^'"]+['"];?\s*$/gm, '')
    .replace(/^\s*import\s*\{([\s\S]*?)\}\s*from\s*(['"][^'"]+['"]);?\s*$/gm, (_, names, from) => {
      const values = names.split(',').map((name) => name.trim())
      const kept = values.filter((name) => name && !name.startsWith('type ')).map((name) => name.replace(/ as /, ': '))
      return `const { ${kept.join(', ')} } = await import(${from})`
    })
    .replace(/^\s*import\s*\*\s*as\s+(\w+)\s*from\s*(['"][^'"]+['"]);?\s*$/gm, 'const $1 = await import($2)')
    .replace(/^\s*import\s+(\w+)\s+from\s*(['"][^'"]+['"]);?\s*$/gm, 'const { default: $1 } = await import($2)')
    .replace(/^export (?=const|let|function|async|class|type|interface)/gm, '')
}

/** What a block sees without importing it; an aid shadows an export of the same name. */
function scopeOf(file) {
  const [kind, folder] = file.split('/')
  if (kind !== 'packages') return ''
  const index = `packages/${folder}/src/index.ts`
  const aids = `packages/${folder}/test/examples.ts`
  const aidNames = valuesOf(aids)
  const ownNames = file.endsWith('.md') ? [] : valuesOf(index).filter((name) => !aidNames.includes(name))
  const bringIn = (names, from) =>
    names.length > 0 ? `const { ${names.join(', ')} } = await import(${JSON.stringify(from)})\n` : ''
  return bringIn(ownNames, `@syncline/${folder}`) + bringIn(aidNames, at(aids))
}

const valuesOf = (path) => (existsSync(at(path)) ? exportedValues(readFileSync(at(path), 'utf8')) : [])

function exportedValues(text) {
  const reexported = [...text.matchAll(/^export\s*\{([\s\S]*?)\}/gm)].flatMap(([, names]) => names.split(','))
  const own = [...text.matchAll(/^export\s+(?:const|let|class|(?:async\s+)?function\*?)\s+(\w+)/gm)].map(
    ([, name]) => name,
  )
  const names = reexported
    .map((name) => name.replace(/\/\/.*$/gm, '').trim())
    .filter((name) => name && !name.startsWith('type '))
  return [...new Set([...names.map((name) => name.split(/\s+as\s+/).at(-1)), ...own])]
}

function documents() {
  const folders = readdirSync(at('packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join('packages', name))
  const markdown = ['.', ...folders, 'apps/relay', 'demo'].flatMap((folder) =>
    existsSync(at(folder))
      ? readdirSync(at(folder))
          .filter((name) => name.endsWith('.md'))
          .map((name) => join(folder, name))
      : [],
  )
  const sources = folders.flatMap((folder) => typescriptIn(at(folder, 'src')))
  return [...markdown, ...sources].filter((file) => examplesIn(file, readFileSync(at(file), 'utf8')).length > 0)
}

function typescriptIn(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return typescriptIn(path)
    return /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [relative(root, path)] : []
  })
}

function sourceOf(id) {
  const [, folder, ...rest] = id.split('/')
  const manifest = JSON.parse(readFileSync(at('packages', folder, 'package.json'), 'utf8'))
  const entry = manifest.exports[rest.length > 0 ? `./${rest.join('/')}` : '.']
  if (!entry) throw new Error(`"${id}" is not among the exports of ${manifest.name}.`)
  return at('packages', folder, entry['@syncline/source'])
}

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { asFunctionBody, examplesIn } from '../examples.mjs'
import { at } from '../paths.mjs'

// Every public function of these packages is called in an example that the tests run.
const PACKAGES = ['stm', 'merge', 'store', 'idb', 'react', 'zustand']

/** The code of all examples that run, without what they import. */
const packages = readdirSync(at('packages')).filter((name) => existsSync(at('packages', name, 'package.json')))
const code = ['README.md', 'ARCHITECTURE.md', ...packages.flatMap((name) => documentsOf(name))]
  .flatMap((file) => examplesIn(file, readFileSync(at(file), 'utf8')))
  .flatMap((example) => ('code' in example ? [example.code] : []))
  .map((block) => withoutImports(block))

function documentsOf(name: string): readonly string[] {
  const folder = join('packages', name)
  const readme = readdirSync(at(folder)).filter((file) => file.endsWith('.md'))
  const sources = readdirSync(at(folder, 'src'), { recursive: true, encoding: 'utf8' })
  return [...readme, ...sources.filter((file) => /\.tsx?$/.test(file)).map((file) => join('src', file))].map((file) =>
    join(folder, file),
  )
}

function withoutImports(block: string): string {
  return asFunctionBody(block).replace(/^\s*const \{.*\} = await import\(.*\)$/gm, '')
}

const isIn = (pattern: string): boolean => code.some((block) => new RegExp(pattern).test(block))

/** Called by its name, or, as a component, made an element of. */
const isCalled = (name: string): boolean => isIn(`(?<![.\\w])(?:${name}(?:<[^(]*>)?\\(|createElement\\(${name}\\b)`)

test.each(PACKAGES)('every function of %s is called in an example that runs', async (name) => {
  expect(uncalled(await import(`../../packages/${name}/src/index.ts`))).toEqual([])
})

test('every function of merge/diff is called in an example that runs', async () => {
  expect(uncalled(await import('../../packages/merge/src/diff/index.ts'))).toEqual([])
})

test('every function of yjs/indexeddb is called in an example that runs', async () => {
  expect(uncalled(await import('../../packages/yjs/src/indexeddb.ts'))).toEqual([])
})

test('every function of merge/diff3 is called in an example that runs', async () => {
  expect(uncalled(await import('../../packages/merge/src/diff3/index.ts'))).toEqual([])
})

test('every function of idb/care is called in an example that runs', async () => {
  expect(uncalled(await import('../../packages/idb/src/care/index.ts'))).toEqual([])
})

test('every function of relay/care is called in an example that runs', async () => {
  expect(uncalled(await import('../../packages/relay/src/care/index.ts'))).toEqual([])
})

test('every function of idb/principals is called in an example that runs', async () => {
  expect(uncalled(await import('../../packages/idb/src/principals/index.ts'))).toEqual([])
})

// What vitest gets are matchers, and no function.
test.each(['simulate', 'fast-check'])(
  'every function of testing/%s is called in an example that runs',
  async (part) => {
    expect(uncalled(await import(`../../packages/testing/src/${part}/index.ts`))).toEqual([])
  },
)

function uncalled(exported: Record<string, unknown>): readonly string[] {
  const functions = Object.keys(exported).filter((key) => isFunction(exported[key]))
  return functions.length === 0 ? ['There is no function at all.'] : functions.filter((key) => !isCalled(key))
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function' && !(value.prototype instanceof Error)
}

/** What apps hold: the methods of these are public functions too. */
const INTERFACES = [
  ['stm', 'snapshot.ts', 'Snapshot'],
  ['stm', 'transaction.ts', 'Tx'],
  ['store', 'store.ts', 'Store'],
  ['store', 'receipt.ts', 'Receipt'],
  ['store', 'refused.ts', 'RefusedChanges'],
  ['store', 'undo-stack.ts', 'UndoStack'],
  ['store', 'live-agent.ts', 'LiveAgent'],
  ['store', 'live-agent.ts', 'Sent'],
  ['store', 'handle.ts', 'ReadHandle'],
  ['store', 'handle.ts', 'WriteHandle'],
] as const

test.each(INTERFACES)('in %s/%s every method of %s is called in an example that runs', (name, file, type) => {
  const text = readFileSync(at('packages', name, 'src', file), 'utf8')
  const [, body = ''] = new RegExp(`export interface ${type}\\b[^{]*\\{\\n([\\s\\S]*?)\\n\\}\\n`).exec(text) ?? []
  const methods = new Set(Array.from(body.matchAll(/^  (\w+)(?:<.*?>)?\(/gm), ([, method]) => method!))
  expect(methods.size).toBeGreaterThan(0)
  expect([...methods].filter((method) => !isIn(`\\.${method}(?:<[^(]*>)?\\(`))).toEqual([])
})

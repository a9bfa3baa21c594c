import { expect, test } from 'vitest'
import { check } from '../graph.mjs'
import { root } from '../paths.mjs'
import { folderOf } from './temporary.ts'

type Plan = Record<string, { needs?: string[]; dev?: string[]; files?: Record<string, string> }>

/** A small workspace: what each package declares, and what its files say. */
function workspace(plan: Plan): string {
  const files: Record<string, string | object> = { 'package.json': { devDependencies: { vitest: '1.0.0' } } }
  for (const [place, { needs = [], dev = [], files: sources = {} }] of Object.entries(plan)) {
    const versions = (names: string[]) => Object.fromEntries(names.map((name) => [name, '*']))
    const short = place.split('/').at(-1)!
    files[`${place}/package.json`] = {
      name: place === 'apps/relay' ? '@syncline/relay-app' : `@syncline/${short}`,
      dependencies: versions(needs),
      devDependencies: versions(dev),
    }
    for (const [path, text] of Object.entries(sources)) files[`${place}/${path}`] = text
    if (Object.keys(sources).length === 0) files[`${place}/src/index.ts`] = 'export {}'
  }
  return folderOf(files)
}

const problems = (plan: Plan): string[] => check(workspace(plan))

test('the workspace itself keeps to the picture', () => {
  expect(check(root)).toEqual([])
})

test('arrows down are fine, also past a layer', () => {
  const found = problems({
    'packages/stm': {},
    'packages/store': { needs: ['@syncline/stm'], files: { 'src/index.ts': `import { ref } from '@syncline/stm'` } },
    'packages/react': { needs: ['@syncline/stm', '@syncline/store'] },
    'apps/relay': { needs: ['@syncline/stm'] },
    demo: { needs: ['@syncline/react'] },
  })
  expect(found).toEqual([])
})

test('an arrow up is a violation, in package.json and in a file', () => {
  const found = problems({
    'packages/protocol': {
      needs: ['@syncline/store'],
      files: { 'src/wire.ts': `import type { Store } from '@syncline/store'` },
    },
  })
  expect(found).toEqual([
    'packages/protocol/package.json: arrow up: protocol (layer 1) to store (layer 2).',
    'packages/protocol/src/wire.ts: arrow up: protocol (layer 1) to store (layer 2).',
  ])
})

test('an arrow sideways is a violation', () => {
  const found = problems({
    'packages/react': {
      needs: ['@syncline/yjs'],
      files: { 'src/index.ts': `export { text } from '@syncline/yjs'` },
    },
  })
  expect(found).toEqual([
    'packages/react/package.json: arrow sideways: react to yjs, both in layer 3.',
    'packages/react/src/index.ts: arrow sideways: react to yjs, both in layer 3.',
  ])
})

test('y-protocols takes nothing of yjs but its codec', () => {
  const found = problems({
    'packages/y-protocols': {
      needs: ['@syncline/yjs'],
      files: {
        'src/index.ts': `export { openDocument } from '@syncline/yjs/codec'`,
        'src/other.ts': `export { text } from '@syncline/yjs'`,
      },
    },
  })
  expect(found).toEqual([
    'packages/y-protocols/src/other.ts: y-protocols takes of yjs only "@syncline/yjs/codec", which needs no store.',
  ])
})

test('an adapter of the store may not use the relay', () => {
  expect(problems({ 'packages/idb': { needs: ['@syncline/relay'] } })).toEqual([
    'packages/idb/package.json: wrong side: idb does not belong to relay.',
  ])
})

test.each([
  `import { createStore } from 'zustand'`,
  `import type { StoreApi } from 'zustand'`,
  `export * from 'zustand/vanilla'`,
  `const later = () => import('zustand')`,
  `type Api = import('zustand').StoreApi`,
])('an undeclared import is a violation: %s', (line) => {
  const found = problems({ 'packages/store': { files: { 'src/index.ts': line } } })
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(/imports "zustand.*", which packages\/store\/package\.json does not declare/)
})

test('sources may not use what only the tests declare, nor the tools of the root', () => {
  const text = `import fc from 'fast-check'\nimport { vi } from 'vitest'`
  const found = problems({
    'packages/store': { dev: ['fast-check'], files: { 'src/index.ts': text, 'test/store.test.ts': text } },
  })
  expect(found).toEqual([
    'packages/store/src/index.ts: imports "fast-check", which packages/store/package.json does not declare.',
    'packages/store/src/index.ts: imports "vitest", which packages/store/package.json does not declare.',
  ])
})

test('a path into another package is a violation', () => {
  const found = problems({ 'packages/store': { files: { 'src/a.ts': `import '../../stm/src/ref.ts'` } } })
  expect(found).toEqual([
    'packages/store/src/a.ts: "../../stm/src/ref.ts" reaches into another folder; import it by its package name.',
  ])
})

test('merge stands on stm, never the other way', () => {
  const line = `import { StmError } from '@syncline/stm'`
  const down = problems({ 'packages/merge': { needs: ['@syncline/stm'], files: { 'src/index.ts': line } } })
  expect(down).toEqual([])
  const up = problems({
    'packages/stm': { needs: ['@syncline/merge'], files: { 'src/index.ts': `import { lww } from '@syncline/merge'` } },
  })
  expect(up).toEqual([
    'packages/stm/package.json: arrow up: stm (layer 0) to merge (layer 0.5).',
    'packages/stm/src/index.ts: arrow up: stm (layer 0) to merge (layer 0.5).',
  ])
})

test('a cycle of declared dependencies is a violation, also through devDependencies', () => {
  const found = problems({
    'packages/store': { dev: ['@syncline/testing'] },
    'packages/testing': { needs: ['@syncline/store'] },
  })
  expect(found).toEqual(['cycle of workspace dependencies: store → testing → store.'])
})

test('a package that the picture lacks is a violation', () => {
  const found = problems({ 'packages/helpers': {} })
  expect(found[0]).toContain('"helpers" is not in the layer table')
})

import { spawnSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { at, tool } from '../paths.mjs'
import { folderOf } from './temporary.ts'

interface Diagnostic {
  readonly code: string
  readonly filename: string
}

/** Which rules of the real configuration the planted files break, as `file rule`. */
function lint(files: Record<string, string>, ...flags: string[]): string[] {
  const folder = folderOf(files)
  cpSync(at('.oxlintrc.json'), join(folder, '.oxlintrc.json'))
  const { stdout, stderr } = spawnSync(tool('oxlint'), ['--format=json', ...flags], {
    cwd: folder,
    // The linter looks for its type-aware half beside the files it reads, then here.
    env: { ...process.env, PATH: `${at('node_modules/.bin')}${delimiter}${process.env.PATH}` },
    encoding: 'utf8',
  })
  if (!stdout.trimStart().startsWith('{')) throw new Error(`oxlint said: ${stdout}${stderr}`)
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] }
  return diagnostics.map(({ code, filename }) => `${filename} ${/\(([^)]+)\)/.exec(code)?.[1] ?? code}`)
}

const impure = [
  ['Date.now()', 'no-restricted-globals'],
  ['new Date()', 'no-restricted-globals'],
  ['performance.now()', 'no-restricted-globals'],
  ['setTimeout(() => {}, 1)', 'no-restricted-globals'],
  ['document.title', 'no-restricted-globals'],
  ['process.env', 'no-restricted-globals'],
  ['globalThis.crypto', 'no-restricted-globals'],
  ['Math.random()', 'no-restricted-properties'],
] as const

test.each(['stm', 'merge', 'protocol'])('%s has no clock, no chance, no timer and no surroundings', (name) => {
  const files = Object.fromEntries(
    impure.map(([code], index) => [`packages/${name}/src/planted-${index}.ts`, `export const planted = ${code}\n`]),
  )
  const found = lint(files).sort()
  expect(found).toEqual(impure.map(([, rule], index) => `packages/${name}/src/planted-${index}.ts ${rule}`))
})

test('the same is allowed where it belongs: in the shells and in tests', () => {
  const text = 'export const planted = [Date.now(), Math.random(), performance.now()]\n'
  expect(lint({ 'packages/store/src/clock.ts': text, 'packages/stm/test/aid.ts': text })).toEqual([])
})

test('a cycle of imports is found', () => {
  const found = lint({
    'packages/store/src/a.ts': `import { b } from './b.js'\nexport const a = (): number => b()\n`,
    'packages/store/src/b.ts': `import { a } from './a.js'\nexport const b = (): number => a()\n`,
  })
  expect(found.sort()).toEqual(['packages/store/src/a.ts no-cycle', 'packages/store/src/b.ts no-cycle'])
})

test('a hook behind a condition is found', () => {
  const text = `import { useState } from 'react'
export function useMaybe(wanted: boolean): unknown {
  if (wanted) return useState(0)
  return undefined
}
`
  expect(lint({ 'packages/react/src/use-maybe.ts': text })).toEqual(['packages/react/src/use-maybe.ts rules-of-hooks'])
})

test('a promise that nobody waits for is found', () => {
  const found = lint(
    {
      'tsconfig.json': '{ "compilerOptions": { "strict": true, "target": "es2023", "types": [] }, "include": ["."] }',
      'packages/store/src/save.ts': `async function save(): Promise<void> {}\nexport function close(): void {\n  save()\n}\n`,
    },
    '--type-aware',
  )
  expect(found).toEqual(['packages/store/src/save.ts no-floating-promises'])
})

import { expect, test } from 'vitest'
import { asFunctionBody, examplesIn } from '../examples.mjs'

test('every ts block of a document is an example, unless its fence says why not', () => {
  const text = ['```ts', 'a()', '```', '```sh', 'ls', '```', '```ts no-run: needs a second machine', 'b()', '```'].join(
    '\n',
  )
  expect(examplesIn('README.md', text)).toEqual([{ line: 1, code: 'a()' }])
})

test('a fence without a reason is refused', () => {
  const [example] = examplesIn('README.md', '```ts no-run\nb()\n```')
  expect(example?.refused).toContain('the reason')
})

test('an @example of a docstring ends at the next tag', () => {
  const text = `/**
 * Adds.
 *
 * @example
 * const sum = add(1, 2)
 * expect(sum).toBe(3)
 * @see elsewhere
 */`
  expect(examplesIn('add.ts', text)).toEqual([{ line: 4, code: 'const sum = add(1, 2)\nexpect(sum).toBe(3)' }])
})

test('imports are turned into what a function may contain', () => {
  const code = `import { type Ref, ref as makeRef, get } from '@syncline/stm'
import type { Store } from '@syncline/store'
import * as Y from 'yjs'
export const x = get`
  expect(asFunctionBody(code).split('\n').filter(Boolean)).toEqual([
    `const { ref: makeRef, get } = await import('@syncline/stm')`,
    `const Y = await import('yjs')`,
    'const x = get',
  ])
})

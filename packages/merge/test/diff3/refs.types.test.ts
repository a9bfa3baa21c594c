import type { Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { keyed, lines } from '../../src/diff/index.ts'
import { diff3, type Diff3Value } from '../../src/diff3/index.ts'

const plan = diff3('plan', { by: lines, initial: '' })
const tasks = diff3<readonly { readonly id: string }[]>('tasks', { by: keyed('id'), initial: [] })
const decided = diff3<string, 'relay'>('decided', { by: lines, initial: '' }, { arbiter: 'relay' })

/** Never run: the compiler reads it. */
export function writes(tx: Tx, reading: Diff3Value<string>): void {
  tx.set(plan, 'text')
  tx.merge(plan, 'before', 'after')
  tx.patch(plan, { value: 'settled', settles: reading })
  tx.set(tasks, [{ id: 'a' }])
  // @ts-expect-error it holds a text
  tx.set(plan, 7)
  // @ts-expect-error both are texts
  tx.merge(plan, 'before', { value: 'after' })
  // @ts-expect-error what is settled was read from a ref of texts
  tx.patch(plan, { value: 'settled', settles: tx.get(tasks) })
  // @ts-expect-error it does not say what it settles
  tx.patch(plan, { value: 'settled' })
  // @ts-expect-error nothing can be added to it
  tx.add(plan, 1)
  // @ts-expect-error the relay decides about it, so not here
  tx.set(decided, 'text')
  // @ts-expect-error what is read is the value and what stands beside it
  const text: string = tx.get(plan)
  void text
  // @ts-expect-error a text is not a list of tasks
  diff3<readonly { readonly id: string }[]>('wrong', { by: lines, initial: [] })
}

test('refs of whole values have the types of what they hold', () => {
  expect([plan.key, tasks.key, decided.key]).toEqual(['diff3 plan', 'diff3 tasks', 'diff3@relay decided'])
})

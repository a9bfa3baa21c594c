import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { openStore, type Store } from '../src/index.ts'
import {
  agents,
  asyncTransactions,
  browserRefs,
  handles,
  openLean,
  relayRefs,
  undo,
  type LeanStore,
} from '../src/lean.ts'

// The compiler is the test: each suppressed error must be one. The code is never run.

const title = lww('title', '')
const votes = counter('votes')
const seat = lww<string | null, 'relay'>('seat', null, { arbiter: 'relay' })

async function plain(): Promise<void> {
  const store = await openLean({ space: 'board', parts: [] })
  const { value } = store.transact((tx) => (tx.add(votes, 1), tx.get(title)))
  const text: string = value
  store.changes(votes, ({ value: count }) => expect(count + 1).toBe(text.length))
  // @ts-expect-error -- it was opened without `undo`.
  store.undo()
  // @ts-expect-error -- it was opened without `asyncTransactions`.
  await store.transactAsync((tx) => tx.get(title))
  // @ts-expect-error -- it was opened without `validity`.
  store.read(title)
  // @ts-expect-error -- it was opened without `validity`.
  store.invariant('few', () => true)
  // @ts-expect-error -- it was opened without `handles`.
  await store.open(title, 'read')
  // @ts-expect-error -- it was opened without `link`.
  store.connect()
  // @ts-expect-error -- it was opened without `presence`.
  expect(store.presence).toBe(undefined)
}

async function some(): Promise<void> {
  const store = await openLean({ space: 'board', parts: [undo, relayRefs] })
  store.undo()
  store.undoStack('view').redo()
  const { value } = await store.transactAsync((tx) => (tx.set(seat, 'ada'), tx.get(seat)), { arbiter: 'relay' })
  const name: string | null = value
  store.connect()
  // @ts-expect-error -- it was opened without `agents`.
  expect(store.agent).toBe(name)
  // @ts-expect-error -- a relay ref cannot be written in a sync body, in any store.
  store.transact((tx) => tx.set(seat, 'ada'))
}

async function all(): Promise<void> {
  const whole: Store = await openStore({ space: 'board' })
  // Who needs less takes more.
  const lean: LeanStore = whole
  const undoable: LeanStore<readonly [typeof undo]> = whole
  undoable.undo()
  const more = await openLean({ space: 'board', parts: [agents, asyncTransactions, browserRefs, handles, undo] })
  const less: LeanStore<readonly [typeof undo]> = more
  // @ts-expect-error -- a lean store is no whole one.
  const again: Store = more
  // @ts-expect-error -- nor has it more than it was opened with.
  const other: LeanStore<readonly [typeof relayRefs]> = lean
  // @ts-expect-error -- parts must be named.
  await openLean({ space: 'board' })
  // @ts-expect-error -- and be parts.
  await openLean({ space: 'board', parts: ['undo'] })
  expect([less, again, other]).toHaveLength(3)
}

test('[LE1] the type of a lean store has the members of its parts only', () => {
  expect([plain, some, all].map((body) => typeof body)).toEqual(['function', 'function', 'function'])
})

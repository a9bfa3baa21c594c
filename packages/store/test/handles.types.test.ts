import { collection, counter, list, lww, record } from '@syncline/merge'
import { expect, expectTypeOf, test } from 'vitest'
import type { ReadHandle, Receipt, Store } from '../src/index.ts'

// The compiler is the test: each suppressed error must be one. Functions are never called; nothing in them is annotated that an app would not.

const title = lww('title', '')
const votes = counter('votes')
const cards = collection('cards', { title: '', done: false })
const form = record('form', { name: '' }, { arbiter: 'browser', persistence: 'transient' })
const draft = lww<string | null>('draft', null, { arbiter: 'browser', persistence: 'transient' })
const jobs = list<string>('jobs', { arbiter: 'browser' })
const seat = lww<string | null>('seat', null, { arbiter: 'relay' })
const seats = collection('seats', { who: '' }, { arbiter: 'relay' })

async function opens(store: Store): Promise<void> {
  const reading = await store.open(title, 'read')
  expectTypeOf(reading).toEqualTypeOf<ReadHandle<string>>()
  expectTypeOf(reading.get()).toEqualTypeOf<string>()
  expectTypeOf((await store.open(cards.at('a'), 'read')).get()?.done).toEqualTypeOf<boolean | undefined>()
  // @ts-expect-error -- a handle for reading does not write
  reading.set('x')
  // @ts-expect-error -- a handle for reading does not write
  reading.update((text) => text)
  // @ts-expect-error -- a handle for reading does not write
  reading.transact((tx) => tx.set(title, 'x'))
  // @ts-expect-error -- a handle for reading does not delete
  await reading.delete()

  const writing = await store.open(title, 'write')
  expectTypeOf(writing.get()).toEqualTypeOf<string>()
  expectTypeOf(writing.set('x')).toEqualTypeOf<Receipt<void>>()
  expectTypeOf(writing.update((text) => text.trim())).toEqualTypeOf<Receipt<void>>()
  expectTypeOf(writing.transact((tx) => tx.get(votes))).toEqualTypeOf<Receipt<number>>()
  const less: ReadHandle<string> = writing
  // @ts-expect-error -- another type
  writing.set(1)
  // @ts-expect-error -- another type
  writing.update((text) => text.length)
  // @ts-expect-error -- a register always exists
  await writing.delete()
  // @ts-expect-error -- a local ref is never transient
  await writing.persist()
  // @ts-expect-error -- a handle on a local ref writes no relay refs
  writing.transact((tx) => tx.set(seat, 'me'))
  void less

  const counting = await store.open(votes, 'write')
  counting.transact((tx) => tx.add(votes, 1))
  // @ts-expect-error -- a counter is not set
  counting.set(1)

  const member = await store.open(cards.at('a'), 'write')
  member.update((card) => ({ ...card, done: true }))
  expectTypeOf(await member.delete()).toEqualTypeOf<Receipt<void>>()
  // @ts-expect-error -- a field of another type
  member.update((card) => ({ ...card, done: 1 }))

  const shared = await store.open(draft, 'write')
  expectTypeOf(shared.set('x')).toEqualTypeOf<Promise<Receipt<void>>>()
  expectTypeOf(await shared.transact((tx) => (tx.set(draft, null), tx.get(jobs)))).toEqualTypeOf<
    Receipt<readonly string[]>
  >()
  expectTypeOf(await shared.transact(async (tx) => tx.get(title))).toEqualTypeOf<Receipt<string>>()
  await shared.persist()
  await shared.delete()
  await (await store.open(form, 'write')).set({ name: 'x' })
  await (await store.open(jobs, 'write')).delete()

  const taken = await store.open(seat, 'write')
  expectTypeOf(taken.set('me')).toEqualTypeOf<Promise<Receipt<void>>>()
  // @ts-expect-error -- who else has a relay ref open cannot be known
  await taken.delete()

  await store.delete(cards.at('a'))
  await store.delete(draft)
  // @ts-expect-error -- a register always exists
  await store.delete(title)
  // @ts-expect-error -- the relay decides
  await store.delete(seats.at('a'))
  // @ts-expect-error -- no such permission
  await store.open(title, 'admin')
  // @ts-expect-error -- a permission is needed
  await store.open(title)
  // @ts-expect-error -- a collection is opened by its members
  await store.open(cards, 'read')
  // @ts-expect-error -- a handle is no value
  void reading.title
}

function makes(): void {
  // @ts-expect-error -- a local ref is not transient
  lww('x', '', { persistence: 'transient' })
  // @ts-expect-error -- a relay ref is not transient
  counter('x', { arbiter: 'relay', persistence: 'transient' })
  // @ts-expect-error -- a local collection is not transient
  collection('x', { a: '' }, { persistence: 'transient' })
  // @ts-expect-error -- it is one or the other
  lww('x', '', { arbiter: 'browser', persistence: 'sometimes' })
  lww('x', '', { persistence: 'persistent' })
}

test('[HA1] a wrong use of a handle does not compile', () => {
  expect([typeof opens, typeof makes]).toEqual(['function', 'function'])
})

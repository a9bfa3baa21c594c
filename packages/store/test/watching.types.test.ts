import { collection, counter, lww } from '@syncline/merge'
import type { Snapshot } from '@syncline/stm'
import { expect, expectTypeOf, test } from 'vitest'
import { everything, openStore, type Report, type Store } from '../src/index.ts'

test('what a selector makes of a Snapshot is inferred, and what is no selector does not compile', async () => {
  const title = lww('title', '')
  const votes = counter('votes')
  const cards = collection('cards', { title: '', done: false })
  const store = await openStore({ space: 'board' })

  // Never called: these are for the compiler.
  const useAll = {
    ref: () => store.changes(title, ({ value }) => expectTypeOf(value).toEqualTypeOf<string>()),
    collection: () => store.changes(cards, ({ value }) => expectTypeOf(value).toEqualTypeOf<readonly string[]>()),
    list: () =>
      store.changes(cards.list('todo'), ({ value }) => expectTypeOf(value).toEqualTypeOf<readonly string[]>()),
    member: () =>
      store.changes(cards.at('a'), ({ value, before, now, changes, origin }) => {
        expectTypeOf(value?.title).toEqualTypeOf<string | undefined>()
        expectTypeOf(before).toEqualTypeOf<Snapshot>()
        expectTypeOf(now.get(votes)).toEqualTypeOf<number>()
        expectTypeOf(changes?.[0]?.seq).toEqualTypeOf<number | undefined>()
        expectTypeOf(origin).toEqualTypeOf<'local' | 'remote' | undefined>()
        // @ts-expect-error A card may be gone.
        void value.title
      }),
    several: () =>
      store.changes([title, votes, cards], ({ value }) =>
        expectTypeOf(value).toEqualTypeOf<readonly [string, number, readonly string[]]>(),
      ),
    array: (some: readonly (typeof title)[]) =>
      store.changes(some, ({ value }) => expectTypeOf(value).toEqualTypeOf<readonly string[]>()),
    predicate: () =>
      store.changes(
        (now) => now.get(votes) > 3,
        ({ value }) => expectTypeOf(value).toEqualTypeOf<boolean>(),
      ),
    function: () =>
      store.changes(
        (now) => ({ all: [...now.items(cards)].map(([id, card]) => ({ id, title: card.title })) }),
        ({ value }) => expectTypeOf(value).toEqualTypeOf<{ all: { id: string; title: string }[] }>(),
        { every: 100, initial: true, from: store.snapshot, signal: new AbortController().signal },
      ),
    everything: () => store.changes(everything, ({ value }) => expectTypeOf(value).toEqualTypeOf<Snapshot>()),
    loop: async () => {
      for await (const { value, now } of store.changes(votes, { every: 10 })) {
        expectTypeOf(value).toEqualTypeOf<number>()
        expectTypeOf(now).toEqualTypeOf<Snapshot>()
      }
      for await (const { value } of store.changes([votes, title])) {
        expectTypeOf(value).toEqualTypeOf<readonly [number, string]>()
      }
      for await (const { value } of store.changes((now) => now.get(title).length)) {
        expectTypeOf(value).toEqualTypeOf<number>()
      }
    },
    stop: () => expectTypeOf(store.changes(votes, () => undefined)).toEqualTypeOf<() => void>(),
    iterable: () => expectTypeOf(store.changes(votes)).toEqualTypeOf<AsyncIterable<Report<number>>>(),

    // @ts-expect-error A name is no ref.
    name: () => store.changes('title', () => undefined),
    // @ts-expect-error A listener gets one report.
    two: () => store.changes(title, (report: Report<string>, more: string) => void [report, more]),
    // @ts-expect-error The value of a ref is not another one's.
    other: () => store.changes(title, (report: Report<number>) => void report),
    // @ts-expect-error A basis cannot be read.
    basis: () => store.changes(title, () => undefined, { from: store.snapshot.basis }),
    // @ts-expect-error An interval is a number of milliseconds.
    rate: () => store.changes(title, { every: '100ms' }),
    // @ts-expect-error There is one verb.
    verb: (one: Store) => one.onCommit(() => undefined),
  }
  expect(Object.keys(useAll)).toHaveLength(18)
  await store.close()
})

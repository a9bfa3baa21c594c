import { collection, counter, lww } from '@syncline/merge'
import type { Snapshot } from '@syncline/stm'
import type { Status, Store } from '@syncline/store'
import { expect, expectTypeOf, test } from 'vitest'
import { usePresence, useSnapshot, useStatus, useTransact, useValue, type PresenceNow } from '../src/index.ts'

test('hooks give the types of their refs and selectors', () => {
  const title = lww('title', 'Untitled')
  const likes = counter('likes')
  const cards = collection('cards', { text: '' })
  interface Card {
    readonly text: string
  }

  // Never called: these are for the compiler.
  const useAll = {
    title: () => useValue(title),
    likes: () => useValue(likes),
    ids: () => useValue(cards),
    card: () => useValue(cards.at('a')),
    text: () => useValue(cards.at('a'), (card) => card?.text),
    equal: () => useValue(cards, { equal: (a, b) => a.length === b.length }),
    slow: () => useValue(cards.at('a'), (card) => card?.text, { every: 100, equal: (a, b) => a?.length === b?.length }),
    total: () => useSnapshot((snapshot: Snapshot) => snapshot.get(likes)),
    saved: () => useStatus((status) => status.saved),
    status: () => useStatus(),
    presence: () => usePresence(),
    peers: () => usePresence(({ peers }) => peers.size),
    transact: () => useTransact(),
    // @ts-expect-error A card may be gone.
    gone: () => useValue(cards.at('a'), (card) => card.text),
  }
  expectTypeOf(useAll.title).returns.toEqualTypeOf<string>()
  expectTypeOf(useAll.likes).returns.toEqualTypeOf<number>()
  expectTypeOf(useAll.ids).returns.toEqualTypeOf<readonly string[]>()
  expectTypeOf<undefined>().toExtend<ReturnType<typeof useAll.card>>()
  expectTypeOf<NonNullable<ReturnType<typeof useAll.card>>>().toExtend<Card>()
  expectTypeOf(useAll.text).returns.toEqualTypeOf<string | undefined>()
  expectTypeOf(useAll.equal).returns.toEqualTypeOf<readonly string[]>()
  expectTypeOf(useAll.total).returns.toEqualTypeOf<number>()
  expectTypeOf(useAll.saved).returns.toEqualTypeOf<Status['saved']>()
  expectTypeOf(useAll.status).returns.toEqualTypeOf<Status>()
  expectTypeOf(useAll.presence).returns.toEqualTypeOf<PresenceNow>()
  expectTypeOf(useAll.peers).returns.toEqualTypeOf<number>()
  expectTypeOf(useAll.transact).returns.toEqualTypeOf<Store['transact']>()
  expect(Object.keys(useAll)).toHaveLength(14)
})

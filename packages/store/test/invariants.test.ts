import { collection, counter, lww, place } from '@syncline/merge'
import type { InvariantNews, Snapshot, StmError } from '@syncline/stm'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { memoryStorage, openStore, type Store } from '../src/index.ts'
import { codeOf } from './code-of.ts'
import { createWorld, settle } from './world.ts'

const [left, right] = [lww('left', 0), lww('right', 0)]
const which = lww<'left' | 'right'>('which', 'left')
const cards = collection('cards', { title: '', at: place() })

async function open(): Promise<Store> {
  return openStore({ space: 'board' })
}

test('[VD10] a transaction that would break an invariant is refused, in all ways to commit, and nothing has happened', async () => {
  const store = await open()
  store.invariant('balance', (now) => now.get(left) + now.get(right) === 0 || 'They differ.')
  store.transact((tx) => {
    tx.set(left, 5)
    tx.set(right, -5)
  })
  const before = store.snapshot
  let told = 0
  store.changes([left, right], () => (told += 1))
  const refusals: unknown[] = [
    await store.transactAsync((tx) => tx.set(left, 1)).catch((error: unknown) => error),
    await store.transactAsync((tx) => tx.commute(left, (n) => n + 1)).catch((error: unknown) => error),
    await store
      .transactAsync(async (tx) => {
        await Promise.resolve()
        tx.set(right, 7)
      })
      .catch((error: unknown) => error),
  ]
  expect(refusals.map((error) => (error as StmError).code)).toEqual(refusals.map(() => 'invariant-failed'))
  expect(refusals[0]).toMatchObject({ invariant: 'balance', refs: [left.key] })
  expect(String(refusals[0])).toContain('"balance": They differ.')
  expect(codeOf(() => store.transact((tx) => tx.set(left, 1)))).toBe('invariant-failed')
  expect(codeOf(() => store.independent((tx) => tx.set(left, 1)))).toBe('invariant-failed')
  expect([store.snapshot, told]).toEqual([before, 0])
  await store.close()
})

test('[VD10] two that overlap are judged by what comes of both', async () => {
  const store = await open()
  store.invariant('sum', (now) => now.get(left) + now.get(right) <= 1)
  const both = await Promise.allSettled([
    store.transactAsync(async (tx) => {
      await Promise.resolve()
      tx.set(left, 1)
    }),
    store.transactAsync(async (tx) => {
      await Promise.resolve()
      tx.set(right, 1)
    }),
  ])
  // Neither reads what the other writes, so nothing else would stop them.
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(store.get(left) + store.get(right)).toBe(1)
  await store.close()
})

test('[VD11] an invariant is run when something is written that it read the last time, and not otherwise', async () => {
  const store = await open()
  let runs = 0
  store.invariant('chosen', (now) => {
    runs += 1
    return now.get(now.get(which) === 'left' ? left : right) < 5
  })
  const cost = (act: () => unknown): number => {
    runs = 0
    act()
    return runs
  }
  expect(cost(() => store.transact((tx) => tx.set(right, 9)))).toBe(0)
  expect(cost(() => store.transact((tx) => tx.create(cards.at('a'), {})))).toBe(0)
  // Before the commit and after it.
  expect(cost(() => store.transact((tx) => tx.set(left, 1)))).toBe(2)
  expect(codeOf(() => store.transact((tx) => tx.set(which, 'right')))).toBe('invariant-failed')
  store.transact((tx) => {
    tx.set(right, 2)
    tx.set(which, 'right')
  })
  expect(cost(() => store.transact((tx) => tx.set(left, 9)))).toBe(0)
  expect(codeOf(() => store.transact((tx) => tx.set(right, 9)))).toBe('invariant-failed')
  await store.close()
})

test('[VD11] of collections, lists and ranges it counts who comes, goes and moves', async () => {
  const store = await open()
  let runs = 0
  const cost = (act: () => unknown): number => {
    runs = 0
    act()
    return runs
  }
  store.invariant('few', (now) => {
    runs += 1
    return (
      now.get(cards).length <= 3 &&
      now.get(cards.list('todo')).length <= 2 &&
      now.get(cards.range({ prefix: 'x' })).length === 0
    )
  })
  const add = (id: string): void =>
    void store.transact((tx) => {
      tx.create(cards.at(id), {})
      tx.move(cards.at(id), cards.list('todo'))
    })
  expect(cost(() => add('a'))).toBe(2)
  add('b')
  expect(codeOf(() => add('c'))).toBe('invariant-failed')
  expect(codeOf(() => store.transact((tx) => tx.create(cards.at('x1'), {})))).toBe('invariant-failed')
  expect(cost(() => store.transact((tx) => tx.patch(cards.at('a'), { title: 'A' })))).toBe(0)
  expect(cost(() => store.transact((tx) => tx.create(cards.at('c'), {})))).toBe(2)
  expect(codeOf(() => store.transact((tx) => tx.create(cards.at('d'), {})))).toBe('invariant-failed')
  expect(codeOf(() => store.transact((tx) => tx.move(cards.at('c'), cards.list('todo'))))).toBe('invariant-failed')
  store.transact((tx) => {
    tx.delete(cards.at('a'))
    tx.create(cards.at('d'), {})
    tx.move(cards.at('c'), cards.list('todo'))
  })
  expect(store.get(cards.list('todo'))).toEqual(['b', 'c'])
  await store.close()
})

test('[VD11] what an independent transaction has written inside of a body decides what is read', async () => {
  const store = await open()
  store.invariant('chosen', (now) => now.get(now.get(which) === 'left' ? left : right) < 5)
  expect(
    codeOf(() =>
      store.transact((tx) => {
        store.independent((inner) => inner.set(which, 'right'))
        tx.set(right, 9)
      }),
    ),
  ).toBe('invariant-failed')
  expect([store.get(which), store.get(right)]).toEqual(['right', 0])
  store.transact((tx) => {
    store.independent((inner) => inner.set(which, 'left'))
    tx.set(right, 9)
  })
  expect(store.get(right)).toBe(9)
  await store.close()
})

test('[VD12] names are taken once, an invariant that throws does not hold, and one that is taken away is gone', async () => {
  const store = await open()
  const stop = store.invariant('odd', (now) => {
    if (now.get(left) === 3) throw new RangeError('three')
    return true
  })
  expect(codeOf(() => store.invariant('odd', () => true))).toBe('invariant-exists')
  expect(() => store.transact((tx) => tx.set(left, 3))).toThrow('"odd" threw: three')
  stop()
  stop()
  store.transact((tx) => tx.set(left, 3))
  store.invariant('odd', () => true)
  stop()
  expect(codeOf(() => store.invariant('odd', () => true))).toBe('invariant-exists')
  await store.close()
})

test('[VD13] a strict invariant reads relay refs only', async () => {
  const store = await open()
  const seats = counter('seats', { arbiter: 'relay' })
  const rows = collection('rows', { seat: '' }, { arbiter: 'relay' })
  const strict = { strict: true }
  expect(codeOf(() => store.invariant('a', (now) => now.get(left) < 5, strict))).toBe('strict-invariant')
  expect(codeOf(() => store.invariant('a', (now) => now.get(cards).length < 5, strict))).toBe('strict-invariant')
  expect(codeOf(() => store.invariant('a', (now) => now.get(cards.list('x')).length < 5, strict))).toBe(
    'strict-invariant',
  )
  // Two that add to it at the same time would both be accepted.
  const merging = counter('merging', { arbiter: 'relay', onConflict: 'merge' })
  expect(codeOf(() => store.invariant('a', (now) => now.get(merging) < 5, strict))).toBe('strict-invariant')
  store.invariant('a', (now) => now.get(seats) < 5 && now.get(rows.range({ prefix: 'a' })).length < 5, strict)
  await store.close()
})

test('[VD22] what a merge has broken is told once, and once when it is over; the transaction that mends it commits', async () => {
  const world = await createWorld(43)
  const [mine, theirs] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  const [a, b] = [counter('a'), counter('b')]
  const news: InvariantNews[] = []
  const order: string[] = []
  mine.changes(a, () => order.push('watching'))
  mine.invariant(
    'no debts',
    (now: Snapshot) => now.get(a) + now.get(b) >= 0 || `You owe ${-now.get(a) - now.get(b)}.`,
    {
      onViolation(one) {
        news.push(one)
        order.push('violation')
      },
    },
  )
  mine.transact((tx) => tx.add(a, 10))
  await world.clock.pass(100)
  // Each is sound where it is made; together they are not.
  mine.transact((tx) => tx.add(a, -8))
  theirs.transact((tx) => tx.add(b, -8))
  expect(news).toEqual([])
  await world.clock.pass(200)
  expect([mine.get(a), mine.get(b)]).toEqual([2, -8])
  expect(news).toEqual([{ name: 'no debts', message: 'You owe 6.', isOver: false }])
  theirs.transact((tx) => tx.add(b, -1))
  await world.clock.pass(200)
  expect(news).toHaveLength(1)
  // Half a remedy is none.
  expect(codeOf(() => mine.transact((tx) => tx.add(a, 3)))).toBe('invariant-failed')
  mine.transact((tx) => tx.add(a, 7))
  expect(news.slice(1)).toEqual([{ name: 'no debts', message: 'You owe 7.', isOver: true }])
  expect(order.slice(-2)).toEqual(['watching', 'violation'])
  await world.close()
})

test('[VD22] what is broken already is told at once; without a listener it is an error for onError', async () => {
  const errors: unknown[] = []
  const store = await openStore({ space: 'board', onError: (error) => errors.push(error) })
  store.transact((tx) => tx.set(left, 5))
  const heard: unknown[] = []
  store.invariant('small', (now) => now.get(left) < 5, { onViolation: (news) => heard.push(news) })
  expect(heard).toEqual([{ name: 'small', message: '"small" does not hold.', isOver: false }])
  store.invariant('tiny', (now) => now.get(left) < 2)
  expect(errors).toMatchObject([{ code: 'invariant-failed', invariant: 'tiny' }])
  store.transact((tx) => tx.set(left, 1))
  expect(heard).toHaveLength(2)
  expect(errors).toHaveLength(1)
  await store.close()
})

test('[VD22] a commit of a sibling tab is judged as a merge', async () => {
  const storage = memoryStorage()
  const [mine, sibling] = [await openStore({ space: 'board', storage }), await openStore({ space: 'board', storage })]
  const news: InvariantNews[] = []
  mine.invariant('small', (now) => now.get(left) < 5, { onViolation: (one) => news.push(one) })
  sibling.transact((tx) => tx.set(left, 9))
  await settle()
  expect(news).toMatchObject([{ name: 'small', isOver: false }])
  expect(mine.get(left)).toBe(9)
  await mine.close()
  await sibling.close()
})

test('[VD13] a strict invariant never breaks: the relay checks what it has read, although no body reads it', async () => {
  const world = await createWorld(44)
  const [a, b] = [counter('a', { arbiter: 'relay' }), counter('b', { arbiter: 'relay' })]
  const stores = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  const broken: unknown[] = []
  for (const store of stores) {
    store.invariant('one seat', (now) => now.get(a) + now.get(b) <= 1, {
      strict: true,
      onViolation: (news) => broken.push(news),
    })
  }
  // Each adds to another ref and reads none; alone each is sound.
  const runs = stores.map((store, i) => store.transactAsync((tx) => tx.add(i === 0 ? a : b, 1), { arbiter: 'relay' }))
  const ended = Promise.allSettled(runs)
  await world.clock.pass(1_000)
  const ends = await ended
  expect(ends.map((end) => (end.status === 'fulfilled' ? 'done' : (end.reason as StmError).code)).sort()).toEqual([
    'done',
    'invariant-failed',
  ])
  for (const store of stores) expect(store.get(a) + store.get(b)).toBe(1)
  expect(broken).toEqual([])
  await world.close()
})

test('[VD1] a schema judges what a transaction on relay refs leaves, also when it runs again', async () => {
  const world = await createWorld(45)
  const seats = counter('seats', { arbiter: 'relay', schema: z.number().max(1) })
  const stores = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  const ended = Promise.allSettled(
    stores.map((store) => store.transactAsync((tx) => tx.add(seats, 1), { arbiter: 'relay' })),
  )
  await world.clock.pass(1_000)
  const ends = await ended
  expect(ends.map((end) => (end.status === 'fulfilled' ? 'done' : (end.reason as StmError).code)).sort()).toEqual([
    'done',
    'validation-failed',
  ])
  for (const store of stores) expect(store.get(seats)).toBe(1)
  await world.close()
})

import { collection, count, counter, list, lww, optional, place, record } from '@syncline/merge'
import { agent, type Arbiter, type Range, type Snapshot, type Tx } from '@syncline/stm'
import { expect, expectTypeOf, test } from 'vitest'
import type { Receipt, Sent, Store } from '../src/index.ts'

// The compiler is the test: each suppressed error must be one. Functions are never called; nothing in them is annotated that an app would not.

const title = lww('title', '')
const mode = lww<'light' | 'dark'>('mode', 'light')
const votes = counter('votes')
const steps = list<'a' | 'b'>('steps')
const cards = collection('cards', {
  title: '',
  done: false,
  size: 1,
  due: optional<string>(),
  likes: count(),
  at: place(),
})
const settings = record('settings', { theme: 'light', starts: count() })

const draft = lww<string | null>('draft', null, { arbiter: 'browser' })
const jobs = list<string>('jobs', { arbiter: 'browser' })
const drafts = collection('drafts', { text: '' }, { arbiter: 'browser' })

const seat = lww<string | null>('seat', null, { arbiter: 'relay' })
const stock = counter('stock', { arbiter: 'relay' })
const queue = list<string>('queue', { arbiter: 'relay' })
const rooms = collection('rooms', { name: '', at: place() }, { arbiter: 'relay' })
const limits = record('limits', { most: 10 }, { arbiter: 'relay' })

/** A part of an app that takes any transaction. */
function rename(tx: Tx, name: string): void {
  tx.set(title, name)
}
function reserve(tx: Tx<'local' | 'relay'>, name: string): void {
  tx.set(seat, name)
  rename(tx, name)
}
function occupy(tx: Tx<'relay'>): void {
  tx.set(seat, 'x')
}

test('refs are inferred with their arbiter', () => {
  expectTypeOf(title.arbiter).toEqualTypeOf<'local'>()
  expectTypeOf(votes.arbiter).toEqualTypeOf<'local'>()
  expectTypeOf(mode.arbiter).toEqualTypeOf<'local'>()
  expectTypeOf(draft.arbiter).toEqualTypeOf<'browser'>()
  expectTypeOf(jobs.arbiter).toEqualTypeOf<'browser'>()
  expectTypeOf(drafts.at('a').arbiter).toEqualTypeOf<'browser'>()
  expectTypeOf(seat.arbiter).toEqualTypeOf<'relay'>()
  expectTypeOf(stock.arbiter).toEqualTypeOf<'relay'>()
  expectTypeOf(queue.arbiter).toEqualTypeOf<'relay'>()
  expectTypeOf(rooms.at('a').arbiter).toEqualTypeOf<'relay'>()
  expectTypeOf(limits.arbiter).toEqualTypeOf<'relay'>()
  expectTypeOf((reader: Snapshot) => reader.get(seat)).returns.toEqualTypeOf<string | null>()
  expectTypeOf((reader: Snapshot) => reader.get(queue)).returns.toEqualTypeOf<readonly string[]>()
})

function sync(store: Store): void {
  const receipt = store.transact((tx) => {
    tx.set(mode, 'dark')
    tx.update(mode, (now) => (now === 'dark' ? 'light' : 'dark'))
    tx.insert(steps, 0, ['a', 'b'])
    // Whatever refs are read.
    return [
      tx.get(seat),
      tx.get(draft),
      tx.peek(stock),
      tx.get(rooms.list('hall')),
      tx.get(rooms.range({ prefix: 'a' })),
    ] as const
  })
  expectTypeOf(receipt).toEqualTypeOf<
    Receipt<readonly [string | null, string | null, number, readonly string[], readonly string[]]>
  >()
  expectTypeOf(store.independent((tx) => tx.get(cards.at('a'))?.due).value).toEqualTypeOf<string | undefined>()
  expectTypeOf(store.io(() => 7)).toEqualTypeOf<number>()

  store.transact((tx) => {
    // @ts-expect-error -- a relay ref is not written in a sync body
    tx.set(seat, 'me')
    // @ts-expect-error -- a relay ref is not written in a sync body
    tx.add(stock, 1)
    // @ts-expect-error -- a relay ref is not written in a sync body
    tx.insert(queue, 0, 'me')
    // @ts-expect-error -- a relay ref is not written in a sync body
    tx.create(rooms.at('a'), { name: 'x' })
    // @ts-expect-error -- a relay ref is not written in a sync body
    tx.move(rooms.at('a'), rooms.list('hall'))
    // @ts-expect-error -- a relay ref is not written in a sync body
    tx.patch(limits, { most: 1 })
    // @ts-expect-error -- a relay ref is not written in a sync body
    tx.commute(stock, { add: 1 })
    // @ts-expect-error -- a browser ref is not written in a sync body
    tx.set(draft, 'x')
    // @ts-expect-error -- a browser ref is not written in a sync body
    tx.delete(drafts.at('a'))
    // @ts-expect-error -- nor in a savepoint of it
    tx.savepoint((inner) => inner.set(seat, 'me'))
    // @ts-expect-error -- a helper for relay refs takes no sync transaction
    reserve(tx, 'me')
    // @ts-expect-error -- a helper for relay refs takes no sync transaction
    occupy(tx)
    rename(tx, 'me')

    // @ts-expect-error -- no such value, and the type of the ref is not widened by it
    tx.set(mode, 'blue')
    // @ts-expect-error -- no such value
    tx.update(mode, () => 'blue')
    // @ts-expect-error -- no such value
    tx.commute(mode, () => 'blue')
    // @ts-expect-error -- no such item
    tx.insert(steps, 0, 'c')
    // @ts-expect-error -- no such item
    tx.insert(steps, 0, ['a', 'c'])
    // @ts-expect-error -- no such item
    tx.commute(steps, { insert: 'c' })
    // @ts-expect-error -- a field of another type
    tx.update(cards.at('a'), (card) => ({ ...card, done: 'yes' }))
    // @ts-expect-error -- undefined is no value of this register
    tx.set(title, undefined)
    // @ts-expect-error -- a member of one collection is no member of another
    tx.set(cards.at('a'), { text: '' })
  })
  // @ts-expect-error -- a sync transaction has no arbiter
  store.transact((tx) => tx.get(title), { arbiter: 'relay' })
  // @ts-expect-error -- durability is relaxed or strict
  store.transact((tx) => tx.get(title), { durability: 'high' })
  // @ts-expect-error -- an independent transaction is a sync one
  store.independent((tx) => tx.set(seat, 'me'))
}

async function awaiting(store: Store): Promise<void> {
  const local = await store.transactAsync(async (tx) => {
    await Promise.resolve()
    tx.set(title, 'x')
    rename(tx, 'y')
    return tx.get(votes)
  })
  expectTypeOf(local).toEqualTypeOf<Receipt<number>>()
  const plain = await store.transactAsync((tx) => tx.get(title))
  expectTypeOf(plain).toEqualTypeOf<Receipt<string>>()

  const relayed = await store.transactAsync(
    async (tx) => {
      if (tx.get(seat) !== null) return tx.retry()
      tx.set(seat, 'me')
      tx.commute(stock, { add: -1 })
      tx.commute(queue, { insert: 'me' })
      tx.ensure(limits)
      tx.move(rooms.at('a'), rooms.list('hall'))
      rename(tx, 'x')
      reserve(tx, 'x')
      occupy(tx)
      return { seats: tx.get(stock) }
    },
    { arbiter: 'relay', attempts: 3, timeoutMs: 100, isolation: 'snapshot', meta: { why: 'test' } },
  )
  expectTypeOf(relayed).toEqualTypeOf<Receipt<{ seats: number }>>()

  const own = await store.transactAsync(
    (tx) => {
      tx.update(draft, (text) => `${text ?? ''}.`)
      tx.insert(jobs, 0, ['one', 'two'])
      tx.create(drafts.at('a'), {})
      rename(tx, 'x')
      return tx.get(drafts.range({ from: 'a' }))
    },
    { arbiter: 'browser' },
  )
  expectTypeOf(own).toEqualTypeOf<Receipt<readonly string[]>>()
  // `local` may be said too.
  await store.transactAsync((tx) => tx.set(title, 'x'), { arbiter: 'local' })

  // @ts-expect-error -- a relay ref needs its arbiter
  await store.transactAsync(async (tx) => tx.set(seat, 'me'))
  // @ts-expect-error -- a relay ref needs its own arbiter
  await store.transactAsync(async (tx) => tx.set(seat, 'me'), { arbiter: 'browser' })
  // @ts-expect-error -- a browser ref needs its own arbiter
  await store.transactAsync(async (tx) => tx.set(draft, 'x'), { arbiter: 'relay' })
  // @ts-expect-error -- not both at once
  await store.transactAsync<void, 'browser' | 'relay'>((tx) => tx.set(seat, 'me'), { arbiter: 'relay' })
  const either = 'relay' as Arbiter
  // @ts-expect-error -- which one must be known
  await store.transactAsync((tx) => tx.get(title), { arbiter: either })
  // @ts-expect-error -- a list of arbiters is none
  await store.transactAsync((tx) => tx.get(title), { arbiter: ['browser', 'relay'] })
  // @ts-expect-error -- no such isolation
  await store.transactAsync((tx) => tx.get(title), { isolation: 'none' })
  await store.transactAsync(
    (tx) => {
      // @ts-expect-error -- what is commuted on a relay ref is data
      tx.commute(seat, (who) => who)
      // @ts-expect-error -- a register has no additions
      tx.commute(seat, { add: 1 })
      // @ts-expect-error -- a counter has no items
      tx.commute(stock, { insert: 'x' })
      // @ts-expect-error -- an item of another type
      tx.commute(queue, { insert: 7 })
      // @ts-expect-error -- a transaction of relay refs writes no browser refs
      tx.set(draft, 'x')
    },
    { arbiter: 'relay' },
  )
}

function parts(tx: Tx<'local' | 'browser'>): void {
  expectTypeOf(tx.savepoint((inner) => inner.get(votes))).toEqualTypeOf<number>()
  expectTypeOf(tx.savepoint(async (inner) => inner.get(title))).toEqualTypeOf<Promise<string>>()
  expectTypeOf(tx.savepoint((inner) => inner.set(draft, 'x'))).toEqualTypeOf<void>()
  const taken = tx.orElse(
    (left) => (left.get(mode) === 'dark' ? left.get(votes) : left.retry()),
    (right) => right.get(title),
  )
  expectTypeOf(taken).toEqualTypeOf<number | string>()
  const awaited = tx.orElse(
    async (left) => left.get(votes),
    (right) => right.get(draft),
  )
  expectTypeOf(awaited).toEqualTypeOf<Promise<number> | string | null>()
  expectTypeOf(tx.once('price', async () => ({ amount: 1 }))).toEqualTypeOf<Promise<{ amount: number }>>()
  expectTypeOf(() => tx.retry()).returns.toEqualTypeOf<never>()
  tx.effect('mail')
  tx.effect('mail', { to: ['ada'] })
  tx.commute(mode, (now) => (now === 'dark' ? 'light' : now))
  tx.commute(draft, (text) => `${text ?? ''}!`)
  tx.commute(settings, { add: 1, field: 'starts' })
  tx.commute(steps, { insert: ['a', 'b'], index: 0 })
  tx.commute(cards.at('a'), (card) => ({ ...card, size: card.size + 1 }))

  const byId = cards.range({ prefix: 'a' })
  expectTypeOf(byId).toEqualTypeOf<Range>()
  expectTypeOf(tx.get(cards.range({ from: 'a', to: 'b' }))).toEqualTypeOf<readonly string[]>()
  expectTypeOf(tx.peek(cards.list('todo').slice(0, 10))).toEqualTypeOf<readonly string[]>()
  // @ts-expect-error -- a prefix or bounds, not both
  cards.range({ prefix: 'a', from: 'b' })
  // @ts-expect-error -- ids are strings
  cards.range({ from: 1 })
  // @ts-expect-error -- positions are numbers
  cards.list('todo').slice('a', 'b')
  // @ts-expect-error -- a range is not written
  tx.set(byId, [])
  // @ts-expect-error -- an effect has a name
  tx.effect({ handler: 'mail' })
  // @ts-expect-error -- what is ensured can be read
  tx.ensure('title')
  // @ts-expect-error -- the transaction around takes no relay refs, so a savepoint takes none
  tx.savepoint((inner) => inner.set(seat, 'x'))
  // @ts-expect-error -- a helper for relay refs
  reserve(tx, 'x')
}

/** A transaction of more arbiters is one of fewer, and not the reverse; agents have the types of their refs. */
test('a transaction that may write more passes for one that may write less', () => {
  expectTypeOf<Tx<'local' | 'relay'>>().toExtend<Tx>()
  expectTypeOf<Tx<'local' | 'browser'>>().toExtend<Tx>()
  expectTypeOf<Tx<'local' | 'relay'>>().toExtend<Tx<'relay'>>()
  expectTypeOf<Tx>().not.toExtend<Tx<'local' | 'relay'>>()
  expectTypeOf<Tx>().not.toExtend<Tx<'relay'>>()
  expectTypeOf<Tx<'local' | 'browser'>>().not.toExtend<Tx<'local' | 'relay'>>()
})

const bookings = agent('bookings', seat, {
  actions: {
    take(who, name: string, tx) {
      tx.commute(stock, { add: -1 })
      return who ?? name
    },
    leave: () => null,
    async look(who) {
      await Promise.resolve()
      return who
    },
  },
})
const titles = agent('titles', cards.at('a'), {
  actions: { rename: (card, to: string) => ({ ...card, title: to }) },
})

async function agents(store: Store): Promise<void> {
  const live = store.agent(bookings)
  expectTypeOf(live.state).toEqualTypeOf<string | null>()
  expectTypeOf(live.send('take', 'me')).toEqualTypeOf<Sent<string | null>>()
  expectTypeOf(await live.send('leave').committed()).toEqualTypeOf<Receipt<string | null>>()
  live.send('look')
  await live.restart('nobody', { clear: true })
  expectTypeOf(store.agent(titles).state).toEqualTypeOf<ReturnType<typeof card>>()
  store.agent(titles).send('rename', 'x')
  // @ts-expect-error -- no such action
  live.send('give', 'me')
  // @ts-expect-error -- another input
  live.send('take', 7)
  // @ts-expect-error -- the input is missing
  live.send('take')
  // @ts-expect-error -- this action takes no input
  live.send('look', 'me')
  // @ts-expect-error -- another state
  await live.restart(7)
  // @ts-expect-error -- a member that is not there is no state
  await store.agent(titles).restart(undefined)
  // @ts-expect-error -- the state is read, not assigned
  live.state = 'me'
  // @ts-expect-error -- a ref is no agent
  store.agent(seat)
  // @ts-expect-error -- what was sent is no promise
  void live.send('leave').then
}
const card = (store: Store) => store.get(cards.at('a'))

test('[TX11] a wrong transaction does not compile', () => {
  const compiled = [sync, awaiting, parts, agents]
  expect(compiled.map((part) => typeof part)).toEqual(compiled.map(() => 'function'))
})

import { group, set } from '@syncline/merge'
import type { Tx } from '@syncline/stm'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { openStore, type StoreError } from '../src/index.ts'
import { createWorld } from './world.ts'

const tags = set<string>('tags')
const period = group('period', { from: 0, to: 0 })
const guests = set<string, 'relay'>('guests', { arbiter: 'relay' })
const booking = group('booking', { by: '', seats: 0 }, { arbiter: 'relay' })

test('[SE3] [UN1] what was put in by one and taken out by another goes back to each of them', async () => {
  const world = await createWorld(1)
  const [one, two] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  one.transact((tx) => tx.include(tags, 'a', 'b'))
  await world.clock.pass(500)
  two.transact((tx) => tx.exclude(tags, 'a'))
  one.transact((tx) => tx.include(tags, 'c'))
  await world.clock.pass(500)
  expect([one.get(tags), two.get(tags)]).toEqual([
    ['b', 'c'],
    ['b', 'c'],
  ])
  one.undoStack().undo()
  const { superseded } = one.undoStack().undo()!
  // What somebody else has taken out is out; what they left goes.
  expect([one.get(tags), superseded.map(({ part }) => part)]).toEqual([[], ['a']])
  two.undoStack().undo()
  await world.clock.pass(500)
  expect([one.get(tags), two.get(tags)]).toEqual([['a'], ['a']])
  await world.close()
})

test('[SE4] a removal of what was not sent yet holds after both were authored again', async () => {
  const world = await createWorld(2, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'secret') ? { code: 'forbidden', message: 'Not yours.' } : undefined,
  })
  const wire = world.wire()
  const one = await world.open({ transport: wire })
  const other = await world.open({ transport: world.wire() })
  wire.cut()
  const refused = one.transact((tx) => tx.include(set<string>('secret'), 'x')).synced()
  const put = one.transact((tx) => tx.include(tags, 'x', 'y'))
  one.transact((tx) => tx.exclude(tags, 'x'))
  wire.mend()
  await Promise.all([expect(refused).rejects.toMatchObject({ code: 'refused' }), world.clock.pass(60_000)])
  await put.synced()
  expect([one.get(tags), other.get(tags), one.status.pending]).toEqual([['y'], ['y'], 0])
  await world.close()
})

test('[TX25] [SE5] what is put in and taken out commutes: an awaiting body runs once, whatever others write', async () => {
  const store = await openStore({ space: 'board' })
  let runs = 0
  const committing = store.transactAsync(async (tx) => {
    runs += 1
    tx.commute(tags, { include: ['mine', 'theirs'] })
    await Promise.resolve()
    store.transact((now) => now.set(tags, ['theirs', 'others']))
    tx.commute(tags, { exclude: ['others'] })
  })
  const { change } = await committing
  expect([runs, store.get(tags)]).toEqual([1, ['mine', 'theirs']])
  expect((change!.ops[0]!.payload as unknown[]).slice(1, 4)).toEqual([1, expect.any(String), ['mine']])
  await store.close()
})

test('[RE2] [GR2] sets and groups that the relay decides about: one table, no more guests than seats', async () => {
  const world = await createWorld(3)
  const stores = await Promise.all(Array.from({ length: 3 }, () => world.open({ transport: world.wire() })))
  await world.clock.pass(100)
  await stores[0]!.transactAsync((tx) => tx.set(booking, { by: 'ada', seats: 2 }), { arbiter: 'relay' })
  await world.clock.pass(500)
  const come = (name: string) => (tx: Tx<'local' | 'relay'>) => {
    if (tx.get(guests).length < tx.get(booking).seats) tx.include(guests, name)
  }
  const coming = stores.map((store, i) => store.transactAsync(come(`guest ${i}`), { arbiter: 'relay' }))
  await world.clock.pass(5_000)
  await Promise.all(coming)
  for (const store of stores) {
    expect(store.get(guests)).toHaveLength(2)
    expect(store.get(guests)).toEqual(stores[0]!.get(guests))
    expect(store.get(booking)).toEqual({ by: 'ada', seats: 2 })
  }
  await world.close()
})

test('[VD1] [VD6] schemas and limits judge sets and groups', async () => {
  const colours = set('colours', { schema: z.array(z.enum(['red', 'blue'])).max(1) })
  const short = set<string>('short', { maxBytes: 40 })
  const span = group(
    'span',
    { from: 0, to: 0 },
    { schema: z.object({ from: z.number(), to: z.number() }).refine(({ from, to }) => from <= to) },
  )
  const store = await openStore({ space: 'board' })
  const codes = [
    () => store.transact((tx) => tx.include(colours, 'red', 'blue')),
    () => store.transact((tx) => tx.set(colours, ['green' as 'red'])),
    () => store.transact((tx) => tx.include(short, 'x'.repeat(60))),
    () => store.transact((tx) => tx.patch(span, { from: 1 })),
  ].map((write) => {
    try {
      return write()
    } catch (error) {
      return (error as StoreError).code
    }
  })
  expect(codes).toEqual(['validation-failed', 'validation-failed', 'too-large-for-ref', 'validation-failed'])
  store.transact((tx) => {
    tx.include(colours, 'red')
    tx.patch(span, { from: 1, to: 2 })
  })
  expect([store.get(colours), store.get(short), store.get(span)]).toEqual([['red'], [], { from: 1, to: 2 }])
  await store.close()
})

test('[MG1] [MG2] a form that was open while others wrote saves what was changed in it', async () => {
  const world = await createWorld(4)
  const [one, two] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  one.transact((tx) => {
    tx.set(tags, ['a', 'b'])
    tx.set(period, { from: 1, to: 9 })
  })
  await world.clock.pass(500)
  const form = { tags: two.get(tags), period: two.get(period) }
  one.transact((tx) => {
    tx.include(tags, 'c')
    tx.patch(period, { to: 5 })
  })
  await world.clock.pass(500)
  two.transact((tx) => {
    tx.merge(tags, form.tags, ['b', 'd'])
    tx.merge(period, form.period, { ...form.period })
  })
  await world.clock.pass(500)
  for (const store of [one, two]) {
    expect(store.get(tags)).toEqual(['b', 'c', 'd'])
    expect(store.get(period)).toEqual({ from: 1, to: 5 })
  }
  await world.close()
})

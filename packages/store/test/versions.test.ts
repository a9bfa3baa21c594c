import { collection, field, lww, place } from '@syncline/merge'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { memoryStorage, type Store, type Violation } from '../src/index.ts'
import { codeOf } from './code-of.ts'
import { createWorld, settle } from './world.ts'

// Two apps that are open at the same time: the second has split the price into an amount and a currency, and calls the title a name.
const items1 = collection('items', { title: '', price: '0 EUR', at: place() })
interface Money {
  readonly amount: number
  readonly currency: string
}
const upgrade = {
  up: ({ title, price, ...rest }: { title?: string; price?: string }) => ({
    ...rest,
    ...(title !== undefined && { name: title }),
    ...(price !== undefined && { cost: { amount: Number(price.split(' ')[0]), currency: price.split(' ')[1]! } }),
  }),
  down: ({ name, cost, ...rest }: { name?: string; cost?: Money }) => ({
    ...rest,
    ...(name !== undefined && { title: name }),
    ...(cost !== undefined && { price: `${cost.amount} ${cost.currency}` }),
  }),
}
const fields2 = { name: '', cost: field<Money>({ amount: 0, currency: 'EUR' }), note: '', at: place() }
const money = z.object({ amount: z.number(), currency: z.string() })
const items2 = collection('items', fields2, { version: 2, upgrade: { 2: upgrade }, schema: z.object({ cost: money }) })
const items3 = collection('items', fields2, { version: 2, upgrade: { 2: { up: upgrade.up } } })

test('[VD23] two versions of an app, open at once, agree through the relay, through reloads and offline', async () => {
  const world = await createWorld(51)
  const [oldWire, newWire] = [world.wire(), world.wire()]
  const [oldDisk, newDisk] = [memoryStorage(), memoryStorage()]
  let old = await world.open({ transport: oldWire, storage: oldDisk })
  let now = await world.open({ transport: newWire, storage: newDisk })
  await world.clock.pass(100)
  old.transact((tx) => {
    tx.create(items1.at('a'), { title: 'Chair', price: '5 EUR' })
    tx.move(items1.at('a'), items1.list('shop'))
  })
  await world.clock.pass(100)
  expect(now.get(items2.at('a'))).toMatchObject({ name: 'Chair', cost: { amount: 5, currency: 'EUR' }, note: '' })
  expect(now.get(items2.list('shop'))).toEqual(['a'])

  // Apart: each writes to fields of its own version, and both are kept.
  oldWire.cut()
  newWire.cut()
  old.transact((tx) => tx.patch(items1.at('a'), { title: 'Armchair' }))
  now.transact((tx) => {
    tx.patch(items2.at('a'), { cost: { amount: 7, currency: 'EUR' }, note: 'oak' })
    tx.create(items2.at('b'), { name: 'Table' })
  })
  await world.clock.pass(10)
  await now.close()
  await old.close()
  old = await world.open({ transport: oldWire, storage: oldDisk })
  now = await world.open({ transport: newWire, storage: newDisk })
  oldWire.mend()
  newWire.mend()
  await world.clock.pass(60_000)
  expect(old.get(items1.at('a'))).toMatchObject({ title: 'Armchair', price: '7 EUR' })
  expect(now.get(items2.at('a'))).toMatchObject({ name: 'Armchair', cost: { amount: 7, currency: 'EUR' }, note: 'oak' })
  expect(old.get(items1.at('b'))).toMatchObject({ title: 'Table', price: '0 EUR' })
  // What old code does not know survives what it writes.
  old.transact((tx) => tx.update(items1.at('a'), (item) => ({ ...item, price: '9 EUR' })))
  await world.clock.pass(100)
  expect(now.get(items2.at('a'))).toMatchObject({ name: 'Armchair', cost: { amount: 9, currency: 'EUR' }, note: 'oak' })
  await world.close()
})

test('[VD23] what older code wrote is judged by the schema of the newer, and told', async () => {
  const world = await createWorld(52)
  const [old, now] = [await world.open({ transport: world.wire() }), await world.open({ transport: world.wire() })]
  const heard: unknown[] = []
  now.onViolation(items2, ({ ref, isOver, issues }: Violation) =>
    heard.push([ref.address, isOver, issues.map(({ path }) => path)]),
  )
  await world.clock.pass(100)
  old.transact((tx) => tx.create(items1.at('a'), { price: 'cheap EUR' }))
  await world.clock.pass(100)
  expect(now.read(items2.at('a'))).toMatchObject({ invalid: true })
  expect(heard).toEqual([['items/a', false, [['cost', 'amount']]]])
  old.transact((tx) => tx.patch(items1.at('a'), { price: '1 EUR' }))
  await world.clock.pass(100)
  expect(heard.slice(1)).toEqual([['items/a', true, []]])
  await world.close()
})

test('[VD23] newer data is read-only in older code, in all ways to commit, and told', async () => {
  const storage = memoryStorage()
  const world = await createWorld(53)
  const [old, now] = [await world.open({ storage }), await world.open({ storage })]
  old.transact((tx) => tx.create(items1.at('a'), { title: 'Chair', price: '5 EUR' }))
  await settle()
  const heard: unknown[] = []
  old.onViolation(items1, ({ ref, rule, isOver }) => heard.push([ref.address, rule, isOver]))
  now.transact((tx) => tx.patch(items3.at('a'), { cost: { amount: 6, currency: 'EUR' } }))
  await settle()
  expect(heard).toEqual([['items/a', 'schema', false]])
  expect(old.get(items1.at('a'))).toMatchObject({ title: 'Chair' })
  expect(old.read(items1.at('a'))).toMatchObject({ invalid: true })
  const before = old.snapshot
  const write = (tx: Parameters<Parameters<Store['transact']>[0]>[0]): void =>
    tx.patch(items1.at('a'), { title: 'Mine' })
  expect(codeOf(() => old.transact(write))).toBe('read-only-newer')
  expect(codeOf(() => old.independent(write))).toBe('read-only-newer')
  await expect(old.transactAsync(write)).rejects.toMatchObject({ code: 'read-only-newer' })
  expect(old.snapshot).toBe(before)
  // Other members are not concerned.
  old.transact((tx) => tx.create(items1.at('b'), { title: 'Table' }))
  await settle()
  expect(now.get(items3.at('b'))).toMatchObject({ name: 'Table' })
  await world.close()
})

test('[VD23] an undone write of a newer version is of the older one again', async () => {
  const world = await createWorld(54)
  const store = await world.open()
  store.transact((tx) => tx.create(items1.at('a'), { title: 'Chair', price: '5 EUR' }))
  const name1 = lww('name', 'x')
  const name2 = lww('name', 'x', { version: 2, upgrade: { 2: { up: (old: string) => `${old}!` } } })
  store.transact((tx) => tx.set(name1, 'y'))
  store.transact((tx) => {
    tx.set(name2, 'z')
    tx.patch(items3.at('a'), { cost: { amount: 6, currency: 'EUR' } })
  })
  expect(store.read(name1)).toMatchObject({ invalid: true, raw: 'z' })
  store.undo()
  expect([store.read(name1), store.get(name2)]).toEqual([{ invalid: false, value: 'y' }, 'y!'])
  expect(store.read(items1.at('a'))).toMatchObject({ invalid: false, value: { price: '5 EUR' } })
  store.redo()
  expect(store.get(name2)).toBe('z')
  expect(store.get(items3.at('a'))).toMatchObject({ cost: { amount: 6 } })
  await world.close()
})

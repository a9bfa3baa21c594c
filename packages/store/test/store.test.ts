import { collection, counter, lww, place } from '@syncline/merge'
import { expect, test } from 'vitest'
import { everything, memoryStorage, openStore, StoreError, type Store } from '../src/index.ts'

const title = lww('title', '')
const votes = counter('votes')
const cards = collection('cards', { title: '', done: false, place: place() })

async function open(storage = memoryStorage()): Promise<Store> {
  return openStore({ space: 'board', storage })
}

test('[ST1] a commit is in memory before transact returns', async () => {
  const store = await open()
  const before = store.snapshot
  const receipt = store.transact((tx) => {
    tx.set(title, 'Plan')
    tx.add(votes, 2)
    tx.create(cards.at('a'), { title: 'first' })
    tx.move(cards.at('a'), cards.list('todo'))
    expect(tx.get(cards.list('todo'))).toEqual(['a'])
    return 7
  })
  expect(receipt.value).toBe(7)
  expect(store.get(title)).toBe('Plan')
  expect(store.get(votes)).toBe(2)
  expect(store.get(cards)).toEqual(['a'])
  expect(store.get(cards.list('todo'))).toEqual(['a'])
  expect(store.get(cards.at('a'))).toMatchObject({ title: 'first', done: false })
  expect(before.get(title)).toBe('')
  expect(before.get(cards)).toEqual([])
  expect(receipt.change?.seq).toBe(1)
  await store.close()
})

test('[ST2] a bank transfer that throws half-way leaves no trace', async () => {
  const storage = memoryStorage()
  const store = await open(storage)
  const [from, to] = [counter('from'), counter('to')]
  await store.transact((tx) => tx.add(from, 10)).durable()
  const before = store.snapshot
  let told = 0
  store.changes(everything, () => told++)
  expect(() =>
    store.transact((tx) => {
      tx.add(from, -7)
      expect(tx.get(from)).toBe(3)
      throw new Error('the other bank is closed')
    }),
  ).toThrow('the other bank is closed')
  expect(store.snapshot).toBe(before)
  expect([store.get(from), store.get(to), told, store.status.unsaved, store.status.pending]).toEqual([10, 0, 0, 0, 1])
  await store.close()

  const log = await storage.openLog('board')
  let entries = 0
  await log.read(0, () => entries++)
  expect(entries).toBe(1)
  const again = await open(storage)
  expect([again.get(from), again.get(to)]).toEqual([10, 0])
  await again.close()
})

test('[ST3] a transaction that changes nothing makes no Change', async () => {
  const store = await open()
  store.transact((tx) => tx.set(title, 'x'))
  const receipt = store.transact((tx) => tx.set(title, 'x'))
  expect(receipt.change).toBeUndefined()
  await Promise.all([receipt.durable(), receipt.synced()])
  const back = store.transact((tx) => {
    tx.set(title, 'y')
    tx.set(title, 'x')
    tx.add(votes, 1)
    tx.add(votes, -1)
  })
  expect(back.change).toBeUndefined()
  await store.close()
})

test('[ST4] a transaction inside another is refused and harms neither', async () => {
  const store = await open()
  store.transact((tx) => {
    tx.set(title, 'outer')
    expect(() => store.transact((inner) => inner.set(title, 'inner'))).toThrow(
      expect.objectContaining({ code: 'nested-transaction' }),
    )
  })
  expect(store.get(title)).toBe('outer')
  await store.close()
})

test('[ST10] the commits of one task are one entry of the log', async () => {
  const storage = memoryStorage()
  const store = await open(storage)
  for (let i = 1; i <= 100; i++) store.transact((tx) => tx.add(votes, 1))
  expect(store.status.unsaved).toBe(100)
  await store.durable()
  expect(store.status).toMatchObject({ unsaved: 0, pending: 100, saved: 'device', storage: 'ok', link: 'off' })
  const log = await storage.openLog('board')
  let entries = 0
  await log.read(0, () => entries++)
  expect(entries).toBe(1)
  await store.close()
})

test('[ST11] opening replays the log', async () => {
  const storage = memoryStorage()
  const store = await open(storage)
  store.transact((tx) => {
    tx.set(title, 'Plan')
    tx.create(cards.at('a'), { title: 'A' })
    tx.move(cards.at('a'), cards.list('todo'))
  })
  store.transact((tx) => tx.patch(cards.at('a'), { done: true }))
  await store.close()
  const again = await open(storage)
  expect(again.get(title)).toBe('Plan')
  expect(again.get(cards.at('a'))).toMatchObject({ title: 'A', done: true })
  expect(again.get(cards.list('todo'))).toEqual(['a'])
  expect(again.status.pending).toBe(2)
  await again.close()
})

test('[ST15] a commit of one tab appears in the other, once', async () => {
  const storage = memoryStorage()
  const [one, two] = [await open(storage), await open(storage)]
  let heard = 0
  two.changes(votes, () => heard++)
  await one.transact((tx) => tx.add(votes, 5)).durable()
  await expect.poll(() => two.get(votes)).toBe(5)
  two.transact((tx) => tx.add(votes, 1))
  await expect.poll(() => one.get(votes)).toBe(6)
  expect([two.get(votes), heard]).toEqual([6, 2])
  await one.close()
  await two.close()
})

test('[ST14] a closed store refuses politely', async () => {
  const store = await open()
  const receipt = store.transact((tx) => tx.set(title, 'x'))
  const synced = receipt.synced()
  await store.close()
  await expect(synced).rejects.toMatchObject({ code: 'closed' })
  expect(() => store.transact(() => undefined)).toThrow(StoreError)
  expect(() => store.changes(title, () => undefined)).toThrow(StoreError)
})

test('[ST14] closing in a sync body comes after its commit, which is told and saved', async () => {
  const storage = memoryStorage()
  const store = await open(storage)
  const told: string[] = []
  store.changes(title, ({ now }) => told.push(now.get(title)))
  let closing: Promise<void> | undefined
  const receipt = store.transact((tx) => {
    tx.set(title, 'before')
    closing = store.close()
    store.independent((inner) => inner.add(votes, 1))
    tx.set(title, tx.get(title) + ' and after')
    expect(store.close()).toBe(closing)
  })
  expect([receipt.change?.ops.length, told]).toEqual([1, ['before and after']])
  expect(() => store.transact(() => undefined)).toThrow('This store is closed')
  await receipt.durable()
  await closing
  const again = await open(storage)
  expect([again.get(title), again.get(votes)]).toEqual(['before and after', 1])

  // A body that throws has closed all the same, and nothing of it is there.
  expect(() =>
    again.transact((tx) => {
      closing = again.close()
      tx.set(title, 'never')
      throw new Error('no')
    }),
  ).toThrow('no')
  await closing
  const last = await open(storage)
  expect(last.get(title)).toBe('before and after')

  // A body that awaits is ended, as it would be from outside.
  const ended = last.transactAsync(async (tx) => {
    tx.set(title, 'never')
    closing = last.close()
    await closing
  })
  await expect(ended).rejects.toMatchObject({ code: 'closed' })
  const witness = await open(storage)
  expect(witness.get(title)).toBe('before and after')
  await witness.close()
})

test('wrong names are refused with a sentence that says what to do', async () => {
  // What a relay would turn away is not taken here either.
  for (const space of ['', 'x'.repeat(201), 'two\nlines', 'a\u0085b', 'a\u2028b', 'half \ud83d']) {
    await expect(openStore({ space })).rejects.toMatchObject({ code: 'invalid-space' })
  }
  expect(() => lww('no/slash', 0)).toThrow(/cannot name a ref/)
})

import { collection, counter, lww, place } from '@syncline/merge'
import { expect, test, vi } from 'vitest'
import { memoryStorage, openStore, StoreError, type Store } from '../src/index.ts'

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
  store.onCommit(() => told++)
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

test('[ST7] listeners hear each commit once, in order, also those that a listener makes', async () => {
  const store = await open()
  const heard: string[] = []
  store.changes(title, (snapshot) => {
    heard.push(`a ${snapshot.get(title)}`)
    if (snapshot.get(title) === '1') store.transact((tx) => tx.set(title, '2'))
  })
  store.changes([title, votes], (snapshot) => heard.push(`b ${snapshot.get(title)} ${snapshot.get(votes)}`))
  store.transact((tx) => {
    tx.set(title, '1')
    tx.add(votes, 1)
  })
  expect(heard).toEqual(['a 1', 'b 1 1', 'a 2', 'b 2 1'])
  await store.close()
})

test('[ST8] a listener that throws harms nobody', async () => {
  const errors: unknown[] = []
  const store = await openStore({
    space: 'board',
    onError(error) {
      errors.push(error)
      if (errors.length === 1) throw new Error('the app throws here too')
    },
  })
  const outside = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  let heard = 0
  store.changes(title, () => {
    throw new Error('mine')
  })
  store.changes(title, () => heard++)
  store.transact((tx) => tx.set(title, 'x'))
  expect([heard, errors.length, store.get(title)]).toEqual([1, 1, 'x'])
  expect(outside).toHaveBeenCalledOnce()
  outside.mockRestore()
  await store.close()
})

test('[ST9] watch calls back for what the selector read, and only then', async () => {
  const store = await open()
  store.transact((tx) => {
    tx.create(cards.at('a'), { title: 'A' })
    tx.create(cards.at('b'), { title: 'B' })
  })
  let called = 0
  const watch = store.watch(
    (snapshot) => snapshot.get(cards).map((id) => snapshot.get(cards.at(id))!.title),
    () => called++,
  )
  const first = watch.read()
  expect(first).toEqual(['A', 'B'])
  store.transact((tx) => tx.set(title, 'elsewhere'))
  expect([called, watch.read()]).toEqual([0, first])
  expect(watch.read()).toBe(first)
  store.transact((tx) => tx.patch(cards.at('b'), { title: 'BB' }))
  expect([called, watch.read()]).toEqual([1, ['A', 'BB']])
  store.transact((tx) => tx.create(cards.at('c'), { title: 'C' }))
  expect([called, watch.read()]).toEqual([2, ['A', 'BB', 'C']])
  store.transact((tx) => tx.delete(cards.at('a')))
  expect([called, watch.read()]).toEqual([3, ['BB', 'C']])
  watch.stop()
  store.transact((tx) => tx.delete(cards.at('b')))
  expect(called).toBe(3)
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

test('wrong names are refused with a sentence that says what to do', async () => {
  // What a relay would turn away is not taken here either.
  for (const space of ['', 'x'.repeat(201), 'two\nlines', 'a\u0085b', 'a\u2028b', 'half \ud83d']) {
    await expect(openStore({ space })).rejects.toMatchObject({ code: 'invalid-space' })
  }
  expect(() => lww('no/slash', 0)).toThrow(/cannot name a ref/)
})

import { join } from 'node:path'
import { openStore, type Store } from '@syncline/store'
import sqlite from 'node-sqlite3-wasm'
import { expect, test } from 'vitest'
import { cards, mirror } from '../examples/sqlite-mirror.ts'
import { fileStorage } from '../src/index.ts'
import { freshFolder } from './fresh-folder.ts'

const { Database } = sqlite

/** A job with its store, its table, and the connection of another program to that. */
async function openJob(folder: string) {
  const store = await openStore({ space: 'board', storage: fileStorage(join(folder, 'store')) })
  const database = new Database(join(folder, 'cards.db'))
  const rows = (): unknown[] => database.all('SELECT id, title, done, votes FROM cards ORDER BY id')
  return { store, database, rows }
}

const membersOf = (store: Store): unknown[] => [...store.snapshot.items(cards)]

test('[FS8] what people edit is in the table, what other programs write is in the space, and both are merged field by field', async () => {
  const { store, database, rows } = await openJob(freshFolder())
  const mirroring = mirror(store, database)
  store.transact((tx) => tx.create(cards.at('a'), { title: 'By a person' }))
  await mirroring.settle()
  expect(rows()).toEqual([{ id: 'a', title: 'By a person', done: 0, votes: 0 }])

  database.exec("INSERT INTO cards (id, title, votes) VALUES ('b', 'By a program', 3)")
  await mirroring.settle()
  expect(membersOf(store)).toMatchObject([
    ['a', { title: 'By a person' }],
    ['b', { title: 'By a program', done: false, votes: 3 }],
  ])

  store.transact((tx) => {
    tx.patch(cards.at('b'), { title: 'Named by a person' })
    tx.add(cards.at('b'), 1, 'votes')
  })
  database.exec("UPDATE cards SET done = 1, votes = votes + 10 WHERE id = 'b'")
  await mirroring.settle()
  expect(store.get(cards.at('b'))).toEqual({ title: 'Named by a person', done: true, votes: 14 })
  expect(rows().at(-1)).toEqual({ id: 'b', title: 'Named by a person', done: 1, votes: 14 })

  database.exec("DELETE FROM cards WHERE id = 'a'")
  store.transact((tx) => tx.delete(cards.at('b')))
  await mirroring.settle()
  expect([membersOf(store), rows()]).toEqual([[], []])
  await mirroring.stop()
  database.close()
  await store.close()
})

test('[FS8] what was written on either side while it was away is there when it is back', async () => {
  const folder = freshFolder()
  const first = await openJob(folder)
  const before = mirror(first.store, first.database)
  first.store.transact((tx) => {
    for (const id of ['a', 'b']) tx.create(cards.at(id), { title: id })
  })
  await before.settle()
  await before.stop()
  first.store.transact((tx) => tx.patch(cards.at('a'), { done: true }))
  await first.store.close()
  first.database.exec("UPDATE cards SET title = 'new' WHERE id = 'a'; DELETE FROM cards WHERE id = 'b'")
  first.database.close()

  const { store, database, rows } = await openJob(folder)
  const mirroring = mirror(store, database)
  await mirroring.settle()
  expect(membersOf(store)).toEqual([['a', { title: 'new', done: true, votes: 0 }]])
  expect(rows()).toEqual([{ id: 'a', title: 'new', done: 1, votes: 0 }])
  await mirroring.stop()
  database.close()
  await store.close()
})

const isLong = process.env.SYNCLINE_LONG === '1'

test(`[FS8] ended at ${isLong ? 'each' : 'every fourth'} call of the database in turn, it counts nothing twice and loses nothing`, async () => {
  let calls = Infinity
  for (let dies = 0; dies < calls; dies += isLong ? 1 : 4) {
    const folder = freshFolder()
    const first = await openJob(folder)
    const before = mirror(first.store, first.database)
    first.store.transact((tx) => tx.create(cards.at('a'), { title: 'a' }))
    await before.settle()
    await before.stop()
    first.database.exec("UPDATE cards SET votes = votes + 5 WHERE id = 'a'")
    // From the n-th call on the mirror gets no answer: its process is gone.
    let left = dies
    const dying = new Proxy(first.database, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name)
        if (typeof found !== 'function') return found
        return (...args: unknown[]): unknown => {
          if (left-- <= 0) throw new Error('The process is gone.')
          return (found as (...of: unknown[]) => unknown).apply(target, args)
        }
      },
    })
    const { error } = console
    console.error = () => undefined
    try {
      const interrupted = mirror(first.store, dying)
      await interrupted.settle().catch(() => undefined)
      await interrupted.stop()
    } catch {
      // It could not even begin.
    }
    console.error = error
    if (left > 0) calls = dies
    await first.store.close()
    // What it had begun goes with its connection.
    first.database.close()

    const { store, database, rows } = await openJob(folder)
    const mirroring = mirror(store, database)
    await mirroring.settle()
    expect([dies, store.get(cards.at('a'))?.votes]).toEqual([dies, 5])
    expect(rows()).toEqual([{ id: 'a', title: 'a', done: 0, votes: 5 }])
    await mirroring.stop()
    database.close()
    await store.close()
  }
  expect(calls).toBeGreaterThan(10)
})

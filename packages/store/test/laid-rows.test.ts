import { collection, place } from '@syncline/merge'
import { decodeEntry } from '@syncline/protocol'
import type { Snapshot } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { createWorld, passing } from './world.ts'

const rows = collection('rows', { text: '', votes: 0, at: place() })
const FIRST = 3_000

/** What the rows read, in the order of their ids. */
const shown = (snapshot: Snapshot): readonly unknown[] =>
  Array.from(snapshot.items(rows), ([id, { text, votes }]) => [id, text, votes])

/** How many rows the log has in columns. */
async function rowsIn(storage: Storage): Promise<number> {
  const log = await storage.openLog('board')
  let count = 0
  await log.read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    if (entry.kind === 'rows') count += entry.rows.ids.length
  })
  await log.close()
  return count
}

test.each([
  ['always', [true, true, true]],
  ['now and then', [false, true, false]],
])(
  '[ST43] [CP2] rows are what was done to them, opened and compacted again and again: ready %s',
  async (_, isReady) => {
    const storage = memoryStorage()
    const world = await createWorld(1)
    const model = new Map<string, readonly [text: string, votes: number]>()
    const expected = (): readonly unknown[] =>
      [...model].map(([id, [text, votes]]) => [id, text, votes] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))

    function create(store: Store, from: number, to: number): void {
      store.transact((tx) => {
        for (let i = from; i < to; i++) {
          tx.create(rows.at(`r${i}`), { text: `row ${i}`.padEnd(40), votes: i })
          model.set(`r${i}`, [`row ${i}`.padEnd(40), i])
        }
      })
    }

    function edit(store: Store, n: number): void {
      const id = `r${n}`
      const known = model.get(id)
      if (known === undefined) return
      if (n % 7 === 0) {
        store.transact((tx) => tx.delete(rows.at(id)))
        model.delete(id)
      } else {
        store.transact((tx) => tx.patch(rows.at(id), { votes: -n }))
        model.set(id, [known[0], -n])
      }
    }

    async function opened(ready: boolean, act: (store: Store) => void): Promise<void> {
      const store = await world.open({ storage, transport: world.wire(), ready: ready ? [rows] : [] })
      act(store)
      await passing(world, store.synced())
      await world.clock.pass(20_000)
      await store.close()
      expect(await rowsIn(storage)).toBeGreaterThan(1_000)
    }

    await opened(true, (store) => create(store, 0, FIRST))
    for (const [i, ready] of isReady.entries()) {
      const round = i + 1
      await opened(ready, (store) => {
        const { snapshot } = store
        const before = expected()
        // One is read by itself before anybody has gone through all of them.
        const one = store.get(rows.at('r8'))
        expect(one?.votes).toBe(model.get('r8')?.[1])
        expect(shown(snapshot)).toEqual(before)
        expect(new Map(snapshot.items(rows)).get('r8')).toBe(one)
        create(store, FIRST * round, FIRST * (round + 1))
        for (let n = round; n < FIRST * round; n += 3) edit(store, n)
        expect(shown(store.snapshot)).toEqual(expected())
        expect(shown(snapshot)).toEqual(before)
      })
    }
    await world.close()
  },
)

import { lww } from '@syncline/merge'
import { memoryStorage } from '@syncline/store'
import type { Storage, Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { conflictCopies, measureGeneration, openText } from '../src/index.ts'
import { retireGenerations, startGeneration, text } from '../src/index.ts'
import { chanceFrom, createClashWorld } from './clash-world.ts'

// Three people write a text, apart and together, while one of them begins generations and retires them.

const note = text('note')
const title = lww('title', '')
const DAY_MS = 24 * 60 * 60 * 1000
const ROUNDS = 4

const isLong = process.env['SYNCLINE_LONG'] === '1'
const seeds = Array.from({ length: isLong ? 100 : 6 }, (_, i) => i + 1)

/** A storage that is compacted soon. */
function soonCompacted(storage: Storage): Storage {
  return { ...storage, openLog: async (space) => ({ ...(await storage.openLog(space)), worthBytes: 1_000 }) }
}

/** Begins a generation, if it is worth it. */
function begin(store: Store): void {
  const { parts } = measureGeneration(store, note)
  if (parts.now > parts.after) startGeneration(store, note)
}

test.each(seeds)(
  '[TE30] [TE36] [TE37] [ST44] seed %i: all have the same text and the same conflict copies, and nothing is lost',
  async (seed) => {
    const world = createClashWorld(seed)
    const chance = chanceFrom(seed)
    const below = (count: number): number => Math.floor(chance() * count)
    const browsers = Array.from({ length: 3 }, () => world.browser(soonCompacted(memoryStorage())))
    const stores: Store[] = []
    for (const browser of browsers) stores.push(await world.open(browser))
    let next = 0x4e00
    const gone = new Set<string>()
    const write = (store: Store): void => {
      for (let i = 1 + below(4); i > 0; i--) {
        const shown = store.get(note)
        const at = below(shown.length + 1)
        const removed = shown.slice(at, at + below(3))
        for (const character of removed) gone.add(character)
        const written = String.fromCharCode(next++, next++)
        store.transact((tx) => {
          tx.remove(note, at, removed.length)
          tx.insert(note, at, written)
        })
      }
    }
    const [keeper] = stores as [Store]
    let copies = 0
    for (let round = 0; round < ROUNDS; round++) {
      const opened = openText(keeper, note)
      write(keeper)
      await world.pass(1000)
      const before = gone.size
      for (const i of [1, 2]) {
        browsers[i]!.link.cut()
        write(stores[i]!)
      }
      write(keeper)
      for (let i = 0; i < 6; i++) keeper.transact((tx) => tx.set(note, `${keeper.get(note)}.`))
      keeper.transact((tx) => tx.set(note, keeper.get(note).replaceAll('.', '')))
      begin(keeper)
      await world.pass(1000)
      // One of them begins one as well, and is the earlier.
      if (below(2) === 0) write(stores[1]!)
      if (below(2) === 0) {
        await stores[2]!.close()
        stores[2] = await world.open(browsers[2]!)
      }
      const isEarly = below(2) === 0
      world.sleep((isEarly ? 30 : 100) * DAY_MS)
      await world.pass(60_000)
      retireGenerations(keeper, note)
      write(keeper)
      await world.pass(1000)
      for (const { link } of browsers) link.mend()
      await world.pass(120_000)
      // What has overwritten this makes a checkpoint worth it.
      for (const store of stores) store.transact((tx) => tx.set(title, `${round}`.repeat(20_000)), { undo: false })
      await world.pass(5_000)
      opened.close()
      const shown = keeper.get(note)
      const told = conflictCopies(keeper, note)
      for (const store of stores) expect([store.get(note), conflictCopies(store, note)]).toEqual([shown, told])
      const late = told.flatMap(({ inserted }) => inserted).join('')
      const written = Array.from({ length: next - 0x4e00 }, (_, i) => String.fromCharCode(0x4e00 + i))
      expect(written.filter((one) => !gone.has(one) && !shown.includes(one) && !late.includes(one))).toEqual([])
      // What comes in time is merged: also what it deletes.
      const deleted = [...gone].slice(before).filter((one) => isEarly && shown.includes(one))
      expect([deleted, isEarly && told.length > copies]).toEqual([[], false])
      copies = told.length
    }
    const fresh = await world.open(world.browser())
    await world.pass(60_000)
    expect([fresh.get(note), conflictCopies(fresh, note)]).toEqual([keeper.get(note), conflictCopies(keeper, note)])
    const codes = world.errors.map((error) => (error as { code?: unknown }).code)
    expect(codes.filter((code) => code !== 'conflict-copy')).toEqual([])
    await world.close()
  },
)

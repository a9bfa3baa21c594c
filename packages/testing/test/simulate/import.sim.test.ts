import { exportDatabase, importDatabase, verifyDatabase, type Imported } from '@syncline/idb/care'
import { counter, lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { machineOf, type Machine } from './disks.ts'
import { compact, openAs } from './people.ts'

const browser = { arbiter: 'browser' } as const
const votes = counter('votes')
const drafts = counter('drafts', browser)
const title = lww('title', '')

/** One edit that merges, and one about which the browser decides. */
async function edit(store: Store, votesMore: number, draftsMore: number): Promise<void> {
  await store.transact((tx) => tx.add(votes, votesMore)).durable()
  await store.transactAsync((tx) => tx.add(drafts, draftsMore), browser)
}

/** What somebody has on another device: 3 votes and 3,000 drafts. */
async function backup(isCompacted: boolean): Promise<readonly Uint8Array[]> {
  const machine = machineOf(1)
  const store = await openAs(machine, null)
  for (let i = 0; i < 3; i++) await machine.until(edit(store, 1, 1000))
  await machine.until(store.transact((tx) => tx.set(title, 'elsewhere')).durable())
  await machine.until(store.close())
  if (isCompacted) await compact(machine, null)
  const chunks: Uint8Array[] = []
  const all = async (): Promise<void> => {
    for await (const chunk of exportDatabase('app', { surroundings: machine.surroundings() })) chunks.push(chunk)
  }
  await machine.until(all())
  return chunks
}

const shown = (store: Store): unknown[] => [store.get(votes), store.get(drafts), store.get(title)]

const imported = (machine: Machine, chunks: Iterable<Uint8Array>): Promise<Imported> =>
  importDatabase('app', chunks, { surroundings: machine.surroundings() })

/** So many turns, and after how many events of the import somebody begins to write. */
const SEEDS = process.env['SYNCLINE_LONG'] === '1' ? 2000 : 40
const STEPS = 8

test.each([
  { isCompacted: false, hadSome: false },
  { isCompacted: false, hadSome: true },
  { isCompacted: true, hadSome: false },
  { isCompacted: true, hadSome: true },
])(
  '[CA4] whoever writes while a backup is taken in, at whatever moment, both is there once ($isCompacted, $hadSome)',
  async ({ isCompacted, hadSome }) => {
    const chunks = await backup(isCompacted)
    let raced = 0
    for (let seed = 0; seed < SEEDS; seed++) {
      // None is the device of the backup, whose names it would give once more.
      const machine = machineOf(100 + seed)
      const tab = await openAs(machine, null)
      if (hadSome) await machine.until(edit(tab, 10, 10))
      let isOver = false
      const importing = imported(machine, chunks).finally(() => (isOver = true))
      await machine.run(seed % STEPS)
      if (!isOver) raced += 1
      const writing = (async () => {
        for (let i = 0; i < 3; i++) await edit(tab, 100, 100)
      })()
      expect(await machine.until(importing)).toMatchObject({ isWhole: true, spaces: [{ outcome: 'imported' }] })
      await machine.until(writing)
      const had = hadSome ? 10 : 0
      const expected = [303 + had, 3300 + had, 'elsewhere']
      await machine.until(tab.close())
      const again = await openAs(machine, null)
      expect([seed, ...shown(again)]).toEqual([seed, ...expected])
      await machine.until(again.close())
      // What is there is not added once more.
      expect(await machine.until(imported(machine, chunks))).toMatchObject({ spaces: [{ added: 0 }] })
      expect(await machine.until(verifyDatabase('app', machine.surroundings()))).toMatchObject({ isSound: true })
      expect(machine.errors).toEqual([])
    }
    expect(raced).toBeGreaterThan(SEEDS / 2)
  },
)

import { verifyDatabase } from '@syncline/idb/care'
import { counter, lww } from '@syncline/merge'
import { openStore, type Store } from '@syncline/store'
import { expect, onTestFinished, test } from 'vitest'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { freshName, patient } from './names.ts'

const draft = lww('draft', '', { arbiter: 'browser' })
const saves = counter('saves', { arbiter: 'browser' })

/** How many bytes of entries the database has. */
async function sizeOf(name: string): Promise<number> {
  const { spaces } = await verifyDatabase(name)
  return spaces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

async function save(store: Store, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i += 50) {
    const some = Array.from({ length: 50 }, (_, j) =>
      store.transactAsync(
        (tx) => {
          tx.set(draft, `draft ${i + j} `.padEnd(400, '.'))
          tx.add(saves, 1)
        },
        { arbiter: 'browser', undo: false },
      ),
    )
    await Promise.all(some)
  }
}

test('[CP1] [CP3] what is overwritten again and again leaves nothing on the disk, and a sibling has read all of it', async () => {
  const name = freshName()
  onTestFinished(() => deleteDatabase(name))
  const open = (): Promise<Store> => openStore({ space: 'board', storage: indexedDb(name) })
  const [store, sibling] = [await open(), await open()]
  // Each time 500 drafts of 400 bytes. A checkpoint is worth it for 64 KiB.
  for (let i = 0; i < 1_500; i += 500) {
    await save(store, i, i + 500)
    await expect.poll(() => sizeOf(name), patient).toBeLessThan(70_000)
  }
  await expect.poll(() => sibling.get(saves), patient).toBe(1_500)
  await save(sibling, 1_500, 1_600)
  await expect.poll(() => store.get(saves), patient).toBe(1_600)
  await Promise.all([store.close(), sibling.close()])
  expect(await verifyDatabase(name)).toMatchObject({ isSound: true, damaged: [], spaces: [{ pending: 0 }] })
  const again = await open()
  expect([again.get(saves), again.get(draft).slice(0, 10)]).toEqual([1_600, 'draft 1599'])
  await again.close()
})

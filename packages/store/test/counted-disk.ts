import { decodeEntry } from '@syncline/protocol'
import { expect } from 'vitest'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { draft, drafts, picture } from './refs-of-all.ts'
import { smallLogs } from './small-logs.ts'
import { passing, type World } from './world.ts'

/** A disk whose log has become a checkpoint that counts what is pending, without a relay; and what its store showed. */
export async function countedDisk(
  world: World,
  work: (store: Store, i: number) => void,
  times = 60,
): Promise<{ disk: Storage; storage: Storage; shown: readonly unknown[] }> {
  const disk = memoryStorage()
  const storage = smallLogs(disk, 500)
  const store = await world.open({ storage })
  for (let i = 0; i < times; i++) {
    work(store, i)
    await store.durable()
  }
  await passing(
    world,
    store.transactAsync((tx) => (tx.set(draft, 'own'), tx.add(drafts, 2)), { arbiter: 'browser' }),
  )
  for (let i = 0; i < 10; i++) await world.clock.pass(500)
  const shown = picture(store)
  await store.close()
  expect(await countedIn(disk)).toBe(true)
  return { disk, storage, shown }
}

export async function countedIn(disk: Storage): Promise<boolean> {
  const log = await disk.openLog('board')
  let isCounted = false
  await log.read(0, (bytes) => {
    const entry = decodeEntry(bytes)
    if (entry.kind === 'rest' && entry.rest[0] === 'ledger') isCounted = entry.rest[1].counted !== undefined
  })
  await log.close()
  return isCounted
}

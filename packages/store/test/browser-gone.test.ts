import { counter } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, StoreError } from '../src/index.ts'
import { fragile } from './fragile.ts'
import { sealed } from './sealed.ts'
import { passing, settle, virtualClock } from './world.ts'

const browser = { arbiter: 'browser' } as const
const votes = counter('votes', browser)

for (const code of ['storage-newer', 'storage-evicted'] as const) {
  for (const isStored of [true, false]) {
    test(`[BR12] when the storage is gone with ${code} what waits is told, and what was on its way${isStored ? ', and is stored,' : ''} that nobody knows`, async () => {
      const gone = new StoreError(code, 'It is gone.')
      const base = memoryStorage()
      const clock = virtualClock()
      const fragility = fragile(base)
      const store = await openStore({ space: 'board', storage: fragility.storage, clock })
      fragility.isHeld = true
      const sent = Promise.allSettled([1, 2].map(() => store.transactAsync((tx) => tx.add(votes, 1), browser)))
      await settle()
      let runs = 0
      const behind = Promise.allSettled([
        store.transactAsync((tx) => {
          runs += 1
          tx.add(votes, 10)
        }, browser),
      ])
      await settle()
      fragility.lose(gone)
      fragility.answer(isStored)
      // At once: no time passes.
      const unsure = {
        code,
        message: 'It is gone. Whether this transaction was stored before is not known.',
        cause: gone,
      }
      expect(await sent).toMatchObject([{ reason: unsure }, { reason: unsure }])
      const [last] = await behind
      expect(last!.status === 'rejected' && last!.reason).toBe(gone)
      expect([store.get(votes), runs, clock.timers]).toEqual([0, 1, 0])
      // Who comes later has done nothing.
      await expect(store.transactAsync((tx) => tx.add(votes, 10), browser)).rejects.toBe(gone)
      await store.close()
      const again = await openStore({ space: 'board', storage: base })
      expect(again.get(votes)).toBe(isStored ? 2 : 0)
      await again.close()
    })
  }
}

test('[BR12] a body that is run while the storage goes is told that it is gone, and has done nothing', async () => {
  const gone = new StoreError('storage-evicted', 'It is gone.')
  const fragility = fragile(memoryStorage())
  const store = await openStore({ space: 'board', storage: fragility.storage })
  let goOn: (() => void) | undefined
  const work = store.transactAsync(async (tx) => {
    tx.add(votes, 1)
    await new Promise<void>((resolve) => (goOn = resolve))
  }, browser)
  await settle()
  // A log that answers nobody any more.
  fragility.isHeld = true
  fragility.lose(gone)
  goOn!()
  await expect(work).rejects.toBe(gone)
  await store.close()
})

test('[BR9] [BR12] while the storage is out of order it waits, and goes on with what it finds; it is told when that is gone meanwhile', async () => {
  const clock = virtualClock()
  for (const ends of ['again', 'gone', 'closed'] as const) {
    const fragility = fragile(memoryStorage())
    const store = await openStore({ space: 'board', storage: fragility.storage, clock })
    fragility.isHeld = true
    let outcome: unknown
    const work = store
      .transactAsync((tx) => tx.add(votes, 1), browser)
      .then(
        () => (outcome = 'committed'),
        (error: StoreError) => (outcome = error.code),
      )
    await settle()
    fragility.reason = new StoreError('storage-lost', 'The browser has closed the connection.')
    fragility.answer(true)
    await clock.pass(10_000)
    expect(outcome).toBeUndefined()
    if (ends === 'again') fragility.reason = undefined
    if (ends === 'gone') fragility.lose(new StoreError('storage-newer', 'It is gone.'))
    if (ends === 'closed') await store.close()
    else await passing({ clock }, work)
    expect(outcome).toBe({ again: 'committed', gone: 'storage-newer', closed: 'closed' }[ends])
    expect(store.get(votes)).toBe(ends === 'again' ? 1 : 0)
    fragility.isHeld = false
    await store.close()
    expect(clock.timers).toBe(0)
  }
})

test('[BR12] [DM2] what a sibling of newer code has written ends what waits to read it', async () => {
  const base = memoryStorage()
  const fragility = fragile(base)
  const store = await openStore({ space: 'board', storage: fragility.storage, onError: () => undefined })
  fragility.isHeld = true
  const work = store.transactAsync((tx) => tx.add(votes, 1), browser)
  await settle()
  await (await base.openLog('board')).append(sealed(Uint8Array.of(1, 200, 0)))
  // The answer is a failure that is over by then, so that the log is asked.
  fragility.reason = new StoreError('storage-lost', 'The browser has closed the connection.')
  fragility.answer(false)
  fragility.reason = undefined
  await expect(work).rejects.toMatchObject({ code: 'storage-newer', message: expect.stringContaining('not known') })
  fragility.isHeld = false
  await store.close()
})

test('[SS3] that the storage is gone is in the status, and no error of who looks for news of other tabs', async () => {
  const gone = new StoreError('storage-evicted', 'It is gone.')
  const base = memoryStorage()
  const fragility = fragile(base)
  const clock = virtualClock()
  const errors: unknown[] = []
  const store = await openStore({
    space: 'board',
    storage: fragility.storage,
    clock,
    onError: (error) => errors.push(error),
  })
  const other = await openStore({ space: 'board', storage: base, clock })
  fragility.lose(gone)
  await other.transactAsync((tx) => tx.add(votes, 1), browser)
  await clock.pass(1000)
  expect([store.status.storage, errors]).toEqual(['evicted', []])
  await store.close()
  await other.close()
})

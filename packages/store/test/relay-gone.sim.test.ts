import { lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, StoreError } from '../src/index.ts'
import { fragile } from './fragile.ts'
import { createWorld, passing, settle } from './world.ts'

const relay = { arbiter: 'relay' } as const
const seat = lww<string | null, 'relay'>('seat', null, relay)

for (const code of ['storage-newer', 'storage-evicted'] as const) {
  for (const answers of ['after it has stored it', 'with a refusal', 'never'] as const) {
    test(`[RE15] when the storage is gone with ${code}, what is being prepared is told so where the log answers ${answers}`, async () => {
      const gone = new StoreError(code, 'It is gone.')
      const world = await createWorld(1)
      const fragility = fragile(memoryStorage())
      const store = await world.open({ transport: world.wire(), storage: fragility.storage })
      const other = await world.open({ transport: world.wire() })
      await world.clock.pass(100)
      fragility.isHeld = true
      let error: unknown
      const work = store.transactAsync((tx) => tx.set(seat, 'ada'), relay).catch((reason: unknown) => (error = reason))
      await settle()
      fragility.lose(gone)
      if (answers !== 'never') fragility.answer(answers === 'after it has stored it')
      // At once: no time passes.
      await settle()
      expect(error).toMatchObject({
        code,
        message: 'It is gone. Whether this transaction was stored before is not known.',
        cause: gone,
      })
      await work
      // Who comes later has done nothing.
      await expect(store.transactAsync((tx) => tx.set(seat, 'bob'), relay)).rejects.toBe(gone)
      await world.clock.pass(10_000)
      expect([store.get(seat), other.get(seat)]).toEqual([null, null])
      await passing(world, world.close())
    })
  }
}

test('[RE6] [RE15] what was prepared before the storage is gone is decided by the relay', async () => {
  const world = await createWorld(2)
  const wire = world.wire()
  const fragility = fragile(memoryStorage())
  const store = await world.open({ transport: wire, storage: fragility.storage })
  await world.clock.pass(100)
  wire.filter = (direction) => direction === 'up'
  const work = store.transactAsync((tx) => tx.set(seat, 'ada'), relay)
  await settle()
  fragility.lose(new StoreError('storage-evicted', 'It is gone.'))
  wire.filter = undefined
  wire.cut()
  wire.mend()
  await world.clock.pass(60_000)
  await work
  expect(store.get(seat)).toBe('ada')
  await world.close()
})

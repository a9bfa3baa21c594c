import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, type Store } from '../src/index.ts'
import { heldStorage } from './held-storage.ts'
import { lookInto, smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { createWorld, mortalTab, settle } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')
const others = counter('others')

/** Votes so often, each a Change of its own that the relay has stored. */
async function vote(store: Store, times: number, ref = votes): Promise<void> {
  for (let i = 0; i < times; i++) await store.transact((tx) => tx.add(ref, 1)).synced()
}

test('[ST48] a tab that goes over to another log by a checkpoint of it keeps what comes next in the log of the device', async () => {
  const world = await createWorld(1)
  const disk = smallLogs(memoryStorage(), 1_000)
  let reading = Promise.resolve()
  let goOn = (): void => undefined
  const slow = withLog(disk, (log) => ({
    async read(...how) {
      await reading
      return log.read(...how)
    },
  }))
  const wires = [world.wire(), world.wire()]
  const first = await world.open({ storage: disk, transport: wires[0]! })
  const second = await world.open({ storage: slow, transport: wires[1]! })
  await world.clock.pass(100)
  await vote(first, 2)
  const backup = world.batches
  await vote(first, 18)
  await world.clock.pass(1_000)
  expect(second.snapshot.basis.relaySeq).toBe(20)

  reading = new Promise((resolve) => (goOn = resolve))
  wires[0]!.cut()
  await world.restoreRelay(backup)
  wires[0]!.mend()
  await world.clock.pass(60_000)
  for (let i = 0; i < 3; i++) {
    await first.transact((tx) => tx.set(title, `title ${i}`.padEnd(1_000, '.')), { undo: false }).synced()
  }
  await world.clock.pass(20_000)
  expect((await lookInto(disk)).kinds).not.toContain('join')
  goOn()
  reading = Promise.resolve()
  await world.clock.pass(60_000)
  const { relaySeq } = first.snapshot.basis
  expect(relaySeq).toBeLessThan(17)
  expect(second.snapshot.basis).toEqual(first.snapshot.basis)

  await first.close()
  const writer = await world.open({ transport: world.wire() })
  await world.clock.pass(60_000)
  await vote(writer, 3, others)
  await world.clock.pass(1_000)
  expect(second.get(others)).toBe(3)
  const again = await world.open({ storage: disk })
  expect([again.get(votes), again.get(others)]).toEqual([20, 3])
  expect(again.snapshot.basis.relaySeq).toBe(relaySeq + 3)
  await world.close()
})

test('[ST48] what a tab writes of a log after it has gone over to another one counts as nothing of that', async () => {
  const world = await createWorld(2)
  const disk = memoryStorage()
  const tab = mortalTab(disk)
  const held = heldStorage(tab.storage)
  const wires = [world.wire(), world.wire(), world.wire()]
  const first = await world.open({ storage: held.storage, transport: wires[0]! })
  const writer = await world.open({ transport: wires[1]! })
  await world.clock.pass(100)
  await vote(writer, 2)
  await world.clock.pass(1_000)
  const backup = world.batches
  held.hold()
  await vote(writer, 18)
  await world.clock.pass(100)
  expect(first.get(votes)).toBe(20)
  first.transact((tx) => tx.set(title, 'mine'))
  await settle()

  for (const wire of wires) wire.cut()
  await world.restoreRelay(backup)
  const second = await world.open({ storage: disk, transport: wires[2]! })
  tab.freeze()
  await settle()
  wires[1]!.mend()
  await world.clock.pass(60_000)
  wires[2]!.mend()
  await world.clock.pass(60_000)
  held.letAll()
  await world.clock.pass(60_000)
  await second.close()
  wires[0]!.mend()
  await world.clock.pass(60_000)
  await vote(writer, 3, others)
  await world.clock.pass(60_000)
  expect([first.get(votes), first.get(others), first.get(title)]).toEqual([20, 3, 'mine'])
  const again = await world.open({ storage: disk })
  expect([again.get(votes), again.get(others), again.get(title)]).toEqual([20, 3, 'mine'])
  await world.close()
})

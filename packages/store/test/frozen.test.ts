import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage } from '../src/index.ts'
import { createWorld, mortalTab, settle } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')

test('[ST29] what a frozen tab has left is settled by another, and the tab hears of that when it thaws', async () => {
  let refusals = 0
  const world = await createWorld(1, {
    refuse: () => (refusals++ === 0 ? { code: 'missing-dependency', message: 'Not yet.' } : undefined),
  })
  const shared = memoryStorage()
  const tab = mortalTab(shared)
  const wire = world.wire()
  const frozen = await world.open({ storage: tab.storage, transport: wire })
  const other = await world.open({ storage: shared, transport: wire })
  await world.clock.pass(1_000)
  wire.cut()
  const first = frozen.transact((tx) => tx.add(votes, 1))
  await first.durable()
  await settle()
  tab.freeze()
  let isSynced = false
  void first.synced().then(() => (isSynced = true))
  await settle()
  // What it does from now on is no part of what others may settle.
  const second = frozen.transact((tx) => tx.set(title, 'thawed'))
  expect(second.change!.writer).not.toBe(first.change!.writer)
  expect(isSynced).toBe(false)
  wire.mend()
  await world.clock.pass(60_000)
  expect([frozen.get(votes), other.get(votes), other.get(title)]).toEqual([1, 1, 'thawed'])
  expect([frozen.status.pending, other.status.pending, frozen.status.refused]).toEqual([0, 0, 0])
  expect([isSynced, refusals > 1]).toEqual([true, true])
  await world.close()
})

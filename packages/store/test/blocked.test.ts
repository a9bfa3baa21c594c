import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage } from '../src/index.ts'
import { heldStorage } from './held-storage.ts'
import { createWorld, mortalTab } from './world.ts'

const title = lww('title', '')
const secret = lww('secret', '')
const votes = counter('votes')

test('[ST19] [SS2] what a storage does not take for two seconds is sent, and stored once when it goes on', async () => {
  const world = await createWorld(1)
  const base = memoryStorage()
  const held = heldStorage(base)
  const store = await world.open({ storage: held.storage, transport: world.wire() })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  held.hold()
  const receipt = store.transact((tx) => tx.add(votes, 1))
  let isDurable = false
  void receipt.durable().then(() => (isDurable = true))
  // It is an append like others for so long, and another one is sent no sooner.
  await world.clock.pass(1_999)
  expect([far.get(votes), store.status.storage]).toEqual([0, 'saving'])
  await world.clock.pass(1_000)
  expect([far.get(votes), isDurable]).toEqual([1, false])
  expect(store.status).toMatchObject({ storage: 'blocked', link: 'online', pending: 0, unsaved: 1 })
  await receipt.synced()
  // What is done meanwhile goes there at once.
  store.transact((tx) => tx.add(votes, 1))
  far.transact((tx) => tx.set(title, 'far'))
  await world.clock.pass(1_000)
  expect([far.get(votes), store.get(title)]).toEqual([2, 'far'])
  held.letAll()
  await world.clock.pass(2_000)
  expect([isDurable, store.status.storage, store.status.unsaved]).toEqual([true, 'ok', 0])
  await world.close()
  const again = await world.open({ storage: base })
  expect([again.get(votes), again.get(title), again.status.pending]).toEqual([2, 'far', 0])
  await again.close()
})

test('[ST19] a tab that does not run the link has one of its own only as long as its storage is blocked', async () => {
  const world = await createWorld(2)
  const base = memoryStorage()
  const held = heldStorage(base)
  const elected = await world.open({ storage: base, transport: world.wire() })
  const wire = world.wire()
  const tab = await world.open({ storage: held.storage, transport: wire })
  const idle = world.wire()
  const other = await world.open({ storage: held.storage, transport: idle })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  held.hold()
  tab.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(5_000)
  expect([far.get(votes), elected.get(votes), other.get(votes)]).toEqual([1, 1, 1])
  expect([wire.connections, idle.connections]).toEqual([1, 0])
  held.letAll()
  await world.clock.pass(20_000)
  expect([wire.connections, idle.connections]).toEqual([0, 0])
  for (const each of [elected, tab, other]) {
    expect([each.get(votes), each.status.link, each.status.pending]).toEqual([1, 'online', 0])
  }
  await world.close()
})

test('[ST19] [ST27] what the relay refuses of it is settled once, though the log has it later', async () => {
  const world = await createWorld(3, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'secret') ? { code: 'forbidden', message: 'Not yours.' } : undefined,
  })
  const base = memoryStorage()
  const held = heldStorage(base)
  const store = await world.open({ storage: held.storage, transport: world.wire() })
  const sibling = await world.open({ storage: base, transport: world.wire() })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  held.hold()
  store.transact((tx) => tx.set(secret, 'x'))
  store.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(10_000)
  held.letAll()
  await world.clock.pass(60_000)
  for (const each of [store, sibling]) {
    expect([each.get(votes), each.get(secret), each.status.pending, each.refused.list().length]).toEqual([1, '', 0, 1])
  }
  expect(far.get(votes)).toBe(1)
  await world.close()
  const again = await world.open({ storage: base })
  expect([again.get(votes), again.status.pending, again.refused.list().length]).toEqual([1, 0, 1])
  await again.close()
})

test('[ST16] [ST19] of a tab that dies while its storage is blocked all has what the relay has, once, whenever it comes to the log', async () => {
  const world = await createWorld(4)
  const base = memoryStorage()
  const tab = mortalTab(base)
  const held = heldStorage(tab.storage)
  const wire = world.wire()
  const store = await world.open({ storage: held.storage, transport: wire })
  await world.clock.pass(1_000)
  await store.transact((tx) => tx.add(votes, 1)).durable()
  held.hold()
  store.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(5_000)
  tab.die()
  wire.cut()
  const again = await world.open({ storage: base, transport: world.wire() })
  await world.clock.pass(5_000)
  expect([again.get(votes), again.status.pending]).toEqual([2, 0])
  // The browser had taken it, and does it now.
  held.letAll()
  again.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(5_000)
  expect([again.get(votes), again.status.pending]).toEqual([3, 0])
  await world.close()
  const last = await world.open({ storage: base })
  expect([last.get(votes), last.status.pending]).toEqual([3, 0])
  await last.close()
})

import { collection, count, json, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage } from '../src/index.ts'
import { createWorld } from './world.ts'

const title = lww('title', '')
const tasks = collection(
  'tasks',
  { title: '', look: json<{ [key: string]: string }>({}), votes: count() },
  { onConcurrentEdit: 'keep' },
)
const [task, other] = [tasks.at('a'), tasks.at('b')]

test('[KE8] [ST27] a delete that yields, of what was not sent yet, holds after both were authored again', async () => {
  const world = await createWorld(2, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'title') ? { code: 'forbidden', message: 'Not yours.' } : undefined,
  })
  const wire = world.wire()
  const storage = memoryStorage()
  const [one, two] = [await world.open({ transport: wire, storage }), await world.open({ transport: world.wire() })]
  await world.clock.pass(100)
  await one
    .transact((tx) => {
      tx.create(other, { title: 'old' })
      tx.add(other, 1, 'votes')
    })
    .synced()
  await world.clock.pass(500)
  wire.cut()
  const refused = one.transact((tx) => tx.set(title, 'x')).synced()
  const all = Promise.allSettled([refused])
  one.transact((tx) => tx.create(task, { title: 'new' }))
  one.transact((tx) => {
    for (const each of [task, other]) {
      tx.patch(each, { look: { color: 'red' } })
      tx.add(each, 2, 'votes')
    }
  })
  one.transact((tx) => tx.delete(task))
  one.transact((tx) => tx.delete(other))
  expect(one.get(tasks)).toEqual([])
  // Authored again after a reload, too, and before anybody has asked for the collection.
  await one.close()
  const again = await world.open({ transport: wire, storage })
  wire.mend()
  await world.clock.pass(60_000)
  await all
  const late = await world.open({ transport: world.wire() })
  await world.clock.pass(500)
  expect([again.status.pending, again.status.refused]).toEqual([0, 1])
  expect([again, two, late].map((store) => store.get(tasks))).toEqual([[], [], []])
  await world.close()
})

test('[KE8] [KE1] authored again, it still yields to what its author had not seen', async () => {
  const world = await createWorld(4)
  const wire = world.wire()
  let skewMs = 3_600_000
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + skewMs, setTimer: world.clock.setTimer }
  const one = await world.open({ transport: wire, clock })
  const two = await world.open({ transport: world.wire() })
  one.transact((tx) => tx.create(task, { title: 'from the future' }))
  one.transact((tx) => tx.add(task, 3, 'votes'))
  one.transact((tx) => tx.create(other, {}))
  one.transact((tx) => tx.delete(other))
  skewMs = 0
  await world.clock.pass(60_000)
  expect([two.get(tasks), one.get(tasks), one.status.pending]).toEqual([['a'], ['a'], 0])
  wire.cut()
  skewMs = 3_600_000
  one.transact((tx) => tx.patch(task, { look: { color: 'red' } }))
  one.transact((tx) => tx.delete(task))
  skewMs = 0
  // Stamped long before what the delete names.
  two.transact((tx) => tx.patch(task, { title: 'edited' }))
  expect(one.get(tasks)).toEqual([])
  wire.mend()
  await world.clock.pass(60_000)
  const kept = { title: 'edited', look: { color: 'red' }, votes: 3 }
  expect([one.get(task), two.get(task), one.status.pending]).toEqual([kept, kept, 0])
  await world.close()
})

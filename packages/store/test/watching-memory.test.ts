import { lww, counter } from '@syncline/merge'
import { makeRef, type Policy, type Ref } from '@syncline/stm'
import { expect, test } from 'vitest'
import { everything, openStore, type Report } from '../src/index.ts'
import { collect, living } from './living.ts'
import { virtualClock } from './world.ts'

const { policy } = counter('any')
/** Every state that was ever made for a ref of this policy. */
function remembering(states: WeakRef<object>[]): Policy {
  return {
    ...policy,
    tag: 'remembered',
    apply(state, payload, stamp) {
      const next: object = policy.apply(state, payload, stamp)
      if (next !== state) states.push(new WeakRef(next))
      return next
    },
  }
}

/** What can be undone is held, whoever watches. */
const unheld = { undo: false } as const

test('[WT15] who watches and has been told holds no Snapshot and nothing that was overwritten, however it watches', async () => {
  const clock = virtualClock()
  const store = await openStore({ space: 'board', clock })
  const states: WeakRef<object>[] = []
  const busy: Ref<number, { add: true }> = makeRef(remembering(states), 'busy', 0)
  const quiet = lww('quiet', 0)
  const never = lww('never', 0)
  const snapshots: WeakRef<object>[] = []
  let told = 0
  const note = ({ before, now }: Report<unknown>): void => {
    told += 1
    snapshots.push(new WeakRef(before), new WeakRef(now))
  }
  for (const every of [undefined, 10, 1000]) {
    store.changes(quiet, note, { every, initial: true })
    store.changes((now) => now.get(quiet), note, { every, initial: true })
    store.changes([quiet], note, { every, from: store.snapshot })
    store.changes(busy, note, { every })
    store.changes(everything, note, { every })
    void store.changes(quiet, { every })[Symbol.asyncIterator]().next()
    store.changes(never, { every })[Symbol.asyncIterator]()
  }
  store.transact((tx) => tx.set(quiet, 1), unheld)
  clock.step(2000)
  for (let i = 0; i < 500; i++) {
    store.transact((tx) => tx.add(busy, 1), unheld)
    snapshots.push(new WeakRef(store.snapshot))
    clock.step(1)
  }
  clock.step(2000)
  await collect()
  expect(told).toBeGreaterThan(1000)
  expect(states.length).toBe(500)
  // The newest state, and that of the acknowledged prefix under it; the newest Snapshot, and the one that everybody was told of.
  expect(living(states)).toBeLessThanOrEqual(2)
  expect(living(snapshots.filter((ref) => ref.deref() !== store.snapshot))).toBe(0)
  await store.close()
})

test('[WT15] an iterator that nobody asks holds one Snapshot, and of what was overwritten as much as that Snapshot does', async () => {
  const clock = virtualClock()
  const store = await openStore({ space: 'board', clock })
  const states: WeakRef<object>[] = []
  const busy: Ref<number, { add: true }> = makeRef(remembering(states), 'busy', 0)
  const snapshots: WeakRef<object>[] = []
  const iterators = [store.changes(busy), store.changes(everything), store.changes(busy, { every: 10 })].map(
    (iterable) => iterable[Symbol.asyncIterator](),
  )
  const commits = 3500
  for (let i = 0; i < commits; i++) {
    snapshots.push(new WeakRef(store.snapshot))
    store.transact((tx) => tx.add(busy, 1), unheld)
    if (i % 10 === 0) clock.step(1)
  }
  await collect()
  // The one before the first commit, and the newest: of the thousands between them none is left.
  expect(living(snapshots)).toBe(1)
  expect(snapshots[0]!.deref()).toBeDefined()
  // The bound of rule SN4 of stm: 2,048 single states, 2 × log₂(n / 1,024) gathered ones, and what is there now.
  expect(living(states)).toBeLessThanOrEqual(2048 + 2 * Math.log2(commits / 1024) + 2)
  // In a function of its own, which leaves none of them behind.
  await (async () => {
    for (const { value } of await Promise.all(iterators.map((iterator) => iterator.next()))) {
      expect([value?.before.get(busy), value?.now.get(busy), value?.changes]).toEqual([0, commits, undefined])
    }
  })()
  await collect()
  expect(living(snapshots)).toBe(0)
  expect(living(states)).toBeLessThanOrEqual(2)
  await store.close()
})

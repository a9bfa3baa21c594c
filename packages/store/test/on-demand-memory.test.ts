import { counter } from '@syncline/merge'
import { makeRef, type Policy, type Ref } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, type Loaded } from '../src/index.ts'
import { collect, living } from './living.ts'
import { createWorld, passing } from './world.ts'

const { policy } = counter('any')
/** Counters that note every state that is ever made of one. */
function noted(states: WeakRef<object>[]): Policy {
  return {
    ...policy,
    apply(state, payload, stamp) {
      const next: object = policy.apply(state, payload, stamp)
      if (next !== state) states.push(new WeakRef(next))
      return next
    },
  }
}

const PORTIONS = 20

test('[OD3] of portions that are loaded one after the other the memory has those that somebody holds, and nothing else of any', async () => {
  const world = await createWorld(1)
  const states: WeakRef<object>[] = []
  const { read, write } = portions(noted(states))
  const storage = memoryStorage()
  const author = await world.open({ storage, transport: world.wire() })
  for (const ref of write) author.transact((tx) => tx.add(ref, 1))
  await passing(world, author.synced())
  await author.durable()
  await author.close()

  const store = await world.open({ storage, transport: world.wire(), onDemand: read })
  await world.clock.pass(1_000)
  await collect()
  expect(living(states)).toBe(0)

  async function use(ref: Ref<number, { add: true }>): Promise<Loaded> {
    const loaded = await store.load(ref)
    expect(store.get(ref)).toBe(1)
    store.transact((tx) => tx.add(ref, 1), { undo: false })
    await passing(world, store.synced())
    await store.durable()
    return loaded
  }
  const held = await store.load(read[0]!)
  for (const ref of read.slice(1, -1)) (await use(ref)).release()
  const last = await use(read.at(-1)!)
  await collect()
  // All but the first were read from the log, and written.
  expect(states.length).toBe(2 * PORTIONS - 1)
  expect(living(states)).toBe(2)
  expect(read.filter((ref) => store.isLoaded(ref))).toEqual([read[0], read.at(-1)])
  last.release()
  held.release()
  await collect()
  expect(living(states)).toBe(0)
  await store.close()
  await world.close()
})

/** The same refs, of which one list notes its states. */
function portions(of: Policy): Record<'read' | 'write', readonly Ref<number, { add: true }>[]> {
  const names = Array.from({ length: PORTIONS }, (_, i) => `portion.${i}`)
  return { read: names.map((name) => makeRef(of, name, 0)), write: names.map((name) => counter(name)) }
}

import { collection } from '@syncline/merge'
import { asleepOf, crc32c, decodeEntry, encodeEntry, type KeptPending } from '@syncline/protocol'
import type { AnyRef, Policy } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { countedDisk, countedIn } from './counted-disk.ts'
import { recordsIn } from './records-asleep.ts'
import { all, cards, draft, drafts, picture, title, votes, write } from './refs-of-all.ts'
import { lookInto, smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { createWorld, passing } from './world.ts'

const rows = collection('rows', { title: '', done: false })

/** The ref with a policy that counts what it is asked to fold. */
function counting(ref: AnyRef, count: { folded: number }): AnyRef {
  const policy: Policy = {
    ...ref.policy,
    apply(...args) {
      count.folded += 1
      return ref.policy.apply(...args)
    },
  }
  return { ...ref, policy }
}

/** Everything but what only this browser has. */
const shared = (store: Store): unknown =>
  all.filter((ref) => ref !== draft && ref !== drafts).map((ref) => store.get(ref))

test('[CP12] without a relay a checkpoint has what the pending Changes did: opened, none of them is looked at', async () => {
  const world = await createWorld(1)
  const { disk, storage, shown } = await countedDisk(world, write)
  const count = { folded: 0 }
  const store = await world.open({ storage, ready: [counting(title, count)] })
  expect(picture(store)).toEqual(shown)
  expect(store.status).toMatchObject({ pending: 60, unsaved: 0, saved: 'device', storage: 'ok' })
  // Once for what is left of them in either ref of this policy, and not for each.
  expect(count.folded).toBe(2)
  // It goes on, is compacted again, and still nothing is looked at.
  for (let i = 60; i < 200; i++) {
    write(store, i)
    await store.durable()
  }
  for (let i = 0; i < 10; i++) await world.clock.pass(500)
  const after = picture(store)
  const { kinds } = await lookInto(disk)
  expect(kinds.filter((kind) => kind === 'commits').length).toBeLessThan(100)
  expect(count.folded).toBe(2 + 140)
  await store.close()
  const again = await world.open({ storage })
  expect(picture(again)).toEqual(after)
  expect(again.status.pending).toBe(200)
  await world.close()
})

test('[CP12] when there is a relay all of them are sent, in order and each once, whoever has them', async () => {
  const world = await createWorld(2)
  const { storage, shown } = await countedDisk(world, write)
  const other = await world.open({ storage: memoryStorage(), transport: world.wire() })
  other.transact(
    (tx) => (tx.set(title, 'from elsewhere'), tx.add(votes, 100), tx.create(cards.at('c3'), { title: 'theirs' })),
  )
  await passing(world, other.synced())
  // Some refs it knows before the relay answers, the others not.
  const store = await world.open({ storage, transport: world.wire(), ready: [title] })
  expect(store.status.pending).toBe(60)
  await passing(world, store.synced())
  await world.clock.pass(1_000)
  expect(store.status).toMatchObject({ pending: 0, saved: 'relay' })
  expect(shared(other)).toEqual(shared(store))
  expect(store.get(votes)).toBe(160)
  expect([store.get(draft), store.get(drafts)]).toEqual([shown[all.indexOf(draft)], shown[all.indexOf(drafts)]])
  for (let i = 0; i < 10; i++) await world.clock.pass(500)
  await store.close()
  const again = await world.open({ storage })
  expect(shared(again)).toEqual(shared(other))
  expect(again.status.pending).toBe(0)
  await world.close()
})

test('[CP12] of what a relay refuses falls what depends on it, and nothing else', async () => {
  const world = await createWorld(3, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'rows/r30') ? { code: 'forbidden', message: 'Not yours.' } : undefined,
  })
  const { storage } = await countedDisk(world, (store, i) => {
    store.transact((tx) => tx.create(rows.at(`r${i}`), { title: `row ${i}` }))
    if (i === 40) store.transact((tx) => tx.patch(rows.at('r30'), { done: true }))
  })
  const store = await world.open({ storage, transport: world.wire(), ready: [rows] })
  await world.clock.pass(60_000)
  expect(store.refused.list().map(({ change }) => change.seq)).toEqual([31, 42])
  expect(store.get(rows)).toHaveLength(59)
  const other = await world.open({ storage: memoryStorage(), transport: world.wire() })
  await world.clock.pass(1_000)
  expect([...other.snapshot.items(rows)]).toEqual([...store.snapshot.items(rows)])
  expect(store.status).toMatchObject({ pending: 0, refused: 2 })
  await world.close()
})

test('[CP12] a tab that lives takes up such a checkpoint of another one, and has each of them once', async () => {
  const world = await createWorld(4)
  const disk = memoryStorage()
  const [slow, quick] = [smallLogs(disk, 1_000_000), smallLogs(disk, 500)]
  const one = await world.open({ storage: slow })
  const two = await world.open({ storage: quick })
  for (let i = 0; i < 60; i++) {
    write(i % 2 === 0 ? one : two, i)
    await Promise.all([one.durable(), two.durable()])
    if (i % 10 === 0) await world.clock.pass(50)
  }
  for (let i = 0; i < 10; i++) await world.clock.pass(500)
  expect(await countedIn(disk)).toBe(true)
  expect(picture(one)).toEqual(picture(two))
  expect([one.get(votes), one.status.pending]).toEqual([60, 60])
  await two.close()
  const three = await world.open({ storage: quick, transport: world.wire() })
  await passing(world, three.synced())
  await world.clock.pass(1_000)
  expect(picture(three)).toEqual(picture(one))
  expect([one.status.pending, three.status.pending]).toEqual([0, 0])
  await world.close()
})

test('[CP12] [CP16] whichever part of it is damaged, nothing counts twice and no Change is lost, without a relay and with one', async () => {
  const work = (store: Store, i: number): void => {
    store.transact((tx) => (tx.add(votes, 1), tx.create(rows.at(`r${i}`), { title: `row ${i}` })))
  }
  const { disk, shown } = await countedDisk(await createWorld(5), work)
  const entries: { readonly position: number; readonly bytes: Uint8Array }[] = []
  const log = await disk.openLog('board')
  await log.read(0, (bytes, position) => void entries.push({ position, bytes }))
  await log.close()
  const seen = new Set<string>()
  for (const { position, bytes } of entries) {
    const entry = decodeEntry(bytes)
    const what = entry.kind === 'rest' ? entry.rest[0] : entry.kind
    const world = await createWorld(6)
    const store = await world.open({ storage: without(disk, position), onError: () => undefined })
    expect([what, store.get(votes), store.get(rows).length]).toEqual([what, 60, 60])
    // With the cells goes what only this browser has.
    expect(what === 'cells' ? shown : picture(store)).toEqual(shown)
    // What is asleep nobody has looked at.
    expect(store.status.storage).toBe(what === 'asleep' || what === 'spare' ? 'ok' : 'damaged')
    await store.close()
    // With a relay all of them are sent, and become the relay's.
    const same = await countedDisk(await createWorld(5), work)
    const linked = await world.open({
      storage: without(same.disk, position),
      transport: world.wire(),
      onError: () => undefined,
    })
    await passing(world, linked.synced())
    const other = await world.open({ storage: memoryStorage(), transport: world.wire() })
    await world.clock.pass(1_000)
    for (const one of [linked, other])
      expect([what, one.get(votes), one.get(rows).length, one.status.pending]).toEqual([what, 60, 60, 0])
    await linked.close()
    await world.close()
    seen.add(what)
  }
  expect([...seen].sort()).toEqual(['asleep', 'cells', 'directory', 'ledger', 'rows', 'spare', 'undoable'])
})

/** The disk with something else in place of an entry. */
function without(disk: Storage, position: number): Storage {
  return {
    ...disk,
    locks: undefined,
    async openLog(space) {
      const log = await disk.openLog(space)
      return {
        ...log,
        setAside: async () => undefined,
        read: (after, each, bad, next) =>
          log.read(
            after,
            (bytes, at, claim) => (at === position ? bad?.(at, 'damaged') : each(bytes, at, claim)),
            bad,
            next,
          ),
      }
    },
  }
}

test('[CP12] what was made before can be taken back afterwards, and is then no more in it', async () => {
  const world = await createWorld(7)
  const { storage, shown } = await countedDisk(world, write)
  const store = await world.open({ storage })
  expect(picture(store)).toEqual(shown)
  await passing(world, store.undoAsync())
  expect(store.get(draft)).toBe('')
  for (let i = 0; i < 20; i++) store.undo()
  expect(store.get(title)).toBe('title 39')
  expect(store.get(votes)).toBe(40)
  for (let i = 0; i < 20; i++) store.redo()
  await passing(world, store.redoAsync())
  expect(picture(store)).toEqual(shown)
  await passing(world, store.undoAsync())
  for (let i = 0; i < 60; i++) store.undo()
  expect([store.get(title), store.get(votes), store.get(cards)]).toEqual(['', 0, []])
  await store.durable()
  const before = picture(store)
  for (let i = 0; i < 10; i++) await world.clock.pass(500)
  await store.close()
  const again = await world.open({ storage, transport: world.wire() })
  expect(picture(again)).toEqual(before)
  await passing(world, again.synced())
  expect(picture(again)).toEqual(before)
  await world.close()
})

test('[CP12] whoever has some of the space on demand does not count on it', async () => {
  const world = await createWorld(8)
  const { storage, shown } = await countedDisk(world, write)
  const store = await world.open({ storage, onDemand: [cards] })
  expect(store.get(title)).toBe('title 59')
  using _held = await passing(world, store.load(cards))
  expect(picture(store)).toEqual(shown)
  await world.close()
})

test('[CP12] a Snapshot of when they slept shows nothing that came later, also of refs that were met when they had woken', async () => {
  const world = await createWorld(12)
  const { storage } = await countedDisk(world, write)
  const [one, two] = [await world.open({ storage }), await world.open({ storage })]
  const before = one.snapshot
  two.transact((tx) => tx.add(votes, 1))
  await two.durable()
  await world.clock.pass(100)
  const three = await world.open({ storage, transport: world.wire() })
  await passing(world, three.synced())
  await world.clock.pass(1_000)
  expect(one.status.pending).toBe(0)
  expect([one.get(votes), before.get(votes)]).toEqual([61, 60])
  await world.close()
})

test.each(['newer', 'damaged'] as const)(
  '[CP12] where one of them is %s nothing is sent, and the status says so',
  async (how) => {
    const world = await createWorld(11)
    const { disk } = await countedDisk(world, write)
    const errors: unknown[] = []
    const onError = (error: unknown): void => void errors.push(error)
    const store = await world.open({ storage: altered(disk, how), transport: world.wire(), onError })
    await world.clock.pass(120_000)
    const code = how === 'newer' ? 'storage-newer' : 'storage-damaged'
    expect(store.status).toMatchObject({ link: 'waiting', problem: { code }, pending: 60 })
    expect(errors).toMatchObject([{ code }])
    expect(store.get(title)).toBe('title 59')
    await store.close()
    await world.close()
  },
)

/** The disk with one of the Changes that are asleep of newer code, or wrong in a way that only who understands it can tell. */
function altered(disk: Storage, how: 'newer' | 'damaged'): Storage {
  function alter(bytes: Uint8Array): Uint8Array {
    const entry = decodeEntry(bytes)
    if (entry.kind !== 'rest' || entry.rest[0] !== 'asleep') return bytes
    const kept = recordsIn(entry.rest[1]).map(([record, ...more], i): KeptPending => {
      const copy = record.slice()
      if (i === 3 && how === 'newer') copy[0] = 99
      else if (i === 3) copy[copy.length - 7]! ^= 0x55
      const sum = how === 'newer' ? crc32c(copy, 0, copy.length - 4) : crc32c(record, 0, record.length - 4)
      new DataView(copy.buffer).setUint32(copy.length - 4, sum, true)
      return [copy, ...more]
    })
    return encodeEntry({ ...entry, rest: ['asleep', asleepOf(kept)] })
  }
  return withLog(disk, (log) => ({
    read: (after, each, bad) => log.read(after, (bytes, ...more) => each(alter(bytes), ...more), bad),
  }))
}

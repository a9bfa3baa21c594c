import { collection, counter, lww, place } from '@syncline/merge'
import { decodeEntry, type RefusalCode } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, StoreError, type Storage } from '../src/index.ts'
import { growing } from './growing.ts'
import { heldStorage } from './held-storage.ts'
import { brittleStorage, createWorld, mortalTab, settle } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')
const cards = collection('cards', { title: '', done: false, place: place() })

function refusing(code: RefusalCode, when: (address: string) => boolean) {
  return {
    refuse: (header: { readonly touched: readonly { readonly address: string }[] }) =>
      header.touched.some(({ address }) => when(address)) ? { code, message: 'Not yours.' } : undefined,
  }
}

test('[ST26] [ST27] a refused Change leaves, what depends on it leaves too, the rest is authored again', async () => {
  const world = await createWorld(
    11,
    refusing('forbidden', (address) => address === 'cards/secret'),
  )
  const wire = world.wire()
  const storage = memoryStorage()
  const one = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  await one.transact((tx) => tx.set(title, 'first')).synced()
  wire.cut()
  const refused = one.transact((tx) => {
    tx.create(cards.at('secret'), { title: 'S' })
    tx.set(title, 'with the secret')
  })
  const dependent = one.transact((tx) => tx.set(title, 'on top'))
  const independent = one.transact((tx) => tx.add(votes, 3))
  const [no1, no2, yes] = [refused.synced(), dependent.synced(), independent.synced()]
  const outcomes = Promise.allSettled([no1, no2, yes])
  expect(one.get(title)).toBe('on top')
  wire.mend()
  await world.clock.pass(60_000)
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
  await expect(no1).rejects.toMatchObject({ code: 'refused', refusal: 'forbidden' })
  expect([one.get(title), one.get(cards), one.get(votes)]).toEqual(['first', [], 3])
  expect(one.refused.list().map(({ code }) => code)).toEqual(['forbidden', 'forbidden'])
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  expect([two.get(title), two.get(votes), two.get(cards)]).toEqual(['first', 3, []])
  await one.close()

  const again = await world.open({ transport: wire, storage })
  await world.clock.pass(100)
  expect([again.get(title), again.get(votes), again.refused.list().length, again.status.pending]).toEqual([
    'first',
    3,
    2,
    0,
  ])
  const [secret, onTop] = again.refused.list()
  again.refused.drop(secret!.id)
  await again.refused.reapply(onTop!.id).synced()
  expect([again.get(title), two.get(title), again.refused.list()]).toEqual(['on top', 'on top', []])
  await again.close()
  const last = await world.open({ storage })
  expect(last.refused.list()).toEqual([])
  await world.close()
})

test('[ST26] a refused Change keeps its effects, also after a reload, and is applied again with them, unless an invariant forbids it', async () => {
  const world = await createWorld(
    14,
    refusing('forbidden', (address) => address === 'title'),
  )
  const storage = memoryStorage()
  const store = await world.open({ transport: world.wire(), storage })
  await world.clock.pass(100)
  const { synced } = store.transact((tx) => {
    tx.set(title, 'secret')
    tx.effect('mail', 'look')
  })
  const outcome = Promise.allSettled([synced()])
  await world.clock.pass(1000)
  expect(await outcome).toMatchObject([{ status: 'rejected', reason: { refusal: 'forbidden' } }])
  const mail = [expect.objectContaining({ handler: 'mail', input: 'look' })]
  expect(store.refused.list().map(({ change }) => change.effects)).toEqual([mail])
  await store.close()

  const again = await world.open({ storage })
  const [refused] = again.refused.list()
  expect(refused!.change.effects).toEqual(mail)
  const remove = again.invariant('no secrets', (now) => now.get(title) !== 'secret')
  expect(() => again.refused.reapply(refused!.id)).toThrow('no secrets')
  expect([again.get(title), again.refused.list().length, again.status.pending]).toEqual(['', 1, 0])
  remove()
  expect(again.refused.reapply(refused!.id).change!.effects).toEqual(mail)
  expect([again.get(title), again.refused.list()]).toEqual(['secret', []])
  await world.close()
})

test('[ST28] a clock that runs ahead is mended', async () => {
  const world = await createWorld(12)
  const wire = world.wire()
  let skewMs = 3_600_000
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + skewMs, setTimer: world.clock.setTimer }
  const store = await world.open({ transport: wire, clock })
  store.transact((tx) => tx.set(title, 'from the future'))
  skewMs = 0
  await world.clock.pass(60_000)
  expect(store.status).toMatchObject({ pending: 0, refused: 0 })
  expect(store.get(title)).toBe('from the future')
  const two = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  expect(two.get(title)).toBe('from the future')
  await two.transact((tx) => tx.set(title, 'now')).synced()
  expect(store.get(title)).toBe('now')
  await world.close()
})

test('[ST29] the refused Changes of a dead tab are settled by another', async () => {
  const world = await createWorld(
    13,
    refusing('forbidden', (address) => address === 'title'),
  )
  const wire = world.wire()
  const storage = memoryStorage()
  wire.cut()
  const dead = await world.open({ transport: wire, storage })
  dead.transact((tx) => tx.set(title, 'no'))
  dead.transact((tx) => tx.add(votes, 4))
  await dead.close()
  const other = await world.open({ transport: wire, storage })
  expect([other.get(title), other.get(votes)]).toEqual(['no', 4])
  wire.mend()
  await world.clock.pass(60_000)
  expect([other.get(title), other.get(votes), other.status.pending]).toEqual(['', 4, 0])
  expect(other.refused.list()).toHaveLength(1)
  await world.close()
})

test('[ST29] a tab that closes while a full disk keeps a settlement out of the log holds the lock of nobody', async () => {
  const world = await createWorld(
    13,
    refusing('forbidden', (address) => address === 'title'),
  )
  const wire = world.wire()
  const storage = memoryStorage()
  wire.cut()
  const dead = await world.open({ transport: wire, storage })
  dead.transact((tx) => tx.set(title, 'no'))
  await dead.close()
  let isFull = false
  const held = heldStorage(
    brittleStorage(storage, () => (isFull ? new StoreError('storage-full', 'full, for a test') : undefined)),
  )
  const tab = mortalTab(held.storage)
  const other = await world.open({ transport: wire, storage: tab.storage })
  await world.clock.pass(100)
  const locks = tab.locks
  held.hold()
  wire.mend()
  await world.clock.pass(60_000)
  expect([other.get(title), tab.locks]).toEqual(['', locks + 1])
  isFull = true
  held.letAll()
  await world.clock.pass(1000)
  await other.close()
  expect(tab.locks).toBe(0)
  isFull = false
  const again = await world.open({ transport: wire, storage })
  await world.clock.pass(60_000)
  expect([again.get(title), again.status.pending, again.refused.list().length]).toEqual(['', 0, 1])
  await world.close()
})

test('[ST27] what a sibling wrote on top of a Change stays on top when that is authored again', async () => {
  let refusals = 0
  const world = await createWorld(19, {
    refuse: () => (refusals++ === 0 ? { code: 'missing-dependency', message: 'Not yet.' } : undefined),
  })
  const wire = world.wire()
  const storage = memoryStorage()
  const one = await world.open({ transport: wire, storage })
  const two = await world.open({ transport: wire, storage })
  await world.clock.pass(1_000)
  wire.cut()
  one.transact((tx) => tx.set(title, 'first'))
  await settle()
  two.transact((tx) => tx.set(title, `${tx.get(title)}, and on top`))
  await settle()
  const seen = new Set<string>()
  for (const store of [one, two]) store.changes(title, ({ value }) => void seen.add(value), { initial: true })
  wire.mend()
  await world.clock.pass(60_000)
  expect([...seen]).toEqual(['first, and on top'])
  expect([refusals > 2, one.status.pending, two.status.pending]).toEqual([true, 0, 0])
  await world.close()
})

test('[ST27] what was authored again is sent when a loss of power cannot take away what it was before', async () => {
  const world = await createWorld(
    18,
    refusing('forbidden', (address) => address === 'title'),
  )
  const storage = memoryStorage()
  const durabilities: unknown[] = []
  const witnessed: Storage = {
    ...storage,
    async openLog(space) {
      const log = await storage.openLog(space)
      return {
        ...log,
        append(entry, options) {
          durabilities.push([decodeEntry(entry).kind, options?.durability])
          return log.append(entry, options)
        },
      }
    },
  }
  const store = await world.open({ transport: world.wire(), storage: witnessed })
  store.transact((tx) => tx.set(title, 'no'))
  store.transact((tx) => tx.add(votes, 4))
  await world.clock.pass(60_000)
  expect([store.get(votes), store.status.pending]).toEqual([4, 0])
  expect(durabilities).toContainEqual(['ended', 'strict'])
  expect(durabilities).toContainEqual(['run', 'relaxed'])
  await world.close()
})

test('[ST26] what a sibling built on a refused Change goes with it', async () => {
  const world = await createWorld(
    17,
    refusing('forbidden', (address) => address === 'cards/secret'),
  )
  const wire = world.wire()
  const storage = memoryStorage()
  wire.cut()
  const one = await world.open({ transport: wire, storage })
  const two = await world.open({ transport: wire, storage })
  one.transact((tx) => {
    tx.create(cards.at('secret'), { title: 'S' })
    tx.set(title, 'first')
  })
  await settle()
  const built = two.transact((tx) => tx.set(title, `${tx.get(title)}, second`)).synced()
  const free = two.transact((tx) => tx.add(votes, 1)).synced()
  const outcomes = Promise.allSettled([built, free])
  await settle()
  wire.mend()
  await world.clock.pass(60_000)
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  for (const store of [one, two]) {
    expect([store.get(title), store.get(votes), store.status.pending, store.refused.list().length]).toEqual([
      '',
      1,
      0,
      2,
    ])
  }
  await world.close()
})

test('[ST26] the live document of a refused Change is made anew', async () => {
  const world = await createWorld(
    18,
    refusing('forbidden', (address) => address === 'cards/secret'),
  )
  const wire = world.wire()
  const note = growing()
  const store = await world.open({ transport: wire })
  await world.clock.pass(100)
  store.get(note.ref)
  await store.transact((tx) => tx.insert(note.ref, 0, 'kept')).synced()
  wire.cut()
  const refused = store
    .transact((tx) => {
      tx.create(cards.at('secret'), {})
      tx.insert(note.ref, 4, ' and gone')
    })
    .synced()
  const outcome = Promise.allSettled([refused])
  note.edit(', too')
  await settle()
  expect([note.live, store.get(note.ref)]).toEqual(['kept and gone, too', 'kept and gone, too'])
  wire.mend()
  await world.clock.pass(60_000)
  expect(await outcome).toMatchObject([{ status: 'rejected', reason: { refusal: 'forbidden' } }])
  expect([note.live, store.get(note.ref), store.status.refused]).toEqual(['kept', 'kept', 2])
  note.edit('!')
  await world.clock.pass(100)
  expect([store.get(note.ref), store.status.pending]).toEqual(['kept!', 0])
  await world.close()
})

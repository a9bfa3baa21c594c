import { collection, counter, lww } from '@syncline/merge'
import { encodeChange, encodeFrames, type RefusalCode } from '@syncline/protocol'
import { emptyBasis } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage } from '../src/index.ts'
import { createWorld, passing, type World } from './world.ts'

const browser = { arbiter: 'browser' } as const
const CANARY = 'canary'
const drafts = collection('canary-drafts', { text: '' }, browser)
const lease = lww('canary-lease', '', browser)
const uses = counter('canary-uses', browser)
const title = lww('title', '')
const secret = lww('secret', '')

/** Whether bytes hold a text, as UTF-8. */
function holds(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes).includes(text)
}

function holdsId(bytes: Uint8Array, id: string): boolean {
  return Buffer.from(bytes).includes(Buffer.from(id, 'hex'))
}

/** Everything the relay has stored of the space. */
async function stored(world: World): Promise<readonly Uint8Array[]> {
  return world.disk.read('board', 0, 1_000_000, 1 << 30)
}

test('[BR5] nothing of a browser ref is sent, named or counted; of a mixed Change the rest is', async () => {
  const world = await createWorld(1)
  const storage = memoryStorage()
  const wire = world.wire()
  const sent: Uint8Array[] = []
  wire.onTraffic = (direction, message) => {
    if (direction === 'up') sent.push(message.slice())
  }
  const one = await world.open({ storage, transport: wire })
  const two = await world.open({ storage, transport: wire })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  await one.transact((tx) => tx.set(title, 'first')).durable()
  await world.clock.pass(1_000)
  const quiet = sent.length
  const only = await one.transactAsync(
    (tx) => {
      tx.create(drafts.at('canary-member'), { text: CANARY })
      tx.set(lease, CANARY)
    },
    { ...browser, meta: { by: CANARY } },
  )
  await two.transactAsync((tx) => tx.add(uses, 3), browser)
  await only.synced()
  await world.clock.pass(5_000)
  // Not one message: not for the Change, not for a gap, not for an acknowledgement.
  expect(sent.length).toBe(quiet)
  expect([two.get(lease), two.get(uses), one.get(uses)]).toEqual([CANARY, 3, 3])
  expect([one.status.pending, two.status.pending, one.status.saved]).toEqual([0, 0, 'relay'])

  const mixed = await two.transactAsync((tx) => {
    tx.set(lease, `${CANARY} again`)
    tx.set(title, 'from both')
  }, browser)
  // The other tab hears of it in a moment.
  await world.clock.pass(1)
  one.transact((tx) => tx.set(title, `${tx.get(title)}, and on`))
  await mixed.synced()
  await world.clock.pass(5_000)
  expect([far.get(title), far.get(lease), far.get(drafts), far.get(uses)]).toEqual(['from both, and on', '', [], 0])
  expect([one.get(lease), one.get(title)]).toEqual(['canary again', 'from both, and on'])

  // A new session goes on from all of it, and tells the relay what it has.
  await one.close()
  const again = await world.open({ storage, transport: wire })
  await world.clock.pass(5_000)
  again.transact((tx) => tx.set(title, 'the end'))
  await world.clock.pass(5_000)
  expect([far.get(title), again.get(lease), again.get(drafts)]).toEqual(['the end', 'canary again', ['canary-member']])
  expect(sent.length).toBeGreaterThan(quiet)
  const records = await stored(world)
  expect(records.length).toBe(4)
  for (const bytes of [...sent, ...records]) {
    expect(holds(bytes, CANARY)).toBe(false)
    // Who writes what only this browser has is nobody that the relay knows.
    expect(holdsId(bytes, only.change!.writer)).toBe(false)
  }
  expect([...sent, ...records].some((bytes) => holdsId(bytes, mixed.change!.writer))).toBe(true)
  await world.close()
})

test('[BR5] operations on browser refs that somebody sends are not applied', async () => {
  const world = await createWorld(2)
  const elsewhere = await world.open()
  const theirs = await elsewhere.transactAsync((tx) => {
    tx.set(lease, 'theirs')
    tx.set(title, 'theirs')
  }, browser)
  expect(theirs.change!.ops.length).toBe(2)
  // No relay of ours would pass it on; so it is put on the wire behind the relay.
  const writer = 'ab'.repeat(16)
  const record = encodeChange({
    writer,
    seq: 1,
    deps: emptyBasis,
    at: 1_700_000_000_000_000,
    ops: theirs.change!.ops,
    effects: [],
    meta: null,
  })
  const honest = world.wire()
  let heard = 0
  const open = await world.open({
    transport: {
      connect: (events) =>
        honest.connect({
          ...events,
          onMessage(message) {
            events.onMessage(message)
            heard += 1
            // The welcome, and the basis of the channel.
            if (heard !== 2) return
            const epoch = { type: 'epoch', channel: 1, epoch: 'e'.repeat(32) } as const
            const frame = { type: 'changes', channel: 1, first: 1, records: [record] } as const
            for (const bytes of encodeFrames([epoch, frame], 1 << 20)) events.onMessage(bytes)
          },
        }),
    },
  })
  await world.clock.pass(1_000)
  expect([open.get(title), open.get(lease)]).toEqual(['theirs', ''])
  await world.close()
})

/** Refuses what touches the secret; `once` only the first time. */
function refusing(code: RefusalCode, once = false) {
  let refusals = 0
  return {
    refuse(header: { readonly touched: readonly { readonly address: string }[] }) {
      if (!header.touched.some(({ address }) => address === 'secret') || (once && refusals > 0)) return undefined
      refusals += 1
      return { code, message: 'Not yours.' }
    },
  }
}

for (const isElected of [true, false]) {
  test(`[BR7] of a refused Change what it wrote to browser refs stands; ${isElected ? 'its tab' : 'another tab'} runs the link`, async () => {
    const world = await createWorld(3, refusing('forbidden'))
    const storage = memoryStorage()
    const wire = world.wire()
    const first = await world.open({ storage, transport: wire })
    await world.clock.pass(1_000)
    const second = await world.open({ storage, transport: wire })
    const [mine, other] = isElected ? [first, second] : [second, first]
    await world.clock.pass(1_000)
    const write = (word: string, shared: typeof title) =>
      passing(
        world,
        mine.transactAsync((tx) => {
          tx.add(uses, 1)
          tx.set(lease, `${tx.get(lease)}${word}`)
          tx.set(shared, word)
        }, browser),
      )
    await write('a', title)
    const refused = await write('b', secret)
    const outcome = refused.synced().catch((error: unknown) => error)
    await write('c', title)
    await world.clock.pass(60_000)
    expect(await outcome).toMatchObject({ code: 'refused', refusal: 'forbidden' })
    // By a fresh identity, and all the way.
    const last = await write('d', title)
    const done = last.synced()
    await world.clock.pass(60_000)
    await done
    await passing(
      world,
      other.transactAsync((tx) => tx.add(uses, 10), browser),
    )
    await world.clock.pass(1_000)
    for (const store of [mine, other]) {
      expect([store.get(lease), store.get(uses), store.get(secret), store.get(title)]).toEqual(['abcd', 14, '', 'd'])
      expect(store.status).toMatchObject({ pending: 0, refused: 1 })
      expect(store.refused.list()[0]!.change.ops.map(({ address }) => address)).toEqual(['secret'])
    }
    const far = await world.open({ transport: world.wire() })
    await world.clock.pass(1_000)
    expect([far.get(title), far.get(uses)]).toEqual(['d', 0])
    await mine.close()
    const again = await world.open({ storage, transport: wire })
    await world.clock.pass(1_000)
    expect([again.get(lease), again.get(uses), again.get(secret), again.get(title)]).toEqual(['abcd', 14, '', 'd'])
    again.refused.reapply(again.refused.list()[0]!.id)
    expect([again.get(lease), again.get(uses), again.get(secret)]).toEqual(['abcd', 14, 'b'])
    await world.close()
  })
}

test('[BR7] a mixed Change that is authored again does what it did to browser refs once', async () => {
  const world = await createWorld(4, refusing('missing-dependency', true))
  const storage = memoryStorage()
  const store = await world.open({ storage, transport: world.wire() })
  await world.clock.pass(1_000)
  const receipt = await store.transactAsync((tx) => {
    tx.add(uses, 1)
    tx.set(secret, 'told')
  }, browser)
  const synced = receipt.synced()
  await world.clock.pass(60_000)
  await synced
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  expect([store.get(uses), store.get(secret), far.get(secret), store.status.pending]).toEqual([1, 'told', 'told', 0])
  await store.close()
  const again = await world.open({ storage })
  expect([again.get(uses), again.get(secret)]).toEqual([1, 'told'])
  await world.close()
})

test('[BR7] a clock that was far ahead, and is set back, keeps nobody from writing either kind of ref', async () => {
  const world = await createWorld(5)
  const storage = memoryStorage()
  let aheadMs = 86_400_000
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + aheadMs, setTimer: world.clock.setTimer }
  const store = await world.open({ storage, transport: world.wire(), clock })
  await store.transactAsync((tx) => {
    tx.set(lease, 'early')
    tx.set(title, 'early')
  }, browser)
  aheadMs = 0
  await world.clock.pass(60_000)
  await store.transactAsync((tx) => tx.set(lease, 'late'), browser)
  const receipt = store.transact((tx) => tx.set(title, 'late'))
  const synced = receipt.synced()
  await world.clock.pass(60_000)
  await synced
  const other = await world.open({ storage })
  expect([store.get(lease), other.get(lease), store.get(title)]).toEqual(['late', 'late', 'late'])
  await world.close()
})

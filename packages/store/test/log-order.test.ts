import { counter, lww } from '@syncline/merge'
import { decodeChange, decodeEntry, entriesIn, type LogEntry } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { everything, memoryStorage, type Storage, type Store } from '../src/index.ts'
import { heldStorage } from './held-storage.ts'
import { brittleStorage, createWorld, mortalTab, settle } from './world.ts'

const votes = counter('votes')
const title = lww('title', '')
const draft = lww('draft', '', { arbiter: 'browser' })

/** What is in a log: each entry as those that it says at once. */
async function entriesOf(storage: Storage): Promise<readonly ReturnType<typeof entriesIn>[]> {
  const log = await storage.openLog('board')
  const entries: LogEntry[] = []
  await log.read(0, (bytes) => void entries.push(decodeEntry(bytes)))
  await log.close()
  return entries.map(entriesIn)
}

/** The Changes in a log that stand before something that their author had seen. Counts those that had seen something. */
async function early(storage: Storage): Promise<{ readonly early: readonly string[]; readonly checked: number }> {
  const found: string[] = []
  const seqs = new Map<string, number>()
  let ordered = 0
  let checked = 0
  const known = (writer: string, seq: number): void => void seqs.set(writer, Math.max(seqs.get(writer) ?? 0, seq))
  for (const entry of (await entriesOf(storage)).flat()) {
    if (entry.kind === 'ordered') {
      // Behind a gap it is passed over.
      if (entry.first > ordered + 1) continue
      ordered = Math.max(ordered, entry.first + entry.items.length - 1)
      for (const item of entry.items) {
        const { writer, seq } = item instanceof Uint8Array ? decodeChange(item) : item
        known(writer, seq)
      }
    } else if (entry.kind === 'commits' || entry.kind === 'run') {
      const changes = entry.changes.map((one) => ('change' in one ? one.change : decodeChange(one.record)))
      for (const { writer, seq, deps } of changes) {
        if (deps.relaySeq > ordered) found.push(`${writer}:${seq} before ${deps.relaySeq} of the relay`)
        for (const [other, needed] of deps.writers) {
          if ((seqs.get(other) ?? 0) < needed) found.push(`${writer}:${seq} before ${other}:${needed}`)
        }
        if (deps.relaySeq + deps.writers.size > 0) checked += 1
        known(writer, seq)
      }
    }
  }
  return { early: found, checked }
}

/** All that a store shows of something, from now on. */
function shownBy<T>(store: Store, read: (now: Store['snapshot']) => T): T[] {
  const shown: T[] = [read(store.snapshot)]
  store.changes(everything, ({ now }) => void shown.push(read(now)))
  return shown
}

for (const when of ['at once', 'later'] as const) {
  test(`[ST33] a tab that is fenced off and goes on (${when}) writes what its Changes had seen before them`, async () => {
    const world = await createWorld(21)
    const shared = memoryStorage()
    const wire = world.wire()
    const one = await world.open({ storage: shared, transport: wire })
    const far = await world.open({ transport: world.wire() })
    await world.clock.pass(100)
    // Another tab has taken over, and cannot reach the relay.
    const sibling = await world.open({ storage: shared })
    await (await shared.openLog('board')).takeFence()
    const shown = shownBy(sibling, (now) => `${now.get(title)} ${now.get(votes)}`)
    const answer = (): void => void one.transact((tx) => tx.add(votes, tx.get(title) === 'from afar' ? 1 : 100))
    if (when === 'at once') one.changes(title, answer)
    else one.changes(title, () => wire.cut())
    far.transact((tx) => tx.set(title, 'from afar'))
    await world.clock.pass(30)
    expect(sibling.get(title)).toBe(when === 'later' ? '' : 'from afar')
    if (when === 'later') answer()
    await world.clock.pass(30)
    expect(shown.at(-1)).toBe('from afar 1')
    expect(shown).not.toContain(' 1')
    expect(await early(shared)).toEqual({ early: [], checked: 1 })
    // Also when nobody is there any more who could ask the relay.
    await one.close()
    const again = await world.open({ storage: shared })
    expect([again.get(title), again.get(votes), again.status.pending]).toEqual([
      'from afar',
      1,
      when === 'later' ? 1 : 0,
    ])
    await world.close()
  })
}

test('[ST33] so it does when the relay has begun anew in between', async () => {
  const world = await createWorld(23)
  const shared = memoryStorage()
  const held = heldStorage(shared)
  const [wire, farWire] = [world.wire(), world.wire()]
  const one = await world.open({ storage: held.storage, transport: wire })
  const far = await world.open({ transport: farWire })
  const sibling = await world.open({ storage: shared })
  await world.clock.pass(1_000)
  held.hold()
  await far.transact((tx) => tx.set(title, 'one')).synced()
  await world.restartRelay()
  await world.clock.pass(10_000)
  await far.transact((tx) => tx.set(title, 'two')).synced()
  await world.clock.pass(10_000)
  expect(one.get(title)).toBe('two')
  await (await shared.openLog('board')).takeFence()
  wire.cut()
  held.letAll()
  await world.clock.pass(100)
  const shown = shownBy(sibling, (now) => `${now.get(title)} ${now.get(votes)}`)
  one.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(100)
  expect([shown.at(0), shown.at(-1)]).toEqual([' 0', 'two 1'])
  expect(shown).not.toContain(' 1')
  expect(await early(shared)).toEqual({ early: [], checked: 1 })
  wire.mend()
  await world.clock.pass(60_000)
  expect([one, sibling, far].map((store) => [store.get(title), store.get(votes), store.status.pending])).toEqual(
    Array(3).fill(['two', 1, 0]),
  )
  await world.close()
})

test('[ST17] [ST33] a tab that has lost its fence, and goes on to look after itself, leaves no gap', async () => {
  const world = await createWorld(24)
  const shared = memoryStorage()
  let room = Infinity
  const storage = brittleStorage(shared, () => (room-- > 0 ? undefined : new Error('quota')))
  const mortal = mortalTab(storage)
  const wire = world.wire()
  const one = await world.open({ storage: mortal.storage, transport: wire })
  const far = await world.open({ transport: world.wire() })
  const deaf = world.wire()
  deaf.cut()
  const other = await world.open({ storage: shared, transport: deaf })
  await world.clock.pass(1_000)
  room = 0
  far.transact((tx) => tx.set(title, 'one'))
  await world.clock.pass(100)
  one.transact((tx) => tx.add(votes, 1))
  far.transact((tx) => tx.set(title, 'two'))
  await world.clock.pass(100)
  // The other one has the link of the browser, and cannot reach the relay.
  mortal.freeze()
  await world.clock.pass(100)
  const shown = shownBy(other, (now) => `${now.get(title)} ${now.get(votes)}`)
  // Just enough to be told of the fence.
  room = 1
  await world.clock.pass(1_500)
  far.transact((tx) => tx.set(title, 'three'))
  await world.clock.pass(1_500)
  expect([one.get(title), one.status.storage, shown]).toEqual(['three', 'degraded', [' 0']])
  room = Infinity
  await world.clock.pass(1_500)
  one.transact((tx) => tx.set(title, `${tx.get(title)}, and four`))
  await world.clock.pass(100)
  expect(shown.at(-1)).toBe('three, and four 1')
  expect(await early(shared)).toEqual({ early: [], checked: 2 })
  deaf.mend()
  await world.clock.pass(60_000)
  expect([one, other, far].map((store) => [store.get(title), store.get(votes), store.status.pending])).toEqual(
    Array(3).fill(['three, and four', 1, 0]),
  )
  await world.close()
})

test('[ST33] what the browser decides about stands behind all that it was decided on, whatever waits for the log', async () => {
  const world = await createWorld(22)
  const shared = memoryStorage()
  const held = heldStorage(shared)
  const tab = mortalTab(held.storage)
  const one = await world.open({ storage: tab.storage, transport: world.wire() })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  held.hold()
  one.transact((tx) => tx.add(votes, 1))
  const drafting = one.transactAsync((tx) => tx.set(draft, `at ${tx.get(votes)} and "${tx.get(title)}"`), {
    arbiter: 'browser',
  })
  await settle()
  // Behind it in the queue, and before it in the memory.
  one.transact((tx) => tx.add(votes, 10))
  far.transact((tx) => tx.set(title, 'from afar'))
  await world.clock.pass(100)
  expect([one.get(votes), one.get(title), one.get(draft)]).toEqual([11, 'from afar', ''])
  await held.letOne()
  await held.letOne()
  await drafting
  expect(one.get(draft)).toBe('at 11 and "from afar"')
  tab.die()
  const again = await world.open({ storage: shared })
  expect([again.get(draft), again.get(votes), again.get(title)]).toEqual(['at 11 and "from afar"', 11, 'from afar'])
  expect(await early(shared)).toMatchObject({ early: [] })
  held.letAll()
  await world.close()
})

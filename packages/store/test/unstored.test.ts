import { counter, list, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { everything, memoryStorage, type Store } from '../src/index.ts'
import { heldStorage } from './held-storage.ts'
import { brittleStorage, createWorld, mortalTab } from './world.ts'

const votes = counter('votes')
const title = lww('title', '')
const other = lww('other', '')
const draft = lww('draft', '', { arbiter: 'browser' })
const steps = list<string>('steps')

type Header = Parameters<NonNullable<NonNullable<Parameters<typeof createWorld>[1]>['refuse']>>[0]

/** All that a store shows of the votes, from now on. */
function votesIn(store: Store): number[] {
  const shown = [store.get(votes)]
  store.changes(everything, ({ now }) => {
    if (shown.at(-1) !== now.get(votes)) shown.push(now.get(votes))
  })
  return shown
}

/** A tab whose disk gets full, beside one that runs the link, and somebody far away. */
async function crowded(seed: number, refuse: (header: Header) => { code: string; message: string } | undefined) {
  const world = await createWorld(seed, { refuse })
  const shared = memoryStorage()
  const disk = { isFull: false }
  const elected = await world.open({ storage: shared, transport: world.wire() })
  const tab = await world.open({
    storage: brittleStorage(shared, () => (disk.isFull ? new Error('quota') : undefined)),
    transport: world.wire(),
  })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  return { world, shared, disk, elected, tab, far }
}

test('[ST41] what is settled before it is stored is never seen beside what it has become', async () => {
  let refusals = 0
  const { world, shared, disk, elected, tab, far } = await crowded(31, () =>
    refusals++ === 0 ? { code: 'missing-dependency', message: 'Not yet.' } : undefined,
  )
  const shown = [votesIn(elected), votesIn(tab), votesIn(far)]
  disk.isFull = true
  const receipt = tab.transact((tx) => tx.add(votes, 1))
  const second = tab.transact((tx) => tx.add(votes, 10))
  const outcomes = Promise.allSettled([receipt.durable(), receipt.synced(), second.synced()])
  await world.clock.pass(3_000)
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
  expect([far.get(votes), elected.get(votes), tab.status.unsaved]).toEqual([11, 11, 2])
  // The id that its receipt has is stored when that is which it has now.
  await expect(receipt.durable()).rejects.toMatchObject({ code: 'storage-failed' })
  disk.isFull = false
  await world.clock.pass(3_000)
  await receipt.durable()
  expect(refusals).toBeGreaterThan(1)
  expect(shown).toEqual([
    [0, 11],
    [0, 1, 11],
    [0, 11],
  ])
  expect([tab, elected].map(({ status }) => [status.pending, status.unsaved, status.saved])).toEqual([
    [0, 0, 'relay'],
    [0, 0, 'relay'],
  ])
  await world.close()
  const again = await world.open({ storage: shared })
  expect([again.get(votes), again.status.pending]).toEqual([11, 0])
  await again.close()
})

test('[ST41] what was stored is seen as what it is now, and what was not is, as often as it is settled', async () => {
  const refusedOnce = new Set<string>()
  const { world, shared, disk, elected, tab, far } = await crowded(32, ({ writer }) => {
    if (refusedOnce.size === 3 || refusedOnce.has(writer)) return undefined
    refusedOnce.add(writer)
    return { code: 'missing-dependency', message: 'Not yet.' }
  })
  const shown = [votesIn(elected), votesIn(far)]
  tab.disconnect()
  await world.clock.pass(100)
  await tab.transact((tx) => tx.add(votes, 1)).durable()
  disk.isFull = true
  tab.transact((tx) => tx.add(votes, 10))
  tab.transact((tx) => tx.insert(steps, 0, 'one'))
  await world.clock.pass(100)
  tab.connect()
  await world.clock.pass(10_000)
  tab.transact((tx) => tx.add(votes, 100))
  await world.clock.pass(10_000)
  disk.isFull = false
  await world.clock.pass(60_000)
  expect(refusedOnce.size).toBeGreaterThan(1)
  for (const store of [tab, elected, far]) {
    expect([store.get(votes), store.get(steps), store.status.pending, store.status.refused]).toEqual([
      111,
      ['one'],
      0,
      0,
    ])
  }
  for (const values of shown) expect(values).toEqual([...values].sort((a, b) => a - b))
  await world.close()
  const again = await world.open({ storage: shared })
  expect([again.get(votes), again.get(steps), again.status.pending]).toEqual([111, ['one'], 0])
  await again.close()
})

test('[ST41] what a full disk did not take keeps its effects and its undo, refused or authored again', async () => {
  const { world, shared, disk, tab } = await crowded(33, ({ touched }) =>
    touched.some(({ address }) => address === 'title') ? { code: 'locked', message: 'Locked.' } : undefined,
  )
  disk.isFull = true
  const refused = tab.transact((tx) => {
    tx.set(title, 'no')
    tx.effect('mail', 'look')
  })
  void refused.synced().catch(() => undefined)
  tab.transact((tx) => tx.set(other, 'first'))
  tab.transact((tx) => tx.set(other, 'second'))
  await world.clock.pass(5_000)
  expect([tab.get(title), tab.get(other), tab.status.refused, tab.status.unsaved]).toEqual(['', 'second', 1, 3])
  disk.isFull = false
  await world.clock.pass(5_000)
  await world.close()

  const again = await world.open({ storage: shared })
  expect(again.refused.list().map(({ change }) => change.effects)).toMatchObject([[{ handler: 'mail', input: 'look' }]])
  expect(again.get(other)).toBe('second')
  const undo = again.undoStack()
  undo.undo()
  expect(again.get(other)).toBe('first')
  undo.undo()
  expect([again.get(other), undo.undoable]).toEqual(['', false])
  await again.close()
})

test('[ST41] what was on its way when it was settled, and did not get there, is sent all the same', async () => {
  let refusals = 0
  const world = await createWorld(34, {
    refuse: () => (refusals++ === 0 ? { code: 'missing-dependency', message: 'Not yet.' } : undefined),
  })
  const shared = memoryStorage()
  const disk = { isFull: false }
  const held = heldStorage(brittleStorage(shared, () => (disk.isFull ? new Error('quota') : undefined)))
  const elected = await world.open({ storage: shared, transport: world.wire() })
  const wire = world.wire()
  const tab = await world.open({ storage: held.storage, transport: wire })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(1_000)
  const shown = [votesIn(elected), votesIn(far)]
  disk.isFull = true
  wire.cut()
  tab.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(100)
  // It is tried again before the refusal comes.
  held.hold()
  await world.clock.pass(1_000)
  wire.mend()
  await world.clock.pass(5_000)
  expect([refusals, far.get(votes)]).toEqual([1, 0])
  await held.letOne()
  await world.clock.pass(500)
  expect(far.get(votes)).toBe(1)
  held.letAll()
  disk.isFull = false
  await world.clock.pass(10_000)
  expect(shown).toEqual([
    [0, 1],
    [0, 1],
  ])
  expect([tab.status.saved, elected.status.pending]).toEqual(['relay', 0])
  await world.close()
})

for (const how of ['its log is slow', 'its disk is full'] as const) {
  test(`[ST35] what a tab has not stored when others settle its writer (${how}) is settled in its turn`, async () => {
    let refusals = 0
    const world = await createWorld(35, {
      refuse: () => (refusals++ === 0 ? { code: 'missing-dependency', message: 'Not yet.' } : undefined),
    })
    const shared = memoryStorage()
    const disk = { isFull: false }
    const held = heldStorage(brittleStorage(shared, () => (disk.isFull ? new Error('quota') : undefined)))
    const mortal = mortalTab(held.storage)
    const wires = [world.wire(), world.wire()]
    const elected = await world.open({ storage: shared, transport: wires[0] })
    const tab = await world.open({ storage: mortal.storage, transport: wires[1] })
    await world.clock.pass(1_000)
    for (const wire of wires) wire.cut()
    const first = tab.transact((tx) => tx.add(votes, 1))
    await first.durable()
    await world.clock.pass(100)
    if (how === 'its log is slow') held.hold()
    else disk.isFull = true
    const second = tab.transact((tx) => tx.add(votes, 10))
    const last = tab.transact((tx) => tx.set(title, `at ${tx.get(votes)}`))
    await world.clock.pass(100)
    mortal.freeze()
    await world.clock.pass(100)
    const third = tab.transact((tx) => tx.add(votes, 100))
    expect(third.change!.writer).not.toBe(second.change!.writer)
    const outcomes = Promise.allSettled([first, second, last, third].map((receipt) => receipt.synced()))
    const shown = [votesIn(tab), votesIn(elected)]
    for (const wire of wires) wire.mend()
    await world.clock.pass(20_000)
    // The other has settled what it knew of.
    expect(elected.get(votes)).toBe(how === 'its log is slow' ? 1 : 111)
    expect([tab.get(votes), tab.get(title)]).toEqual([111, 'at 11'])
    disk.isFull = false
    held.letAll()
    await world.clock.pass(60_000)
    expect((await outcomes).map(({ status }) => status)).toEqual(Array(4).fill('fulfilled'))
    for (const store of [tab, elected]) {
      expect([store.get(votes), store.get(title), store.status.pending, store.status.refused]).toEqual([
        111,
        'at 11',
        0,
        0,
      ])
    }
    expect(shown[0]).toEqual([111])
    expect(shown[1]).toEqual([...shown[1]!].sort((a, b) => a - b))
    await world.close()
    const again = await world.open({ storage: shared })
    expect([again.get(votes), again.get(title), again.status.pending]).toEqual([111, 'at 11', 0])
    await again.close()
  })
}

test('[BR7] a tab that hears of a Change from the relay first shows what it did in this browser as soon as the log says so', async () => {
  const world = await createWorld(36)
  const shared = memoryStorage()
  const disk = { isFull: false, isSlow: false }
  const waiting: (() => void)[] = []
  const slow = {
    ...shared,
    async openLog(space: string) {
      const log = await shared.openLog(space)
      return {
        ...log,
        async read(...how: Parameters<typeof log.read>) {
          if (disk.isSlow) await new Promise<void>((resolve) => waiting.push(resolve))
          return log.read(...how)
        },
      }
    },
  }
  const elected = await world.open({ storage: slow, transport: world.wire() })
  const tab = await world.open({
    storage: brittleStorage(shared, () => (disk.isFull ? new Error('quota') : undefined)),
    transport: world.wire(),
  })
  await world.clock.pass(1_000)
  disk.isSlow = true
  const mixed = await tab.transactAsync(
    (tx) => {
      tx.set(draft, 'mine')
      tx.set(title, 'ours')
    },
    { arbiter: 'browser' },
  )
  // Nobody else sends it before its own tab has to look after itself.
  disk.isFull = true
  tab.transact((tx) => tx.add(votes, 1))
  await world.clock.pass(3_000)
  await mixed.synced()
  expect([elected.get(title), elected.get(draft)]).toEqual(['ours', ''])
  disk.isSlow = disk.isFull = false
  for (const go of waiting.splice(0)) go()
  await world.clock.pass(3_000)
  for (const store of [elected, tab]) {
    expect([store.get(title), store.get(draft), store.get(votes), store.status.pending]).toEqual(['ours', 'mine', 1, 0])
  }
  expect(elected.snapshot.basis).toEqual(tab.snapshot.basis)
  await world.close()
})

test('[UN5] what the relay has told of before this device had stored it can be undone after a reload', async () => {
  const { world, shared, disk, tab, elected } = await crowded(37, () => undefined)
  disk.isFull = true
  tab.transact((tx) => tx.set(other, 'first'))
  tab.transact((tx) => tx.set(other, 'second'))
  await world.clock.pass(3_000)
  // The log has it from the tab that runs the link, without what never leaves the browser.
  expect([elected.get(other), tab.status.unsaved]).toEqual(['second', 2])
  disk.isFull = false
  await world.clock.pass(3_000)
  await world.close()
  const again = await world.open({ storage: shared })
  expect(again.get(other)).toBe('second')
  const undo = again.undoStack()
  undo.undo()
  expect(again.get(other)).toBe('first')
  undo.undo()
  expect([again.get(other), undo.undoable]).toEqual(['', false])
  await again.close()
})

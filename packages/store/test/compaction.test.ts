import { collection, lww } from '@syncline/merge'
import { decodeEntry, isOfSpare } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { memoryStorage, StoreError, type Clock, type Log, type Storage, type Store } from '../src/index.ts'
import { openLean } from '../src/lean.ts'
import { all, draft, drafts, period, picture, seat, tags, title, votes, write } from './refs-of-all.ts'
import { heldStorage } from './held-storage.ts'
import { lookInto, smallLogs } from './small-logs.ts'
import { createWorld, passing, settle, type World } from './world.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'

async function writeAll(world: World, store: Store, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    write(store, i)
    await store.durable()
    if (i % 20 !== 0) continue
    const asked = [store.transactAsync((tx) => (tx.set(draft, `${i}`), tx.add(drafts, 1)), { arbiter: 'browser' })]
    if (store.status.link === 'online') {
      asked.push(store.transactAsync((tx) => tx.set(seat, `${i}`), { arbiter: 'relay' }))
    }
    await passing(world, Promise.all(asked))
    await world.clock.pass(50)
  }
}

test('[CP1] the log becomes a checkpoint and what came since, and opens as if nothing had happened', async () => {
  const world = await createWorld(1)
  const disk = memoryStorage()
  const storage = smallLogs(disk, 2_000)
  const wire = world.wire()
  const store = await world.open({ storage, transport: wire })
  await writeAll(world, store, 0, 120)
  await passing(world, store.synced())
  await world.clock.pass(3_000)
  const { kinds } = await lookInto(disk)
  expect(kinds[0]).toBe('cells')
  expect(kinds.filter((kind) => kind === 'run').length).toBeLessThan(60)
  const [before, { basis }] = [picture(store), store.snapshot]
  await store.close()

  const again = await world.open({ storage, transport: wire })
  expect(picture(again)).toEqual(before)
  expect([again.snapshot.basis.relaySeq, again.snapshot.basis.epoch]).toEqual([basis.relaySeq, basis.epoch])
  expect(again.status).toMatchObject({ pending: 0, refused: 0, storage: 'ok' })
  await writeAll(world, again, 120, 160)
  await passing(world, again.synced())
  const other = await world.open({ storage: memoryStorage(), transport: world.wire() })
  await world.clock.pass(1_000)
  const shared = (of: Store): unknown => all.filter((ref) => ref !== draft && ref !== drafts).map((ref) => of.get(ref))
  expect(shared(other)).toEqual(shared(again))
  expect(again.get(drafts)).toBe(8)
  await world.close()
})

test('[CP2] what the relay does not have stays as it was made, and is sent by who opens the log later', async () => {
  const world = await createWorld(2)
  const disk = memoryStorage()
  const storage = smallLogs(disk, 1_000)
  const wire = world.wire()
  wire.isWhole = false
  const store = await world.open({ storage, transport: wire })
  for (let i = 0; i < 80; i++) {
    store.transact((tx) => (tx.set(title, `offline ${i}`), tx.add(votes, 1)), { meta: i })
    await store.durable()
    if (i % 10 === 0) await world.clock.pass(100)
  }
  await world.clock.pass(2_000)
  expect((await lookInto(disk)).kinds).toContain('rest')
  expect(store.status.pending).toBe(80)
  await store.close()

  wire.isWhole = true
  const again = await world.open({ storage, transport: wire })
  expect(again.status.pending).toBe(80)
  expect([again.get(title), again.get(votes)]).toEqual(['offline 79', 80])
  const other = await world.open({ storage: memoryStorage(), transport: world.wire() })
  await passing(world, again.synced())
  await world.clock.pass(2_000)
  // Each as the Change it was.
  expect(other.snapshot.basis.relaySeq).toBe(80)
  expect([other.get(title), other.get(votes)]).toEqual(['offline 79', 80])
  await world.close()
})

test('[CP1] what is pending is not written again and again, and the relay having it is a reason to begin', async () => {
  const world = await createWorld(21)
  const disk = memoryStorage()
  /** How large each checkpoint was. */
  const replaced: number[] = []
  const small = smallLogs(disk, 1_000)
  const storage: Storage = {
    ...small,
    async openLog(space) {
      const log = await small.openLog(space)
      return {
        ...log,
        replace(upTo, entries, claim) {
          // What makes one part of it again is as long as one, however many there are.
          replaced.push(entries.reduce((sum, entry) => sum + (isOfSpare(entry) ? 0 : entry.length), 0))
          return log.replace(upTo, entries, claim)
        },
      }
    },
  }
  const wire = world.wire()
  wire.isWhole = false
  const store = await world.open({ storage, transport: wire })
  for (let i = 0; i < 1_500; i++) {
    store.transact((tx) => tx.set(title, `offline ${i}`.padEnd(100, '.')), { undo: false })
    if (i % 15 !== 14) continue
    await store.durable()
    await world.clock.pass(300)
  }
  // Some 200 kB of which nothing can be left out: each is about twice the one before, so all of them together are no more than what is there.
  expect(replaced.length).toBeGreaterThanOrEqual(2)
  for (const [i, bytes] of replaced.slice(1).entries()) expect(bytes).toBeGreaterThan(1.9 * replaced[i]!)
  const offline = (await lookInto(disk)).bytes
  wire.isWhole = true
  await passing(world, store.synced())
  await world.clock.pass(3_000)
  expect((await lookInto(disk)).bytes).toBeLessThan(offline / 20)
  await world.close()
})

test('[CP3] what was overwritten leaves nothing behind: the log stays a few times what need be kept, at all times', async () => {
  const world = await createWorld(3)
  const disk = memoryStorage()
  const worthBytes = 4_096
  const storage = smallLogs(disk, worthBytes)
  const store = await world.open({ storage, transport: world.wire() })
  const refs = Array.from({ length: 40 }, (_, i) => lww(`r${i}`, ''))
  const commits = isLong ? 100_000 : 4_000
  /** How large the log is at most, when who writes pauses for so long after every 20 commits. */
  async function mostBytes(pauseMs: number): Promise<number> {
    const sizes: number[] = []
    for (let i = 0; i < commits / 2; i++) {
      store.transact((tx) => tx.set(refs[i % 40]!, `value ${i}`.padEnd(60, '.')), { undo: false })
      if (i % 20 !== 19) continue
      await store.durable()
      await world.clock.pass(pauseMs)
      if (i % 100 === 99) sizes.push((await lookInto(disk)).bytes)
    }
    expect(sizes.length).toBeGreaterThanOrEqual(20)
    return Math.max(...sizes)
  }
  const paused = await mostBytes(300)
  const inOneGo = await mostBytes(1)
  await passing(world, store.synced())
  await world.clock.pass(3_000)
  // The live data: forty registers, their values and who wrote them.
  const live = 40 * 90
  expect(paused).toBeLessThan(3 * Math.max(live, worthBytes) + 4_096)
  // Whoever does not pause is not disturbed before there is more than a mebibyte, where 64 KiB are worth the while.
  expect(inOneGo).toBeLessThan(3 * Math.max(live, worthBytes) + 17 * worthBytes)
  expect((await lookInto(disk)).bytes).toBeLessThan(3 * live)
  await world.close()
})

test('[CP4] the checkpoint of one tab is taken up by another that has not read so far, with what that has not stored yet', async () => {
  const world = await createWorld(4)
  const disk = memoryStorage()
  const slow = slowReader(disk)
  const wire = world.wire()
  const first = await world.open({ storage: smallLogs(disk, 1_000), transport: wire })
  const second = await world.open({ storage: slow.storage, transport: wire })
  await writeAll(world, first, 0, 5)
  await world.clock.pass(500)
  expect(picture(second)).toEqual(picture(first))
  slow.hold()
  await writeAll(world, first, 5, 90)
  await passing(world, first.synced())
  await world.clock.pass(3_000)
  expect((await lookInto(disk)).kinds[0]).toBe('cells')
  expect(second.get(title)).toBe('title 4')
  let heard = 0
  second.changes([title, votes], () => (heard += 1))
  second.transact((tx) => (tx.add(votes, 1000), tx.set(period, { from: 7, to: 7 })))
  slow.letGo()
  await world.clock.pass(3_000)
  expect(heard).toBeGreaterThan(1)
  expect(picture(second)).toEqual(picture(first))
  expect(second.get(votes)).toBe(1090)
  expect(second.get(period)).toEqual({ from: 7, to: 7 })
  await passing(world, second.synced())
  await writeAll(world, second, 90, 100)
  await world.clock.pass(3_000)
  expect(picture(second)).toEqual(picture(first))
  expect(second.status).toMatchObject({ pending: 0, storage: 'ok' })
  await world.close()
})

test('[CP4] what a tab has settled stays so when another compacts the log before it has that', async () => {
  let refusals = 0
  const world = await createWorld(4, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'period') && ++refusals <= 2
        ? { code: 'missing-dependency', message: 'Not yet.' }
        : undefined,
  })
  const disk = memoryStorage()
  const slow = slowReader(disk)
  const held = heldStorage(slow.storage)
  const wire = world.wire()
  const first = await world.open({ storage: smallLogs(disk, 1_000), transport: wire })
  const second = await world.open({ storage: held.storage, transport: wire })
  const other = await world.open({ transport: world.wire() })
  await world.clock.pass(100)
  for (const from of [1, 2]) second.transact((tx) => tx.set(period, { from, to: from }))
  await second.durable()
  held.hold()
  // Told of the first refusal, it settles that.
  await world.clock.pass(50)
  slow.hold()
  for (let i = 0; i < 60; i++) {
    other.transact((tx) => tx.set(title, `title ${i}`))
    await passing(world, other.synced())
  }
  await world.clock.pass(3_000)
  expect((await lookInto(disk)).kinds[0]).toBe('cells')
  slow.letGo()
  await world.clock.pass(3_000)
  expect([refusals, second.get(title)]).toEqual([1, 'title 59'])
  held.letAll()
  await world.clock.pass(3_000)
  expect(refusals).toBeGreaterThan(2)
  for (const store of [first, second, other]) {
    expect(store.status).toMatchObject({ pending: 0, refused: 0 })
    expect(store.get(period)).toEqual({ from: 2, to: 2 })
  }
  await world.close()
})

/** A storage whose reading can be held. */
function slowReader(disk: Storage): { readonly storage: Storage; hold(): void; letGo(): void } {
  const waiting: (() => void)[] = []
  let isHeld = false
  return {
    storage: {
      ...disk,
      async openLog(space): Promise<Log> {
        const log = await disk.openLog(space)
        return {
          ...log,
          async read(...args) {
            if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
            return log.read(...args)
          },
        }
      },
    },
    hold: () => void (isHeld = true),
    letGo() {
      isHeld = false
      for (const go of waiting.splice(0)) go()
    },
  }
}

test('[CP5] of a damaged checkpoint all other parts are there, it is told, and the relay brings back what was in it', async () => {
  const world = await createWorld(5)
  await damaged(world, -1)
  let damages = 0
  for (let part = 0; ; part++) {
    const errors: unknown[] = []
    const { storage, before, parts } = await damaged(world, part)
    if (part === parts) break
    const alone = await world.open({ storage, transport: cutWire(world), onError: (error) => errors.push(error) })
    expect(errors).toMatchObject([{ code: 'storage-damaged' }])
    // Offline what the other parts have is shown. The last one, which says what all of it is, stands there twice.
    expect(alone.get(rows).length, `part ${part}`).toBeGreaterThan(100)
    await alone.close()
    const healed = await world.open({ storage, transport: world.wire(), onError: (error) => errors.push(error) })
    await world.clock.pass(20_000)
    expect(rowsOf(healed), `part ${part}`).toEqual(before.rows)
    expect(healed.get(votes), `part ${part}`).toBe(before.votes)
    await healed.close()
    const again = await world.open({ storage, transport: cutWire(world) })
    expect(rowsOf(again), `part ${part}`).toEqual(before.rows)
    expect(again.get(votes), `part ${part}`).toBe(before.votes)
    await again.close()
    damages += 1
  }
  expect(damages).toBeGreaterThan(4)
  await world.close()
})

const rows = collection('rows', { text: '' })
const rowsOf = (store: Store): unknown => store.get(rows).map((id) => store.get(rows.at(id)))

function cutWire(world: World): ReturnType<World['wire']> {
  const wire = world.wire()
  wire.isWhole = false
  return wire
}

/** A log of a checkpoint of several parts, one of which is damaged. */
async function damaged(
  world: World,
  part: number,
): Promise<{ storage: Storage; parts: number; before: { rows: unknown; votes: number } }> {
  const disk = memoryStorage()
  const store = await world.open({ storage: smallLogs(disk, 1_000), transport: world.wire() })
  await world.clock.pass(1_000)
  if (store.get(rows).length === 0) {
    for (let i = 0; i < 4; i++) {
      store.transact((tx) => {
        for (let j = 0; j < 100; j++) tx.create(rows.at(`r${i}-${j}`), { text: `${i} ${j}`.padEnd(600, 'x') })
        tx.add(votes, 1)
      })
      await store.durable()
    }
  } else {
    store.transact((tx) => tx.add(votes, 1))
  }
  await passing(world, store.synced())
  await world.clock.pass(5_000)
  const before = { rows: rowsOf(store), votes: store.get(votes) }
  await store.close()
  const { kinds } = await lookInto(disk)
  const parts = kinds.findLastIndex((kind) => kind === 'rest' || kind === 'cells') + 1
  let isDamaged = true
  return {
    parts,
    before,
    storage: {
      ...disk,
      async openLog(space): Promise<Log> {
        const log = await disk.openLog(space)
        return {
          ...log,
          async read(after, each, bad) {
            let i = 0
            return log.read(
              after,
              (bytes, position, claim) => {
                if (after === 0 && isDamaged && i++ === part) bytes[bytes.length >> 1]! ^= 1
                each(bytes, position, claim)
              },
              bad,
            )
          },
          async setAside(position, reason) {
            // From now on it is not read at all.
            isDamaged = false
            await log.setAside(position, reason)
          },
        }
      },
    },
  }
}

test('[CP6] what can be taken back can be after a reload, and refused Changes are still on their list', async () => {
  const world = await createWorld(6, {
    refuse: ({ touched }) =>
      touched.some(({ address }) => address === 'tags') ? { code: 'locked', message: 'Nobody may.' } : undefined,
  })
  const disk = memoryStorage()
  const storage = smallLogs(disk, 1_000)
  const wire = world.wire()
  const store = await world.open({ storage, transport: wire })
  for (let i = 0; i < 60; i++) {
    store.transact((tx) => tx.set(title, `title ${i}`))
    if (i === 20) store.transact((tx) => tx.include(tags, 'never'))
    await store.durable()
    if (i % 10 === 0) await world.clock.pass(500)
  }
  await passing(
    world,
    store.transactAsync((tx) => tx.set(seat, 'mine'), { arbiter: 'relay' }),
  )
  await passing(
    world,
    store.transactAsync((tx) => tx.set(draft, 'text'), { arbiter: 'browser' }),
  )
  await world.clock.pass(5_000)
  expect(store.status.refused).toBe(1)
  expect((await lookInto(disk)).kinds[0]).toBe('cells')
  await store.close()

  const again = await world.open({ storage, transport: wire })
  await world.clock.pass(2_000)
  expect([again.get(title), again.get(draft), again.get(seat)]).toEqual(['title 59', 'text', 'mine'])
  expect(again.refused.list()).toMatchObject([{ code: 'locked' }])
  expect(again.refused.list()[0]!.change.ops).toMatchObject([{ address: 'tags' }])
  await passing(world, again.undoAsync())
  await passing(world, again.undoAsync())
  expect([again.get(draft), again.get(seat)]).toEqual(['', null])
  for (let i = 0; i < 30; i++) again.undo()
  expect(again.get(title)).toBe('title 29')
  for (let i = 0; i < 30; i++) again.redo()
  expect(again.get(title)).toBe('title 59')
  again.refused.drop(again.refused.list()[0]!.id)
  await again.durable()
  await world.clock.pass(5_000)
  await again.close()
  const last = await world.open({ storage, transport: wire })
  expect(last.refused.list()).toEqual([])
  expect(last.get(title)).toBe('title 59')
  await world.close()
})

test('[CP7] it is done in pieces, with a task of its own for each', async () => {
  const disk = memoryStorage()
  const replaced: number[][] = []
  const storage: Storage = {
    ...disk,
    async openLog(space): Promise<Log> {
      const log = await disk.openLog(space)
      return {
        ...log,
        async replace(upTo, entries, claim) {
          replaced.push(entries.map(({ length }) => length))
          await log.replace(upTo, entries, claim)
        },
      }
    },
  }
  const world = await createWorld(7)
  /** So many tasks. */
  let tasks = 0
  const counting: Clock = {
    nowMs: world.clock.nowMs,
    setTimer(delayMs, fn) {
      if (delayMs === 0) tasks += 1
      return world.clock.setTimer(delayMs, fn)
    },
  }
  const store = await world.open({ storage, transport: world.wire(), clock: counting })
  for (let i = 0; i < 10; i++) {
    store.transact((tx) => {
      for (let j = 0; j < 500; j++) tx.create(rows.at(`${i}-${j}`), { text: `${i * j}`.padEnd(80, 'x') })
    })
  }
  await passing(world, store.synced())
  await world.clock.pass(20_000)
  const parts = replaced.at(-1)!
  expect(parts.length).toBeGreaterThan(6)
  expect(Math.max(...parts)).toBeLessThan(64 * 1024 + 4_096)
  // Browsers read what is longer sooner: but for the last rows, and what is said of them.
  expect(parts.slice(0, 6).every((length) => length > 64 * 1024)).toBe(true)
  expect(tasks).toBeGreaterThanOrEqual(replaced.flat().length)
  expect(replaced.length).toBeLessThan(4)
  await world.close()
})

test('[CP8] a store without the part for it leaves the log as it is, and opens what others have compacted', async () => {
  const world = await createWorld(8)
  const disk = memoryStorage()
  const storage = smallLogs(disk, 1_000)
  const wire = world.wire()
  const store = await world.open({ storage, transport: wire })
  await writeAll(world, store, 0, 60)
  await passing(world, store.synced())
  await world.clock.pass(3_000)
  await store.close()
  const compacted = await lookInto(disk)
  const lean = await openLean({ space: 'board', storage, parts: [] })
  expect(lean.get(title)).toBe('title 59')
  for (let i = 0; i < 60; i++) {
    lean.transact((tx) => tx.set(title, `lean ${i}`))
    await lean.durable()
  }
  await settle()
  expect((await lookInto(disk)).kinds.length).toBe(compacted.kinds.length + 60)
  await lean.close()
  await world.close()
})

test.each([
  { what: 'a storage that fails', failure: new StoreError('storage-full', 'No room.'), isTold: false },
  // Nobody else hears of it.
  { what: 'what nobody has thought of', failure: new TypeError('no function'), isTold: true },
])('[CP9] $what in the middle keeps the log as it was, and it is tried again', async ({ failure, isTold }) => {
  const world = await createWorld(9)
  const errors: unknown[] = []
  const disk = memoryStorage()
  let failures = 3
  const storage: Storage = {
    ...disk,
    async openLog(space): Promise<Log> {
      const log = await disk.openLog(space)
      return {
        ...log,
        worthBytes: 1_000,
        async replace(upTo, entries, claim) {
          if (failures-- > 0) throw failure
          await log.replace(upTo, entries, claim)
        },
      }
    },
  }
  const store = await world.open({ storage, transport: world.wire(), onError: (error) => errors.push(error) })
  await writeAll(world, store, 0, 40)
  expect((await lookInto(disk)).kinds).not.toContain('cells')
  await world.clock.pass(10_000)
  const log = await disk.openLog('board')
  const kinds: string[] = []
  await log.read(0, (bytes) => kinds.push(decodeEntry(bytes).kind))
  expect(kinds[0]).toBe('cells')
  expect(errors).toEqual(isTold ? [failure, failure, failure] : [])
  await log.close()
  await world.close()
})

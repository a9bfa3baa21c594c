import { collection, lww, place } from '@syncline/merge'
import type { AnyCollection, Policy } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, StoreError, type Clock, type Storage, type Store } from '../src/index.ts'
import { systemClock } from '../src/system.ts'
import { sealed } from './sealed.ts'
import { smallLogs } from './small-logs.ts'
import { withLog } from './with-log.ts'
import { createWorld, passing, settle } from './world.ts'

const ROWS = 12_000
const ROWS_A_CHANGE = 4_000
const rows = collection('rows', { text: '', votes: 0, at: place() })
const title = lww('title', '')

async function fill(store: Store): Promise<void> {
  store.transact((tx) => tx.set(title, 'here'))
  for (let i = 0; i < ROWS; i += ROWS_A_CHANGE) {
    store.transact((tx) => {
      for (let j = i; j < i + ROWS_A_CHANGE; j++) tx.create(rows.at(`r${j}`), { text: `row ${j}`.padEnd(40), votes: j })
    })
    await store.durable()
  }
}

/** Three Changes of four thousand rows, as they were committed. */
async function pendingRows(): Promise<Storage> {
  const storage = memoryStorage()
  const store = await openStore({ space: 'board', storage })
  await fill(store)
  await store.close()
  return storage
}

/** The same in a checkpoint. */
async function compactedRows(): Promise<Storage> {
  const storage = memoryStorage()
  const world = await createWorld(1)
  const store = await world.open({ storage, transport: world.wire() })
  await fill(store)
  await passing(world, store.synced())
  await world.clock.pass(20_000)
  await store.close()
  await world.close()
  return storage
}

/** What was done in one task: operations folded, states looked at and read, bytes handed over by the log, and of how many these were the largest. */
interface Done {
  folded: number
  looked: number
  bytes: number
  largest: number
}

const nothingDone = (): Done => ({ folded: 0, looked: 0, bytes: 0, largest: 0 })

/** What is done in each task of an opening. */
interface Tasks {
  readonly clock: Clock
  readonly storage: Storage
  /** Its code counts what it is asked to do. */
  readonly rows: AnyCollection
  readonly done: Done[]
}

function counting(storage: Storage): Tasks {
  const done = [nothingDone()]
  const now = (): Done => done.at(-1)!
  const { policy } = rows
  const counted: Policy = {
    ...policy,
    apply(...args) {
      now().folded += 1
      return policy.apply(...args)
    },
    born(rows, spec) {
      now().folded += rows.ids.length
      return policy.born!(rows, spec)
    },
    read(...args) {
      now().looked += 1
      return policy.read(...args)
    },
    exists(state) {
      now().looked += 0.5
      return policy.exists!(state)
    },
  }
  return {
    done,
    clock: {
      ...systemClock,
      // What waits until somebody has been idle waits a thousandth of that.
      setTimer: (delayMs, fn) => systemClock.setTimer(delayMs / 1000, fn),
      nextTask(fn) {
        systemClock.nextTask!(() => {
          done.push(nothingDone())
          fn()
        })
      },
    },
    rows: { ...rows, policy: counted },
    storage: {
      ...storage,
      async openLog(space) {
        const log = await storage.openLog(space)
        return {
          ...log,
          read: (after, each, bad) =>
            log.read(
              after,
              (bytes, position, claim) => {
                now().bytes += bytes.length
                now().largest = Math.max(now().largest, bytes.length)
                return each(bytes, position, claim)
              },
              bad,
            ),
        }
      },
    },
  }
}

test.each([
  ['as they were committed', pendingRows],
  ['in a checkpoint', compactedRows],
])('[ST42] however much there is, a store opens in small tasks: rows %s', async (_, made) => {
  const storage = await made()
  const { done, clock, storage: counted, rows: ready } = counting(storage)
  const store = await openStore({ space: 'board', storage: counted, clock, ready: [ready] })
  const opened = done.length
  expect(done.reduce((sum, { folded }) => sum + folded, 0)).toBe(ROWS)
  // Of all these bytes a task sees so many that make 128 KiB of work, and the entry with which it is enough.
  expect(done.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(500_000)
  expect(opened).toBeGreaterThan(12)
  for (const { folded, looked, bytes, largest } of done) {
    expect(folded).toBeLessThanOrEqual(2_048 + 1_024)
    expect(looked).toBeLessThanOrEqual(2_048 + 1_024)
    expect(bytes - largest).toBeLessThanOrEqual(128 * 1024)
  }
  // And there is nothing left to do.
  done.push(nothingDone())
  expect(store.get(ready)).toHaveLength(ROWS)
  expect(done.at(-1)).toMatchObject({ folded: 0, looked: 0 })
  expect(store.get(title)).toBe('here')
  await store.close()
})

test('[ST42] a storage that does not wait hands over one entry after the other all the same', async () => {
  const storage = await pendingRows()
  const hasty: Storage = {
    ...storage,
    async openLog(space) {
      const log = await storage.openLog(space)
      return {
        ...log,
        read: (after, each, bad) => log.read(after, (...entry) => void each(...entry), bad),
      }
    },
  }
  const store = await openStore({ space: 'board', storage: hasty })
  expect(store.get(rows)).toHaveLength(ROWS)
  expect(store.get(title)).toBe('here')
  await store.close()
  // What newer code has written is not lost on the way.
  const log = await storage.openLog('board')
  await log.append(sealed(Uint8Array.of(1, 200, 0)))
  await log.close()
  const errors: unknown[] = []
  const memory = await openStore({ space: 'board', storage: hasty, onError: (error) => errors.push(error) })
  expect(errors).toMatchObject([{ code: 'storage-newer' }])
  expect([memory.status.storage, memory.get(rows)]).toEqual(['memory-only', []])
  await memory.close()
})

test('[ST43] what is ready reads as it does for who asks for it later, and goes on as it', async () => {
  const storage = await pendingRows()
  const read = (store: Store): readonly unknown[] => [
    store.get(title),
    store.get(rows),
    [...store.snapshot.items(rows)],
    store.get(rows.range({ prefix: 'r1' })),
    store.get(rows.list('todo')),
  ]
  const change = (store: Store): void => {
    store.transact((tx) => {
      tx.delete(rows.at('r77'))
      tx.create(rows.at('a'), { text: 'new' })
      tx.move(rows.at('a'), rows.list('todo'), 0)
      tx.patch(rows.at('r78'), { votes: 7 })
    })
  }
  const plain = await openStore({ space: 'board', storage })
  const before = read(plain)
  await plain.close()
  const ready = [title, rows, rows.list('todo'), rows.range({ prefix: 'r1' }), rows.at('r1')]
  const store = await openStore({ space: 'board', storage, ready })
  const { snapshot } = store
  expect(read(store)).toEqual(before)
  change(store)
  expect(snapshot.get(rows)).toEqual(before[1])
  const after = read(store)
  expect(store.get(rows)[0]).toBe('a')
  expect(store.get(rows)).not.toContain('r77')
  expect(store.get(rows.list('todo'))).toEqual(['a'])
  await store.close()
  const again = await openStore({ space: 'board', storage })
  expect(read(again)).toEqual(after)
  await again.close()
})

test('[CP7] what is compacted is looked through in small tasks as well', async () => {
  const storage = await pendingRows()
  const { done, clock, storage: counted } = counting(storage)
  let compacted = (): void => undefined
  const isCompacted = new Promise<void>((resolve) => (compacted = resolve))
  const eager: Storage = {
    ...counted,
    async openLog(space) {
      const log = await counted.openLog(space)
      return {
        ...log,
        worthBytes: 1,
        async replace(...checkpoint) {
          await log.replace(...checkpoint)
          compacted()
        },
      }
    },
  }
  const store = await openStore({ space: 'board', storage: eager, clock })
  const opened = done.length
  done.push(nothingDone())
  await isCompacted
  const looking = done.slice(opened)
  const bytes = looking.reduce((sum, task) => sum + task.bytes, 0)
  expect(bytes).toBeGreaterThan(500_000)
  expect(looking.length).toBeGreaterThanOrEqual(Math.floor(bytes / (128 * 1024)))
  for (const task of looking) expect(task.bytes - task.largest).toBeLessThanOrEqual(128 * 1024)
  await store.close()
  const again = await openStore({ space: 'board', storage })
  expect(again.get(rows)).toHaveLength(ROWS)
  await again.close()
})

test('[ST42] Changes of many operations are what they were, whoever made them and wherever they stand: ordered, pending, in a checkpoint', async () => {
  const many = Array.from({ length: 1_500 }, (_, i) => `m${i}`)
  const world = await createWorld(5)
  const [mine, theirs] = [memoryStorage(), memoryStorage()]
  const [wire, other] = [world.wire(), world.wire()]
  const open = (storage: Storage, transport: typeof wire): Promise<Store> =>
    world.open({ storage: smallLogs(storage, 1_000), transport, ready: [rows] })
  const read = (store: Store): readonly unknown[] => [...store.snapshot.items(rows)]
  let a = await open(mine, wire)
  let b = await open(theirs, other)
  await world.clock.pass(500)
  a.transact((tx) => {
    for (const id of many) tx.create(rows.at(id), { text: id })
  })
  await passing(world, a.synced())
  await world.clock.pass(500)
  expect(read(b)).toEqual(read(a))
  // As others made it, in the order of the relay, and in what came of that.
  for (let round = 0; round < 2; round++) {
    const before = read(b)
    await b.close()
    b = await open(theirs, other)
    expect(read(b)).toEqual(before)
    await world.clock.pass(20_000)
  }
  // Pending, over what the relay has, and under what it brings.
  wire.isWhole = false
  wire.cut()
  await world.clock.pass(100)
  for (const votes of [1, 2]) {
    a.transact((tx) => {
      for (const id of many) tx.patch(rows.at(id), { votes })
    })
    await passing(world, a.durable())
    await world.clock.pass(20_000)
  }
  b.transact((tx) => tx.patch(rows.at('m7'), { votes: 77, text: 'theirs' }))
  await passing(world, b.synced())
  const pending = read(a)
  for (let round = 0; round < 2; round++) {
    await a.close()
    a = await open(mine, wire)
    expect(read(a)).toEqual(pending)
    expect(a.status.pending).toBe(2)
    await world.clock.pass(20_000)
  }
  wire.mend()
  await world.clock.pass(60_000)
  await passing(world, a.synced())
  expect(read(a)).toEqual(read(b))
  expect(a.get(rows.at('m7'))).toMatchObject({ votes: 77, text: 'theirs' })
  expect(a.get(rows.at('m8'))).toMatchObject({ votes: 2 })
  await world.close()
})

/** A storage whose logs open when they are told to, and which says which locks are held. */
function slowToOpen(): {
  readonly storage: Storage
  readonly held: Set<string>
  open(error?: StoreError): void
} {
  const held = new Set<string>()
  const { openLog, locks, ...rest } = memoryStorage()
  let open = (_error?: StoreError): void => undefined
  const opened = new Promise<void>((resolve, reject) => {
    open = (error) => (error === undefined ? resolve() : reject(error))
  })
  return {
    held,
    open: (error) => open(error),
    storage: {
      ...rest,
      openLog: (space) => opened.then(() => openLog(space)),
      locks: {
        ...locks!,
        async tryHold(key) {
          const lock = await locks!.tryHold(key)
          held.add(key)
          return { ...lock!, release: () => (held.delete(key), lock!.release()) }
        },
      },
    },
  }
}

test('[ST52] the locks of a writer are taken while the log is opened', async () => {
  const { storage, held, open } = slowToOpen()
  const opening = openStore({ space: 'board', storage })
  await settle()
  expect([...held].every((key) => key.startsWith('writer '))).toBe(true)
  expect(held.size).toBe(2)
  open()
  const store = await opening
  await store.close()
  expect(held.size).toBe(0)
})

test.each<readonly [code: StoreError['code'], isOpened: boolean]>([
  ['storage-blocked', false],
  ['storage-failed', true],
])('[ST52] [ST14] a log that does not open, %s, leaves no lock behind', async (code, isOpened) => {
  const { storage, held, open } = slowToOpen()
  const opening = openStore({ space: 'board', storage }).catch((error: StoreError) => error.code)
  await settle()
  expect(held.size).toBe(2)
  open(new StoreError(code, 'It does not open.'))
  const store = await opening
  expect(typeof store === 'string' ? store : store.status.storage).toBe(isOpened ? 'memory-only' : code)
  await settle()
  expect(held.size).toBe(0)
  if (typeof store !== 'string') await store.close()
})

test('[ST52] where neither the log nor locks can be had, only of the log is spoken', async () => {
  const forbidden = (): Promise<never> => Promise.reject(new Error('Not here.'))
  const { locks } = memoryStorage()
  const told: unknown[] = []
  const store = await openStore({
    space: 'board',
    storage: {
      openLog: () => Promise.reject(new StoreError('storage-failed', 'Not here.')),
      locks: { ...locks!, tryHold: forbidden },
    },
    onError: (error) => told.push(error),
  })
  await settle()
  expect([store.status.storage, told]).toEqual(['memory-only', []])
  await store.close()
})

test('[ST52] [ST14] where the locks cannot be had the log is closed again', async () => {
  let closed = 0
  const storage = withLog(memoryStorage(), (log) => ({
    async close() {
      closed += 1
      await log.close()
    },
  }))
  const forbidden = (): Promise<never> => Promise.reject(new Error('Not here.'))
  const told: unknown[] = []
  const opening = openStore({
    space: 'board',
    storage: { ...storage, locks: { ...storage.locks!, tryHold: forbidden } },
    onError: (error) => told.push(error),
  })
  await expect(opening).rejects.toThrow('Not here.')
  expect([closed, told]).toEqual([1, []])
})

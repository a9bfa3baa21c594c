import { counter, lww } from '@syncline/merge'
import { openStore, type Store } from '@syncline/store'
import { expect, onTestFinished, test, vi } from 'vitest'
import { exportDatabase, importDatabase, repairDatabase, verifyDatabase } from '../src/care/index.ts'
import { databaseName } from '../src/format.ts'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { signOut, unsyncedIn } from '../src/principals/index.ts'
import { type Surroundings, surroundingsHere } from '../src/surroundings.ts'
import { freshName, versionsOf } from './names.ts'
import { loseRecords } from './unreadable.ts'

const title = lww('title', '')
const votes = counter('votes')
const draft = lww('draft', '', { arbiter: 'browser' })

function newName(): string {
  const name = freshName()
  onTestFinished(() => deleteDatabase(name))
  return name
}

async function withStore<T>(name: string, work: (store: Store) => Promise<T> | T, errors: unknown[] = []): Promise<T> {
  const store = await openStore({ space: 'board', storage: indexedDb(name), onError: (error) => errors.push(error) })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** Four entries: two of them on local refs, one with a claim, one on a local ref. */
async function worked(): Promise<string> {
  const name = newName()
  await withStore(name, async (store) => {
    await store.transact((tx) => tx.set(title, 'one')).durable()
    await store.transact((tx) => tx.add(votes, 3)).durable()
    await store.transactAsync((tx) => tx.set(draft, 'mine'), { arbiter: 'browser' })
    await store.transact((tx) => tx.set(title, 'two')).durable()
  })
  return name
}

const shown = (store: Store): unknown[] => [store.get(title), store.get(votes), store.get(draft), store.status.pending]

function openRaw(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(databaseName(name))
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })
}

/** All is waited for a hundredth as long. */
const hurried: Surroundings = Object.create(surroundingsHere, {
  setTimer: { value: (ms: number, fn: () => void) => surroundingsHere.setTimer(ms / 100, fn) },
})

/** Does something to the database by no code of ours. */
async function tamper(name: string, store: string, change: (store: IDBObjectStore) => void): Promise<void> {
  const database = await openRaw(name)
  const transaction = database.transaction(store, 'readwrite')
  change(transaction.objectStore(store))
  await new Promise((resolve) => (transaction.oncomplete = resolve))
  database.close()
}

async function backupOf(name: string, surroundings = surroundingsHere): Promise<Blob> {
  const chunks = []
  for await (const chunk of exportDatabase(name, { surroundings })) chunks.push(chunk)
  return new Blob(chunks)
}

test('[CA3] [CA4] a backup as a file goes into another storage, twice, and on from there', async () => {
  const name = await worked()
  const file = await backupOf(name)
  const other = newName()
  expect(await importDatabase(other, file.stream())).toEqual({
    spaces: [{ space: 'board', outcome: 'imported', added: 4, known: 0 }],
    aside: 0,
    damagedBytes: 0,
    isWhole: true,
  })
  await withStore(other, async (store) => {
    expect(shown(store)).toEqual(['two', 3, 'mine', 3])
    expect(await importDatabase(other, file.stream())).toMatchObject({ spaces: [{ added: 0, known: 4 }] })
    await store.undoAsync()
    await store.transactAsync((tx) => tx.set(draft, 'yours'), { arbiter: 'browser' })
    expect(shown(store)).toEqual(['one', 3, 'yours', 4])
  })
  expect(await importDatabase(name, (await backupOf(other)).stream())).toMatchObject({
    spaces: [{ added: 2, known: 4 }],
  })
  await withStore(name, (store) => expect(shown(store)).toEqual(['one', 3, 'yours', 4]))
  expect(await verifyDatabase(name)).toMatchObject({ format: 4, isSound: true, spaces: [{ entries: 6, pending: 4 }] })
})

test('[CA6] of a backup with several spaces only those come that are asked for, and the others are named', async () => {
  const name = await worked()
  const store = await openStore({ space: 'other', storage: indexedDb(name) })
  await store.transact((tx) => tx.set(title, 'of the other')).durable()
  await store.close()
  const file = await backupOf(name)
  const here = newName()
  expect(await importDatabase(here, file.stream(), { spaces: ['board', 'none'] })).toMatchObject({
    spaces: [
      { space: 'board', outcome: 'imported', added: 4 },
      { space: 'other', outcome: 'not-asked', added: 0, known: 0 },
    ],
    isWhole: true,
  })
  await withStore(here, (opened) => expect(shown(opened)).toEqual(['two', 3, 'mine', 3]))
  expect(await verifyDatabase(here)).toMatchObject({ spaces: [{ space: 'board' }] })
})

test('[CA1] a database that is not there is not made by looking', async () => {
  const name = freshName()
  expect(await verifyDatabase(name)).toMatchObject({ format: 0, spaces: [] })
  expect(await versionsOf(name)).toEqual([])
})

const kinds: Readonly<
  Record<string, (store: IDBObjectStore, record: { position: number; entry: Uint8Array }) => void>
> = {
  'has a bit flipped': (store, record) => {
    record.entry[8]! ^= 1
    store.put(record)
  },
  'is cut': (store, record) => void store.put({ ...record, entry: record.entry.slice(0, 20) }),
  'is of another type': (store, { position }) => void store.put({ position, space: 'board', entry: 'text' }),
  'has lost its space': (store, { position, entry }) => void store.put({ position, entry }),
  'is gone': (store, { position }) => void store.delete(position),
}

test.each(Object.keys(kinds))(
  '[ID17] [CA1] [CA2] each entry in turn %s: all others load, here as in a simulated browser',
  async (kind) => {
    for (let position = 1; position <= 4; position++) {
      const name = await worked()
      await tamper(name, 'entries', (store) => {
        const request = store.get(position)
        request.onsuccess = () => kinds[kind]!(store, request.result)
      })
      const isGone = kind === 'is gone'
      const isNamed = (await verifyDatabase(name)).damaged.length === 1
      expect(isNamed).toBe(!isGone)
      const errors: unknown[] = []
      await withStore(
        name,
        async (store) => {
          const rest = ['two', 3, 'mine', 2]
          if (position === 2) rest[1] = 0
          if (position === 3) [rest[2], rest[3]] = ['', 3]
          if (position === 4) rest[0] = 'one'
          expect(shown(store)).toEqual(rest)
          await store.transactAsync((tx) => tx.set(draft, 'on'), { arbiter: 'browser' })
        },
        errors,
      )
      // What has lost its space is in no log: nobody finds it who opens one.
      const isFound = !isGone && kind !== 'has lost its space'
      expect(errors).toMatchObject(isFound ? [{ code: 'storage-damaged' }] : [])
      expect(await repairDatabase(name)).toMatchObject({
        setAside: kind === 'has lost its space' ? 1 : 0,
        report: { damaged: [], aside: isGone ? [] : [{ from: 'entries', key: position }] },
      })
    }
  },
)

test('[ID18] damaged fences, claims and identity keep nobody from working', async () => {
  const name = await worked()
  await tamper(name, 'meta', (store) => void store.put(17, 'identity'))
  await tamper(name, 'claims', (store) => {
    store.clear()
    store.add({ space: 'board', claim: 70 })
  })
  await tamper(name, 'fences', (store) => void store.put(true, ['board', Infinity]))
  expect((await verifyDatabase(name)).damaged.map(({ from }) => from)).toEqual(['fences', 'meta'])
  const errors: unknown[] = []
  await withStore(
    name,
    async (store) => {
      await store.transactAsync((tx) => tx.set(draft, 'on'), { arbiter: 'browser' })
      expect(shown(store)).toEqual(['two', 3, 'on', 3])
    },
    errors,
  )
  const log = await indexedDb(name).openLog('board')
  const [one, two] = [await log.takeFence(), await log.takeFence()]
  expect(two).toBeGreaterThan(one)
  await log.close()
  expect(errors).toEqual([])
  expect(await repairDatabase(name)).toMatchObject({ setAside: 1, report: { isSound: true } })
})

test('[ID18] [ID27] the identity that takes the place of a damaged one is committed in the task that puts it', async () => {
  const name = await worked()
  await tamper(name, 'meta', (store) => void store.put(17, 'identity'))
  const { put } = IDBObjectStore.prototype
  const { commit } = IDBTransaction.prototype
  const told = new Set<IDBTransaction>()
  const wereTold: boolean[] = []
  vi.spyOn(IDBTransaction.prototype, 'commit').mockImplementation(function (this: IDBTransaction) {
    told.add(this)
    commit.call(this)
  })
  const spy = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...args) {
    queueMicrotask(() => wereTold.push(told.has(this.transaction)))
    return put.apply(this, args)
  })
  onTestFinished(() => void vi.restoreAllMocks())
  await withStore(name, (store) => expect(shown(store)).toEqual(['two', 3, 'mine', 3]))
  expect([wereTold, spy.mock.calls.map(([, key]) => key)]).toEqual([[true], ['identity']])
})

test('[ID17] [CA2] [CA4] a record that the browser cannot read keeps nothing else from being imported, and is destroyed when that is asked for', async () => {
  const name = await worked()
  const file = await backupOf(name)
  const guest = newName()
  await withStore(guest, (store) => store.transact((tx) => tx.add(votes, 4)).durable())
  const lost = { from: 'entries', key: 2, reason: 'the browser cannot read it (DataError)' }
  const errors: unknown[] = []
  loseRecords((value) => Object(value).position === 2)

  await withStore(name, (store) => expect(shown(store)).toEqual(['two', 0, 'mine', 2]), errors)
  expect(errors).toMatchObject([{ code: 'storage-damaged' }])
  // It may be there again some day.
  expect(await repairDatabase(name)).toMatchObject({ setAside: 0, dropped: 0, report: { damaged: [lost], aside: [] } })
  expect(await importDatabase(name, file.stream())).toMatchObject({ spaces: [{ added: 1, known: 3 }], isWhole: true })
  await withStore(name, (store) => expect(shown(store)).toEqual(['two', 3, 'mine', 3]), errors)
  await signOut(guest, { data: 'handOver', to: name })
  await withStore(name, (store) => expect(shown(store)).toEqual(['two', 7, 'mine', 4]), errors)

  expect(await repairDatabase(name, { dropAside: true })).toMatchObject({
    setAside: 0,
    dropped: 1,
    report: { damaged: [], aside: [], isSound: true },
  })
  expect(await importDatabase(name, file.stream())).toMatchObject({ spaces: [{ added: 0, known: 4 }] })
})

test.each<readonly [how: string, work: (name: string, file: Blob) => Promise<unknown>, expected: object]>([
  ['looked through', (name) => verifyDatabase(name), { damaged: [{ key: 1 }], spaces: [{ entries: 2 }] }],
  ['imported into', (name, file) => importDatabase(name, file.stream()), { spaces: [{ added: 2, known: 2 }] }],
])(
  '[CA1] [CA4] what another tab replaces while a database is %s, record by record, is neither damaged nor the end',
  async (_, work, expected) => {
    const name = await worked()
    const file = await backupOf(name)
    await tamper(name, 'entries', (entries) => void entries.delete(4))
    const other = await openRaw(name)
    let readings = 0
    loseRecords((value) => {
      if (Object(value).position !== 1) return false
      // Its batch cannot be read, and now it cannot by itself, when the keys of the others are known.
      if (++readings === 2) {
        const entries = other.transaction('entries', 'readwrite').objectStore('entries')
        entries.getAll(IDBKeyRange.lowerBound(2)).onsuccess = ({ target }) => {
          for (const { position, ...record } of (target as IDBRequest<{ position: number }[]>).result) {
            entries.delete(position)
            entries.add(record)
          }
        }
      }
      return true
    })
    expect(await work(name, file)).toMatchObject(expected)
    expect(readings).toBeGreaterThan(1)
    other.close()
  },
)

const looks: readonly ((name: string) => Promise<unknown>)[] = [
  (name) => verifyDatabase(name, hurried),
  (name) => backupOf(name, hurried),
  (name) => unsyncedIn(name, hurried),
]

test.each(['entries', 'meta'])(
  '[CA7] a tab that stands still while it writes to %s blocks who looks, who is told so',
  async (held) => {
    const name = await worked()
    const other = await openRaw(name)
    const records = other.transaction(held, 'readwrite').objectStore(held)
    let isHeld = true
    const hold = (): void => void (records.count().onsuccess = () => isHeld && hold())
    hold()
    for (const look of looks) await expect(look(name)).rejects.toMatchObject({ code: 'storage-blocked' })
    isHeld = false
    other.close()
    for (const look of looks) await look(name)
  },
)

test('[CA7] [ID9] who looks behind a deletion that does not get on is told so', async () => {
  const name = await worked()
  const deaf = await openRaw(name)
  const deleting = deleteDatabase(name, hurried).catch((error: unknown) => error)
  for (const look of looks) await expect(look(name)).rejects.toMatchObject({ code: 'storage-blocked' })
  expect(await deleting).toMatchObject({ code: 'storage-blocked' })
  deaf.close()
})

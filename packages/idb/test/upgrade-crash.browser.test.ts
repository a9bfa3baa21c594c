import { openStore } from '@syncline/store'
import { expect, onTestFinished, test } from 'vitest'
import { FORMAT_VERSION } from '../src/format.ts'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { fixtures, look, rebuild, type Fixture } from './fixtures/database.ts'
import { shownBy, SPACES } from './fixtures/work.ts'
import { surroundingsHere } from '../src/surroundings.ts'
import { atOnce, freshName, versionsOf } from './names.ts'
import { openTab } from './tab.ts'

// An upgrade comes to an end at each of its calls in turn: what was there is whole, or what is new is.

interface Realm {
  readonly IDBDatabase: typeof IDBDatabase
  readonly IDBObjectStore: typeof IDBObjectStore
}

type Method = (this: IDBDatabase | IDBObjectStore, ...given: never[]) => unknown

const OF_DATABASES = ['createObjectStore', 'deleteObjectStore']
const OF_STORES = ['createIndex', 'deleteIndex', 'put', 'add', 'delete', 'clear', 'get', 'getAll', 'openCursor']

/**
 * Calls `before` and `after` with the number of each call by which a page upgrades a database; a second try begins anew. Returns what puts all back.
 */
function watch(
  { IDBDatabase: databases, IDBObjectStore: stores }: Realm,
  before: (call: number) => void,
  after: (call: number, transaction: IDBTransaction) => void,
): () => void {
  const calls = new WeakMap<IDBDatabase, number>()
  const undo: (() => void)[] = []
  const wrap = (prototype: object, names: readonly string[]): void => {
    for (const name of names) {
      // It is one of these.
      const original = Reflect.get(prototype, name) as Method
      const watched: Method = function (...given) {
        const isStore = this instanceof stores
        if (isStore && this.transaction.mode !== 'versionchange') return original.apply(this, given)
        const database = isStore ? this.transaction.db : (this as IDBDatabase)
        const call = (calls.get(database) ?? 0) + 1
        calls.set(database, call)
        before(call)
        const result = original.apply(this, given)
        // Of a database it is one of the store that was made.
        after(call, (isStore ? this : (result as IDBObjectStore)).transaction)
        return result
      }
      Reflect.set(prototype, name, watched)
      undo.push(() => Reflect.set(prototype, name, original))
    }
  }
  wrap(databases.prototype, OF_DATABASES)
  wrap(stores.prototype, OF_STORES)
  return () => undo.forEach((each) => each())
}

/** Ends the upgrade at a call. Resolves to whether it came so far. */
type End = (name: string, at: number) => Promise<boolean>

const ends: Readonly<Record<string, End>> = {
  async 'a call throws'(name, at) {
    let isReached = false
    const stop = watch(
      window,
      (call) => {
        if (call !== at) return
        isReached = true
        throw new Error('The page has no more memory.')
      },
      () => undefined,
    )
    return openUntil(name, stop, () => isReached)
  },
  async 'the browser undoes it'(name, at) {
    let isReached = false
    const stop = watch(
      window,
      () => undefined,
      (call, transaction) => {
        if (call !== at) return
        isReached = true
        transaction.abort()
      },
    )
    return openUntil(name, stop, () => isReached)
  },
  async 'the page ends'(name, at) {
    const tab = await openTab()
    let isReached = false
    watch(
      tab.window as Window & Realm,
      (call) => {
        if (call !== at) return
        isReached = true
        tab.kill()
      },
      () => undefined,
    )
    let isOver = false
    const over = (): void => void (isOver = true)
    tab.indexedDb(name).openLog(SPACES[0]).then(over, over)
    while (!isReached && !isOver) await new Promise((resolve) => setTimeout(resolve))
    tab.kill()
    return isReached
  },
}

async function openUntil(name: string, stop: () => void, isReached: () => boolean): Promise<boolean> {
  const outcome = await indexedDb(name, { ...surroundingsHere, setTimer: atOnce })
    .openLog(SPACES[0])
    .then(
      (log) => log.close(),
      (error: unknown) => error,
    )
  stop()
  expect(outcome).toEqual(isReached() ? expect.objectContaining({ code: 'storage-failed' }) : undefined)
  return isReached()
}

const before = fixtures.filter(({ version }) => version < FORMAT_VERSION)

test.each(Object.keys(ends).flatMap((how) => before.map((fixture) => ({ how, version: fixture.version, fixture }))))(
  '[ID15] $how at each call of an upgrade from version $version in turn: the old one is whole, and opens afterwards',
  async ({ how, fixture }) => {
    let reached = 0
    for (let at = 1; ; at++) {
      const name = await rebuild(fixture)
      const old = await look(name)
      if (!(await ends[how]!(name, at))) break
      reached++
      const left = await look(name)
      // When the page ends all may have been handed over.
      const isNew = how === 'the page ends' && left.version === FORMAT_VERSION
      expect(left.version).toBe(isNew ? FORMAT_VERSION : fixture.version)
      expect(left.records.filter(([store]) => !isNew || old.records.some(([each]) => each === store))).toEqual(
        old.records,
      )
      await expectWhole(name, fixture)
    }
    // From 3 to 4 nothing but the version changes, so there is no call.
    expect(reached > 0).toBe(fixture.version < 3)
  },
)

async function expectWhole(name: string, { shown }: Fixture): Promise<void> {
  for (const [i, each] of shown.entries()) {
    const store = await openStore({ space: SPACES[i]!, storage: indexedDb(name) })
    expect(shownBy(store)).toEqual(each)
    expect(store.status.storage).toBe('ok')
    await store.close()
  }
}

test.each(['a call throws', 'the browser undoes it'])(
  '[ID15] %s at each call that makes a database: there is none, and the next one is whole',
  async (how) => {
    let reached = 0
    for (let at = 1; ; at++) {
      const name = freshName()
      onTestFinished(() => deleteDatabase(name))
      if (!(await ends[how]!(name, at))) break
      reached++
      expect(await versionsOf(name)).toEqual([])
      const log = await indexedDb(name).openLog('space')
      expect(await log.append(Uint8Array.of(1), { fence: await log.takeFence(), claim: 1 })).toBe(1)
      await log.close()
    }
    expect(reached).toBeGreaterThan(6)
  },
)

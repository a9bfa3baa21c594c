import type { StorageCalls } from '../calls.ts'
import type { Life } from '../life.ts'
import { SLOW_MS, type Weather } from '../weather.ts'
import { remove, store, type Disk, type StoredDatabase, type StoredStore, type Undo, undoAll } from './disk.ts'
import type { Decide } from './indexed-db.ts'
import { everything, isRange, type Key, type KeyRange } from './keys.ts'
import { createRecords } from './records.ts'
import { abortError, createRequest, domError, type SimulatedRequest } from './requests.ts'

/**
 * The transactions of one database, each one event. Those that write and share a store run one after the other, in the order in which they
 * were begun; all others as the weather wants. A transaction that was committed when its tab dies is stored or not, and with one that is not, all
 * that come after it from that tab.
 *
 * All requests have to be made in the task that begins the transaction, or when one of them succeeds. That is what the code under test does.
 */
export interface Transactions {
  begin(
    life: Life,
    database: StoredDatabase,
    names: readonly string[],
    mode: 'readonly' | 'readwrite',
    isStrict: boolean,
    /** Whether the connection is lost on which it is begun: then all that is asked fails. */
    isLost: () => boolean,
  ): SimulatedTransaction
  /** The browser ends, and with it all that is under way. */
  end(): void
  /** The connection of a tab is lost: what it has begun fails, stored or not. Returns whether somebody was told why. */
  drop(life: Life): boolean
  size(): number
}

interface SimulatedTransaction {
  oncomplete: (() => void) | null
  onabort: (() => void) | null
  onerror: ((event: { readonly target: SimulatedRequest; preventDefault(): void }) => void) | null
  error: DOMException | null
  objectStore(name: string): object
  commit(): void
  abort(): void
}

interface Live {
  readonly life: Life
  readonly names: readonly string[]
  readonly writes: boolean
  readonly label: string
  readonly transaction: SimulatedTransaction
  readonly asked: { readonly request: SimulatedRequest; perform(undo: Undo): unknown }[]
  isPlanned: boolean
  isCommitted: boolean
  /** With an error it is told to have failed. */
  run(toldAs?: DOMException): void
  stopWatching: () => void
  /** Cancels the event. */
  cancel: () => void
}

/** After so many requests that others have brought a transaction goes on in another event. */
const MOST_AT_ONCE = 16

/** Says that a constraint was broken. */
const BROKEN = Symbol('constraint')
/** Stands in the place of a value that the browser cannot read any more: what asks for it fails, and with it its transaction. */
export const UNREADABLE: unique symbol = Symbol('unreadable')

export function createTransactions(
  disk: Disk,
  weather: Weather,
  decide: Decide,
  isFull: () => boolean,
  /** Called whenever nothing is under way any more. */
  onIdle: () => void,
  calls: StorageCalls,
): Transactions {
  const live = new Set<Live>()

  function overlaps(one: Live, other: Live): boolean {
    return (one.writes || other.writes) && one.names.some((name) => other.names.includes(name))
  }

  /** Plans whatever has nobody before it any more. */
  function tend(): void {
    const before: Live[] = []
    for (const each of live) {
      if (!each.isPlanned && !before.some((other) => overlaps(each, other))) {
        each.isPlanned = true
        const inMs = weather.storageMs(each.life.party)
        // The browser does it, also while the tab is frozen.
        each.cancel = each.life.planUnfrozen({
          kind: 'storage',
          label: each.label,
          inMs,
          run() {
            if (inMs >= SLOW_MS) calls.delayed(each.life.party)
            each.run()
          },
        })
      }
      before.push(each)
    }
    if (live.size === 0) onIdle()
  }

  function finish(each: Live): void {
    live.delete(each)
    each.stopWatching()
    each.cancel()
    tend()
  }

  function begin(
    life: Life,
    database: StoredDatabase,
    names: readonly string[],
    mode: 'readonly' | 'readwrite',
    isStrict: boolean,
    isLost: () => boolean,
  ): SimulatedTransaction {
    const undo: Undo = []
    let isOver = false
    let isCarriedOut = false
    /** How many of the requests were carried out. */
    let done = 0
    const transaction: SimulatedTransaction = {
      oncomplete: null,
      onabort: null,
      onerror: null,
      error: null,
      objectStore: (name) => asking(database.stores.get(name)!),
      commit() {
        mine.isCommitted = true
        calls.made(life.party)
      },
      abort: () => fail(null),
    }
    const mine: Live = {
      life,
      names,
      writes: mode === 'readwrite',
      label: `${mode === 'readwrite' ? 'writes' : 'reads'} ${names.join(', ')}`,
      transaction,
      asked: [],
      isPlanned: false,
      isCommitted: false,
      run,
      stopWatching: () => undefined,
      cancel: () => undefined,
    }

    /** An object store whose requests wait for the transaction. */
    function asking(stored: StoredStore): object {
      const ask = (perform: (undo: Undo) => unknown): SimulatedRequest => {
        if (isOver) throw domError('TransactionInactiveError', 'The transaction is over.')
        const request = createRequest()
        mine.asked.push({ request, perform })
        return request
      }
      return {
        get: (key: Key) => ask(() => copyOf(stored.records.get(key))),
        getKey: (key: Key) => ask(() => (stored.records.has(key) ? copyOf(key) : undefined)),
        put: (value: unknown, key?: Key) => write(value, key, true),
        add: (value: unknown, key?: Key) => write(value, key, false),
        delete: (key: Key | KeyRange) =>
          ask((steps) => {
            const keys = isRange(key) ? stored.records.keysBetween(key, Infinity) : [key]
            for (const one of keys) remove(stored, one, steps)
          }),
        clear: () =>
          ask((steps) => {
            for (const one of stored.records.keysBetween(everything, Infinity)) remove(stored, one, steps)
          }),
        openKeyCursor: (range: KeyRange, direction: 'prev') =>
          ask(() => {
            if (direction !== 'prev') throw new Error(`No cursor of direction ${String(direction)} is simulated.`)
            const key = stored.records.lastIn(range)
            return key === undefined ? null : { key }
          }),
        getAll: (range: KeyRange = everything, count = Infinity) =>
          ask(() => stored.records.between(range, count).map(copyOf)),
        getAllKeys: (range: KeyRange = everything, count = Infinity) =>
          ask(() => stored.records.keysBetween(range, count).map(copyOf)),
        index(name: string) {
          const { records } = stored.indexes.get(name)!
          const valueAt = (key: Key): unknown => copyOf(stored.records.get(key))
          return {
            get: (range: KeyRange) => ask(() => records.between(range, 1).map(valueAt)[0]),
            getAll: (range: KeyRange, count = Infinity) => ask(() => records.between(range, count).map(valueAt)),
            getAllKeys: (range: KeyRange, count = Infinity) => ask(() => records.between(range, count).map(copyOf)),
          }
        },
      }

      function write(value: unknown, key: Key | undefined, mayReplace: boolean): SimulatedRequest {
        const own = copyOf(value)
        return ask((steps) => store(stored, own, key, mayReplace, steps) ?? BROKEN)
      }
    }

    function run(toldAs?: DOMException): void {
      if (toldAs === undefined && isLost()) {
        for (const { request } of mine.asked) request.error = serverLost()
        fail(serverLost())
        return
      }
      isCarriedOut = true
      calls.reached(life.party, mine.label, 'before')
      // What a request brings may make further ones.
      for (const most = mine.asked.length + MOST_AT_ONCE; done < mine.asked.length && !isOver;) {
        if (done >= most && undo.length === 0) {
          goOnLater()
          return
        }
        const { request, perform } = mine.asked[done++]!
        const result = perform(undo)
        if (result === UNREADABLE || (Array.isArray(result) && result.includes(UNREADABLE))) {
          if (refuse(request, domError('DataError', 'Failed to read large IndexedDB value.'))) continue
          return
        }
        if (result === BROKEN) {
          if (refuse(request, domError('ConstraintError', 'A record of this key is there already.'))) continue
          return
        }
        request.result = result
        life.hear(() => request.onsuccess?.())
      }
      if (isOver) return
      // A full disk is told at the end, and to the transaction.
      if (isFull() && mine.writes && names.includes('entries')) {
        fail(domError('QuotaExceededError', 'The disk is full.'))
        calls.declined(life.party)
        return
      }
      isOver = true
      disk.commit([...undo], isStrict)
      calls.reached(life.party, mine.label, 'after')
      transaction.error = toldAs ?? null
      life.hear(() => (toldAs === undefined ? transaction.oncomplete?.() : transaction.onabort?.()))
      finish(mine)
    }

    /** What goes on for long, and has only read so far, lets other things happen. */
    function goOnLater(): void {
      calls.reached(life.party, mine.label, 'after')
      mine.cancel = life.planUnfrozen({
        kind: 'storage',
        label: mine.label,
        inMs: weather.storageMs(life.party),
        run: () => run(),
      })
    }

    /** A request fails, and its transaction with it, unless that is prevented. */
    function refuse(request: SimulatedRequest, error: DOMException): boolean {
      let isPrevented = false
      request.error = error
      life.hear(() => {
        request.onerror?.()
        transaction.onerror?.({ target: request, preventDefault: () => (isPrevented = true) })
      })
      if (!isPrevented) fail(error, done)
      return isPrevented
    }

    function fail(error: DOMException | null, from = 0): void {
      if (isOver) return
      isOver = true
      undoAll(undo)
      if (isCarriedOut) calls.reached(life.party, mine.label, 'after')
      transaction.error = error
      for (const { request } of mine.asked.slice(from)) {
        request.error ??= abortError()
        life.hear(() => request.onerror?.())
      }
      life.hear(() => transaction.onabort?.())
      finish(mine)
    }

    /** The tab is gone: nobody hears of it any more. */
    function die(): void {
      if (isOver) return
      if (mine.isCommitted && storesAfterAll(life)) run()
      else fail(null)
    }

    // Whoever is dead asks for what never happens.
    if (life.isOver()) return transaction
    mine.stopWatching = life.onEnd(die, 'transaction')
    live.add(mine)
    tend()
    calls.asked()
    calls.made(life.party)
    return transaction
  }

  /** What a tab had handed over is stored up to some point, from which on it is not. */
  const cutOff = new WeakSet<Life>()
  function storesAfterAll(life: Life): boolean {
    if (!cutOff.has(life) && decide(life.party)) return true
    cutOff.add(life)
    return false
  }

  return {
    begin,
    end() {
      for (const each of [...live]) {
        each.isCommitted = false
        each.transaction.abort()
      }
    },
    drop(life) {
      let isTold = false
      for (const each of [...live].filter((one) => one.life === life)) {
        if (each.isCommitted && storesAfterAll(life)) {
          isTold = true
          each.run(serverLost())
        } else each.transaction.abort()
      }
      cutOff.delete(life)
      return isTold
    },
    size: () => live.size,
  }
}

/** As WebKit says it. */
const serverLost = (): DOMException => domError('UnknownError', 'Connection to Indexed Database server lost.')

/** An object store inside of an upgrade: what is asked is done. */
export function storeOver(stored: StoredStore, undo: Undo): object {
  return {
    put: (value: unknown, key?: Key) => void store(stored, copyOf(value), key, true, undo),
    createIndex(name: string, keyPath: string | readonly string[]) {
      stored.indexes.set(name, { keyPath, records: createRecords() })
    },
  }
}

/** What is stored and what is read are copies. */
function copyOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.slice()
  if (Array.isArray(value)) return value.map(copyOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, copyOf(part)]))
}

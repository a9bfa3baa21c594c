import type { StorageCalls } from '../calls.ts'
import type { Life } from '../life.ts'
import type { Weather } from '../weather.ts'
import { emptyStore, type Disk, type StoredDatabase, type Undo, undoAll } from './disk.ts'
import { abortError, createRequest, type SimulatedRequest, domError } from './requests.ts'
import { createTransactions, storeOver, type Transactions } from './transactions.ts'

/** The IndexedDB of one browser, as far as it is used: each tab has a factory of its own over the same disk. */
export interface SimulatedIndexedDb {
  factory(life: Life): SimulatedFactory
  /** The browser ends: what is under way is lost, and of what follows from it nothing happens. */
  end(): void
  /**
   * The browser drops the connections of a tab, as WebKit does to pages in the background. What it has handed over may be stored or not. Where a transaction is told why, it
   * does not say that the connection is closed, and whatever is begun on it fails. False when it has none.
   */
  drop(life: Life): boolean
  /** Whether writing fails for want of room. */
  isFull: boolean
  /** Transactions under way. */
  underWay(): number
  /** Connections that are open, and transactions under way. */
  size(): number
}

export interface SimulatedFactory {
  open(name: string, version: number | undefined): OpenRequest
  deleteDatabase(name: string): OpenRequest
}

interface OpenRequest extends SimulatedRequest {
  onupgradeneeded: ((event: { readonly oldVersion: number }) => void) | null
  onblocked: (() => void) | null
}

interface SimulatedDatabase {
  onclose: (() => void) | null
  onversionchange: ((event: { readonly newVersion: number | null }) => void) | null
}

/** Somebody who opens or deletes a database. */
interface Asked {
  begin(): void
}

interface Connection {
  readonly life: Life
  readonly database: SimulatedDatabase
  /** Everything fails from now on. */
  isLost: boolean
  close(): void
}

/** What is done in all browsers: https://w3c.github.io/IndexedDB/, with transactions as `transactions.ts` says. */
export function createIndexedDb(disk: Disk, weather: Weather, decide: Decide, calls: StorageCalls): SimulatedIndexedDb {
  const connections = new Map<string, Set<Connection>>()
  /** Those that wait until others have let go. */
  const waiting = new Map<string, Set<() => void>>()
  /** Those that are asked for each database: one is done after the other, also while it waits for who has it open. */
  const asked = new Map<string, Asked[]>()
  const state = { isFull: false }
  const queues = new Map<string, Transactions>()

  function transactionsOf(name: string): Transactions {
    let queue = queues.get(name)
    if (queue === undefined) {
      queue = createTransactions(
        disk,
        weather,
        decide,
        () => state.isFull,
        () => lookAgain(name),
        calls,
      )
      queues.set(name, queue)
    }
    return queue
  }

  function underWay(): number {
    return [...queues.values()].reduce((sum, queue) => sum + queue.size(), 0)
  }

  /** Who waits for a database looks whether everybody has let go. */
  function lookAgain(name: string): void {
    for (const look of [...(waiting.get(name) ?? [])]) look()
  }

  /** Calls `begin` when those that were asked before have been answered; that calls what it is given when it has been. */
  function inTurn(life: Life, name: string, begin: (done: () => void) => void): void {
    if (life.isOver()) return
    const line = asked.get(name) ?? []
    asked.set(name, line)
    const one: Asked = { begin: () => begin(done) }
    const stopWatching = life.onEnd(done, `turn at ${name}`)
    function done(): void {
      stopWatching()
      const at = line.indexOf(one)
      if (at < 0) return
      line.splice(at, 1)
      if (at === 0) line[0]?.begin()
    }
    line.push(one)
    if (line.length === 1) one.begin()
  }

  function connectionsTo(name: string): Set<Connection> {
    let open = connections.get(name)
    if (open === undefined) connections.set(name, (open = new Set()))
    return open
  }

  function openDatabase(life: Life, name: string, asked: number | undefined): OpenRequest {
    const request: OpenRequest = { ...createRequest(), onupgradeneeded: null, onblocked: null }
    const label = `opens ${name}`
    life.plan({ kind: 'storage', label, inMs: weather.storageMs(life.party), run: () => inTurn(life, name, begin) })
    calls.asked()

    function begin(done: () => void): void {
      const fail = (error: DOMException): void => {
        done()
        request.error = error
        request.onerror?.()
      }
      const found = disk.databases.get(name)
      const version = asked ?? found?.version ?? 1
      if (found !== undefined && found.version > version) {
        calls.reached(life.party, label, 'before')
        calls.reached(life.party, label, 'after')
        fail(domError('VersionError', `The database is of version ${found.version}.`))
        return
      }
      if (found?.version === version) {
        calls.reached(life.party, label, 'before')
        calls.reached(life.party, label, 'after')
        request.result = connect(found)
        done()
        request.onsuccess?.()
        return
      }
      whenFree(life, name, version, request, life.plan, () => upgradeTo(version, found, done, fail))
    }

    function upgradeTo(
      version: number,
      before: StoredDatabase | undefined,
      done: () => void,
      fail: (error: DOMException) => void,
    ): void {
      calls.reached(life.party, label, 'before')
      const undo: Undo = []
      const stored = before ?? { name, version: 0, stores: new Map() }
      const oldVersion = stored.version
      disk.databases.set(name, stored)
      undo.push(() => before === undefined && disk.databases.delete(name))
      undo.push(() => void (stored.version = oldVersion))
      stored.version = version
      const opened = connect(stored, undo)
      request.result = opened
      try {
        request.onupgradeneeded?.({ oldVersion })
      } catch {
        undoAll(undo)
        opened.close()
        calls.reached(life.party, label, 'after')
        fail(abortError())
        return
      }
      disk.commit(undo, false)
      calls.reached(life.party, label, 'after')
      done()
      request.onsuccess?.()
    }

    function connect(stored: StoredDatabase, undo?: Undo): { close(): void } {
      const queue = transactionsOf(name)
      let isClosed = false
      const close = (): void => {
        isClosed = true
        stopWatching()
        connectionsTo(name).delete(connection)
        lookAgain(name)
      }
      const database: SimulatedDatabase & { close(): void } = {
        version: stored.version,
        get objectStoreNames() {
          return [...stored.stores.keys()]
        },
        onclose: null,
        onversionchange: null,
        createObjectStore(storeName: string, options: { keyPath?: string | string[]; autoIncrement?: boolean } = {}) {
          const made = emptyStore(options.keyPath, options.autoIncrement ?? false)
          stored.stores.set(storeName, made)
          undo!.push(() => void stored.stores.delete(storeName))
          return storeOver(made, undo!)
        },
        transaction(
          names: readonly string[],
          mode: 'readonly' | 'readwrite',
          options: { durability?: string },
        ): object {
          if (isClosed) throw domError('InvalidStateError', 'The database connection is closing.')
          return queue.begin(
            life,
            stored,
            [names].flat(),
            mode,
            options?.durability === 'strict',
            () => connection.isLost,
          )
        },
        close,
      } as SimulatedDatabase & { close(): void }
      const connection: Connection = { life, database, isLost: false, close }
      const stopWatching = life.onEnd(close, `connection to ${name}`)
      connectionsTo(name).add(connection)
      return database
    }
    return request
  }

  /** Asks all who have a database open to let go, and goes on, in an event made by `plan`, when they have. */
  function whenFree(
    life: Life,
    name: string,
    newVersion: number | null,
    request: OpenRequest,
    plan: Life['plan'],
    go: () => void,
  ): void {
    const open = connectionsTo(name)
    for (const { life: other, database } of open) {
      other.plan({
        kind: 'storage',
        label: `is asked to close ${name}`,
        inMs: weather.newsMs(other.party),
        run: () => database.onversionchange?.({ newVersion }),
      })
    }
    const queue = transactionsOf(name)
    const look = (): void => {
      if (open.size > 0 || queue.size() > 0) return
      waiting.get(name)?.delete(look)
      stopWatching()
      plan({ kind: 'storage', label: `has ${name} for itself`, run: go })
    }
    const stopWatching = life.onEnd(() => waiting.get(name)?.delete(look), `wait for ${name}`)
    if (!waiting.has(name)) waiting.set(name, new Set())
    waiting.get(name)!.add(look)
    if (open.size > 0) {
      life.plan({
        kind: 'storage',
        label: `is blocked by ${name}`,
        inMs: 50,
        run() {
          if (waiting.get(name)?.has(look) === true) request.onblocked?.()
        },
      })
    }
    look()
  }

  function deleteDatabase(life: Life, name: string): OpenRequest {
    const request: OpenRequest = { ...createRequest(), onupgradeneeded: null, onblocked: null }
    life.plan({
      kind: 'storage',
      label: `deletes ${name}`,
      inMs: weather.storageMs(life.party),
      run: () =>
        inTurn(life, name, (done) =>
          // The browser does it, and needs no page for that.
          whenFree(life, name, null, request, life.planUnfrozen, () => {
            disk.databases.delete(name)
            done()
            life.hear(() => request.onsuccess?.())
          }),
        ),
    })
    return request
  }

  return {
    factory: (life) => ({
      open: (name, version) => openDatabase(life, name, version),
      deleteDatabase: (name) => deleteDatabase(life, name),
    }),
    end() {
      for (const queue of queues.values()) queue.end()
    },
    drop(life) {
      let isDropped = false
      for (const [name, open] of connections) {
        for (const connection of [...open].filter((each) => each.life === life)) {
          const { database } = connection
          isDropped = true
          connection.isLost = true
          if (transactionsOf(name).drop(life)) continue
          connection.close()
          life.plan({ kind: 'storage', label: `${name} is closed by the browser`, run: () => database.onclose?.() })
        }
      }
      return isDropped
    },
    get isFull() {
      return state.isFull
    },
    set isFull(isFull) {
      state.isFull = isFull
    },
    underWay,
    size: () => [...connections.values()].reduce((sum, { size }) => sum + size, 0) + underWay(),
  }
}

/** Whether what a tab had handed over when it died, or lost its connection, is stored all the same. */
export type Decide = (party: string) => boolean

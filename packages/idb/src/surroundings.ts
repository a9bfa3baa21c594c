import type { Channels, Locks } from '@syncline/store'
import type { Databases } from './databases.ts'
import { databasesHere } from './reaching.ts'

/**
 * What a storage stands on. A page has all of it by itself; a simulator gives its own, and so runs what tabs do to each other, and what
 * becomes of their data, from one seed.
 */
export interface Surroundings {
  /** Undefined where the browser keeps nothing. */
  readonly databases: Databases | undefined
  readonly keyRange: Pick<typeof IDBKeyRange, 'bound'>
  /** Undefined where there are none (insecure origins): tabs hold leases then. */
  readonly locks: Pick<LockManager, 'request'> | undefined
  /** Brings the code of leases, which is `@syncline/idb/leases`, when the first is asked for. */
  readonly loadLeases: () => Promise<LeasesCode>
  /** Undefined where there are none. */
  readonly openChannel: ((name: string) => Pick<BroadcastChannel, 'onmessage' | 'postMessage' | 'close'>) | undefined
  /** Tells when the page is frozen, thawed and hidden; undefined in workers and Node, which never are. */
  readonly page: Pick<Document, 'addEventListener' | 'removeEventListener' | 'visibilityState'> | undefined
  /** Tells when the page is left; undefined in workers and Node. */
  readonly window: Pick<Window, 'addEventListener' | 'removeEventListener'> | undefined
  /** Keeps short texts where IndexedDB does not; undefined where nothing does. Looking at it may throw. */
  readonly marks: Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'> | undefined
  /** Says whether what is stored is kept; undefined where nobody knows. */
  readonly keeper?: StorageManager | undefined
  /** Whether this browser commits what is left of a transaction in which an earlier request than the last has failed; undefined where it does not. */
  readonly commitsParts?: boolean
  /** Calls `fn` once, `delayMs` from now; returns a function that prevents it. */
  setTimer(delayMs: number, fn: () => void): () => void
  /** Random bytes fit for an identity. */
  randomBytes(count: number): Uint8Array
}

/** What makes locks where there are no Web Locks. */
export interface LeasesCode {
  createLeases(name: string, channels: Channels, surroundings: Surroundings): Required<Locks>
}

/** Those of this page, as they are when they are looked at. */
export const surroundingsHere: Surroundings = {
  get databases() {
    return typeof indexedDB === 'undefined' ? undefined : databasesHere
  },
  get keyRange() {
    return IDBKeyRange
  },
  get locks() {
    return typeof navigator === 'undefined' ? undefined : navigator.locks
  },
  loadLeases: () => import('./leases.ts'),
  get openChannel() {
    return typeof BroadcastChannel === 'undefined' ? undefined : (name: string) => new BroadcastChannel(name)
  },
  get page() {
    return typeof document === 'undefined' ? undefined : document
  },
  get window() {
    return typeof document === 'undefined' ? undefined : window
  },
  get marks() {
    // Not in Node, which has one that warns.
    return typeof indexedDB === 'undefined' || typeof localStorage === 'undefined' ? undefined : localStorage
  },
  get keeper() {
    // Insecure origins have none, whatever the types say.
    return typeof navigator === 'undefined' ? undefined : (navigator.storage as StorageManager | undefined)
  },
  get commitsParts() {
    // Firefox does, as of version 153 (CommitOrAbort in its ActorsParent.cpp). Nothing else tells it apart but a failed transaction.
    return typeof navigator !== 'undefined' && navigator.userAgent.includes('Firefox/')
  },
  setTimer(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    return () => clearTimeout(timer)
  },
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
}

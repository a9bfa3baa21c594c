import type { Delay } from './delay.ts'
import { StoreError } from './errors.ts'

/** How a store and its storage get along; README.md says for each when it is so, what the tab does, and what an app should say. */
export type StorageState =
  /** What is committed is stored a moment later. */
  | 'ok'
  /** What is being stored takes longer than usual. */
  | 'saving'
  /** Another tab keeps this one from storing. */
  | 'blocked'
  /** There is no room. */
  | 'quota'
  /** The browser has dropped the connection, and does not make another one yet. */
  | 'lost'
  /** Some of what was stored could not be read; it is set aside, and all else is loaded and saved. */
  | 'damaged'
  /** What this browser had stored was cleared: before this store was opened, or since. */
  | 'evicted'
  /** Nothing is stored: there is no storage, or it is one of newer code. */
  | 'memory-only'
  /** Storing or reading fails for another reason. */
  | 'degraded'

/** Whether the browser has promised to keep what is stored until a person deletes it. */
export type Persistence =
  /** It has. */
  | 'granted'
  /** It was asked in this visit, and does not promise it: it may clear what is stored, to make room or when nobody comes for some time. */
  | 'denied'
  /** It has not, and was not asked in this visit. */
  | 'unasked'
  /** Nobody knows: there is no storage, it cannot be asked, or it has not answered yet. */
  | 'unknown'

/** What is known about the storage of a store. */
export interface StorageFacts {
  /** Whether there is one to write into. */
  readonly isLasting: boolean
  /** Why the one that was asked for is not used. */
  readonly unusable: StoreError | undefined
  /** Why there is no use in it any more. */
  readonly gone: StoreError | undefined
  /** Why it refuses to be written. */
  readonly failure: StoreError | undefined
  /** Why it cannot be read. */
  readonly unreadable: StoreError | undefined
  /** How long the append has taken that is under way. */
  readonly delay: ReturnType<Delay['state']>
  readonly unsaved: number
  readonly damage: StoreError | undefined
  /** That there was more, before this store was opened. */
  readonly cleared: StoreError | undefined
}

/** The worst of what is so, and why. */
export function storageState(facts: StorageFacts): {
  readonly storage: StorageState
  readonly storageError: StoreError | undefined
} {
  const { isLasting, unusable, gone, failure, unreadable, delay, unsaved, damage, cleared } = facts
  if (!isLasting) return { storage: 'memory-only', storageError: unusable }
  const broken = gone ?? failure
  if (broken !== undefined) return { storage: stateOf(broken), storageError: broken }
  // What newer code has written is not read, but what is done here is stored.
  if (unreadable?.code === 'storage-newer') return { storage: 'degraded', storageError: unreadable }
  if (unreadable !== undefined) return { storage: stateOf(unreadable), storageError: unreadable }
  if (delay instanceof StoreError) return { storage: 'blocked', storageError: delay }
  if (damage !== undefined) return { storage: 'damaged', storageError: damage }
  if (cleared !== undefined) return { storage: 'evicted', storageError: cleared }
  return { storage: delay === 'saving' && unsaved > 0 ? 'saving' : 'ok', storageError: undefined }
}

function stateOf({ code }: StoreError): StorageState {
  switch (code) {
    case 'storage-full':
      return 'quota'
    case 'storage-lost':
      return 'lost'
    case 'storage-blocked':
      return 'blocked'
    case 'storage-evicted':
      return 'evicted'
    case 'storage-newer':
      return 'memory-only'
    default:
      return 'degraded'
  }
}

import {
  decodeEntry,
  decodeLocal,
  pendingIn,
  ProtocolError,
  type AsleepPending,
  type KeptPending,
  type KeptRun,
  type LocalPart,
  type LogEntry,
} from '@syncline/protocol'
import type { Change } from '@syncline/stm'
import { StoreError } from './errors.ts'
import { createLocks } from './memory-locks.ts'
import type { Pieces } from './pieces.ts'
import type { Log, Storage } from './ports.ts'
import { readChange, readChangeInSteps } from './read-change.ts'

/** A log that is open, and what stands behind it. */
export interface OpenedLog {
  readonly storage: Storage
  readonly log: Log
  /** Whether what it holds is still there tomorrow. */
  readonly isLasting: boolean
  /** Why the storage that was asked for is not used. */
  readonly storageError: StoreError | undefined
}

/** Opens the log of a space; a store whose storage cannot be used at all has none, and is alone. */
export async function openLog(storage: Storage | undefined, space: string): Promise<OpenedLog> {
  let storageError: StoreError | undefined
  if (storage !== undefined) {
    try {
      return { storage, log: await storage.openLog(space), isLasting: true, storageError }
    } catch (error) {
      // What newer code has written is not for us: neither to read nor to write.
      if (!(error instanceof StoreError && unusableCodes.has(error.code))) throw error
      storageError = error
    }
  }
  return { storage: { openLog: async () => noLog, locks: createLocks() }, log: noLog, isLasting: false, storageError }
}

/** Codes of what says that there is no storage to be used here, now. One that is blocked is there, and is waited for. */
const unusableCodes: ReadonlySet<string> = new Set(['storage-failed', 'storage-full', 'storage-lost', 'storage-newer'])

/** A storage that cannot be used, for this reason. */
export function unusable(error: StoreError): Storage {
  return { openLog: () => Promise.reject(error) }
}

/** Stands for the log of a store that has none: nobody else could read it, so nothing is written into it. */
const noLog: Log = {
  read: async (after) => after,
  append: () => Promise.reject(new StoreError('storage-failed', 'This store has no log to write into.')),
  setAside: async () => undefined,
  replace: () => Promise.reject(new StoreError('storage-failed', 'This store has no log to write into.')),
  takeFence: async () => 1,
  onLost: () => () => undefined,
  close: () => Promise.resolve(),
}

/** Decodes an entry, which is nobody else's from then on, or says in words what is wrong with this device's data. */
export function readEntry(bytes: Uint8Array, space: string): LogEntry {
  return readStored(space, () => decodeEntry(bytes, true))
}

/** Decodes the local part of a Change, or says in words what is wrong with this device's data. */
export function readLocal(bytes: Uint8Array, space: string): LocalPart {
  return readStored(space, () => decodeLocal(bytes))
}

/** Decodes a list of pending Changes, or says in words what is wrong with this device's data. */
export function readAsleep(list: AsleepPending, space: string): readonly (KeptPending | KeptRun)[] {
  return readStored(space, () => pendingIn(list))
}

/** Decodes a record of a Change, or says in words what is wrong with this device's data. */
export function readRecord(bytes: Uint8Array, space: string): Change {
  return readStored(space, () => readChange(bytes))
}

/** So long is a record that takes some milliseconds. */
const LONG_BYTES = 16 * 1024

/** The same in pieces. */
export function* readRecordInPieces(bytes: Uint8Array, space: string): Pieces<Change> {
  if (bytes.length < LONG_BYTES) {
    yield bytes.length
    return readRecord(bytes, space)
  }
  const steps = readChangeInSteps(bytes)
  for (;;) {
    const step = readStored(space, () => steps.next())
    if (step.done === true) return step.value
    yield step.value
  }
}

/** Work on what is stored: where that makes no sense it says in words what is wrong with this device's data. */
export function* readStoredInPieces<T>(space: string, work: Pieces<T>): Pieces<T> {
  try {
    return yield* work
  } catch (error) {
    throw inWords(space, error)
  }
}

function readStored<T>(space: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    throw inWords(space, error)
  }
}

function inWords(space: string, error: unknown): unknown {
  if (!(error instanceof ProtocolError)) return error
  if (error.code === 'newer-version' || error.code === 'unknown-precondition') {
    return new StoreError(
      'storage-newer',
      `What is stored of "${space}" on this device was written by a newer version of this app. Reload to get that version.`,
      { cause: error },
    )
  }
  return new StoreError(
    'storage-damaged',
    `Something that is stored of "${space}" on this device is damaged: ${error.message}`,
    { cause: error },
  )
}

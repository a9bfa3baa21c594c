import { StoreError } from '@syncline/store'

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Said to whoever opens a folder that cannot be used. */
export function unusableError(folder: string, cause: unknown): StoreError {
  return new StoreError(
    'storage-failed',
    `The folder ${folder} cannot be used: ${reasonOf(cause)}. Choose one that this user may write to.`,
    { cause },
  )
}

/** Said to whoever opens a folder of another process. */
export function inUseError(folder: string, pid: number): StoreError {
  return new StoreError(
    'storage-blocked',
    `The folder ${folder} is in use by process ${pid}. Stop that, or give each process a folder of its own: their stores meet at the relay.`,
  )
}

/** Said to whoever opens what newer code has written. */
export function newerError(folder: string, found: number, known: number): StoreError {
  return new StoreError(
    'storage-newer',
    `The folder ${folder} was written by a newer version (format ${found}; this one knows ${known}). Update this program; nothing is read or written.`,
  )
}

export function damagedError(space: string, position: number, reason: string): StoreError {
  return new StoreError(
    'storage-damaged',
    `Entry ${position} of "${space}" on this machine is damaged: ${reason}. Nothing else is lost.`,
  )
}

export function closedError(): StoreError {
  return new StoreError('closed', 'This log is closed. Open it again.')
}

export function fencedError(fence: number, newest: number): StoreError {
  return new StoreError(
    'fenced',
    `Fence ${fence} is over: another store has taken ${newest} and does this job now. Nothing was stored.`,
  )
}

export function claimedError(claim: number, newest: number): StoreError {
  return new StoreError(
    'claimed',
    `Entry number ${claim} cannot be appended: another store has appended number ${newest}. Nothing was stored. Read on and try again.`,
  )
}

export function compactedError(space: string, upTo: number): StoreError {
  return new StoreError(
    'compacted',
    `There is no entry ${upTo} of "${space}" any more: others have taken its place. Read the log anew.`,
  )
}

/** What a failed write means to a store. */
export async function toStoreError(error: unknown, folder: string): Promise<StoreError> {
  if (error instanceof StoreError) return error
  let cause = error
  // LMDB gives the true reason as one more promise, which nobody else would hear.
  if (error instanceof Error && 'commitError' in error)
    cause = await Promise.resolve(error.commitError).catch((reason: unknown) => reason)
  const reason = reasonOf(cause)
  const isFull = /MDB_MAP_FULL|ENOSPC|No space|EDQUOT|quota/i.test(reason)
  return new StoreError(
    isFull ? 'storage-full' : 'storage-failed',
    `What is committed cannot be saved to ${folder}: ${reason}. It is kept in memory, and saved when that is over.`,
    { cause },
  )
}

import { StoreError } from '@syncline/store'

/** Says in words why IndexedDB did not do what was asked of the storage called `name`. */
export function toStoreError(error: unknown, name: string, asked: string): StoreError {
  if (error instanceof StoreError) return error
  const reason = String(error)
  switch (nameOf(error)) {
    case 'VersionError':
      return new StoreError(
        'storage-newer',
        `Cannot ${asked} "${name}": a newer version of this app has written it on this device. Reload the page to get that version.`,
        { cause: error },
      )
    case 'QuotaExceededError':
      return new StoreError(
        'storage-full',
        `Cannot ${asked} "${name}": this device gives the page no more room (${reason}). Free space on the disk, or delete what the ` +
          'page stores; navigator.storage.estimate() tells how much that is. Saving is tried again.',
        { cause: error },
      )
    case 'SecurityError':
      return new StoreError(
        'storage-failed',
        `Cannot ${asked} "${name}": the browser forbids this page to store anything (${reason}). Allow site data for it, or leave the ` +
          'private window.',
        { cause: error },
      )
    default:
      if (asked !== 'open' && isDropped(error)) return droppedError(name, asked, error)
      return new StoreError(
        'storage-failed',
        `Cannot ${asked} "${name}" on this device: IndexedDB says ${reason}. Reload the page if this goes on.`,
        {
          cause: error,
        },
      )
  }
}

/** Whether it is said of a connection that the browser has dropped: by itself, or with the process behind it. */
function isDropped(error: unknown): boolean {
  const name = nameOf(error)
  return (
    name === 'AbortError' ||
    name === 'InvalidStateError' ||
    (name === 'UnknownError' && /connection/i.test(String(error))) ||
    isServerLost(error)
  )
}

/** Whether WebKit says that the process which keeps the databases has ended, or is at its end. Nothing that was made before works again. */
export function isServerLost(error: unknown): boolean {
  return nameOf(error) === 'UnknownError' && /Indexed Database server/i.test(String(error))
}

/** For those whose connection is made anew. */
export function droppedError(name: string, asked: string, cause: unknown): StoreError {
  return new StoreError(
    'storage-lost',
    `Cannot ${asked} "${name}" now: the browser has dropped the connection to its storage (${String(cause)}). It is made anew, and saving is tried again. ` +
      'If this goes on, reload the page when all that can be sent is sent (status.pending is 0): what is in its memory only is gone then.',
    { cause },
  )
}

export function missingError(name: string): StoreError {
  return new StoreError(
    'storage-failed',
    `Cannot open "${name}": there is no IndexedDB here. In a browser, leave the private window or allow site data; elsewhere, use memoryStorage().`,
  )
}

export function blockedError(name: string, asked: string): StoreError {
  return new StoreError(
    'storage-blocked',
    `Cannot ${asked} "${name}" yet: another tab has it open and does not let go. Close or reload the other tabs of this app, then try again.`,
  )
}

/** For those who have a database open that newer code upgrades, or that is deleted when `newVersion` is null. */
export function supersededError(name: string, newVersion: number | null): StoreError {
  if (newVersion === null) return wipedError(name)
  return new StoreError(
    'storage-newer',
    `A newer version of this app has taken over "${name}" on this device (format ${newVersion}). Reload the page to get that version; until then nothing more is saved here.`,
  )
}

export function wipedError(name: string): StoreError {
  return new StoreError(
    'storage-evicted',
    `What this device had stored of "${name}" was cleared or deleted while it was open. Reload the page to start with what the relay has.`,
  )
}

/** For those who open a database where there was another one. */
export function clearedError(name: string): StoreError {
  return new StoreError(
    'storage-cleared',
    `What this browser had stored of "${name}" was cleared since the last visit: by the browser, to make room or because it was damaged, or by a person. What the relay has ` +
      'comes back from there; what was in this browser alone is lost.',
  )
}

export function closedLogError(space: string): StoreError {
  return new StoreError('closed', `The log of "${space}" is closed. Open it again with openLog().`)
}

export function damagedError(space: string, position: number, reason: string): StoreError {
  return new StoreError(
    'storage-damaged',
    `Entry ${position} of the log of "${space}" on this device is not what was written: ${reason}. verifyDatabase() of @syncline/idb/care tells what else is damaged, repairDatabase() sets it aside.`,
  )
}

export function fencedError(space: string, fence: number): StoreError {
  return new StoreError(
    'fenced',
    `Fence ${fence} of "${space}" is over: another tab has taken a greater one and does this job now. Nothing was stored.`,
  )
}

export function claimedError(space: string, claim: number): StoreError {
  return new StoreError(
    'claimed',
    `Entry number ${claim} of "${space}" cannot be appended: another tab has appended since the log was read. Nothing was stored. Read on and try again.`,
  )
}

export function compactedError(space: string, upTo: number): StoreError {
  return new StoreError(
    'compacted',
    `The entries of "${space}" up to ${upTo} cannot be replaced: another tab was first. Nothing has changed.`,
  )
}

/** The name of a `DOMException` or of an `Error`. */
export function nameOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'name' in error ? String(error.name) : undefined
}

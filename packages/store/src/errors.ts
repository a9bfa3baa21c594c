import type { Arbiter } from '@syncline/stm'
import type { PartName } from './part.ts'
import type { Problem } from './status.ts'

/** What a {@link StoreError} can be about. */
export type StoreErrorCode =
  /** The store was closed: nothing can be read, written or waited for any more. */
  | 'closed'
  /** A name that cannot be the name of a space. */
  | 'invalid-space'
  /** The storage cannot be opened or written. The message names the reason. */
  | 'storage-failed'
  /** The storage has no room for what was to be written. */
  | 'storage-full'
  /** The storage holds data of a newer version of Syncline. */
  | 'storage-newer'
  /** Another tab or window holds the storage: open in an older version, or in the middle of writing. */
  | 'storage-blocked'
  /** The browser has dropped the connection to the storage, and does not make another one yet. */
  | 'storage-lost'
  /** What the storage had was cleared or deleted while it was open: nothing is stored any more until it is opened again. */
  | 'storage-evicted'
  /** What the storage had was cleared before it was opened. It is an empty one now, and stores what is done. */
  | 'storage-cleared'
  /** Another tab has taken over the job this one was doing. */
  | 'fenced'
  /** Another tab was first to append the entry of this number to the log. */
  | 'claimed'
  /** Another tab was first to replace entries of the log. */
  | 'compacted'
  /** Stored bytes are not what was written. */
  | 'storage-damaged'
  /** Somebody was to sign out, and what is to be wiped is on no relay. Nothing has happened. */
  | 'unsynced'
  /** Somebody was to sign out and hand over what they have, and it was not said to whom. */
  | 'invalid-sign-out'
  /** A storage was to take over a space that it has of another log of the relay, or a tab was to read on in one. */
  | 'other-log'
  /** What was to be imported is no backup. */
  | 'invalid-backup'
  /** The relay refused this Change, or one that it depends on; `refusal` says why. */
  | 'refused'
  /** A transaction on refs that nobody here can decide about: `relay` without a transport. */
  | 'no-arbiter'
  /** An undo of a ref of a kind that no ref was read or written of since the store was opened. */
  | 'unknown-policy'
  /** An undo that cannot be done at once: others decide about it, or one is under way. Nothing has happened. */
  | 'undo-needs-async'
  /** An agent has stopped because one of its actions threw, and takes nothing until it is restarted. */
  | 'agent-failed'
  /** An agent that is not to stop has skipped an action that threw. Reported, not thrown. */
  | 'action-failed'
  /** An agent that has not failed was to be restarted. */
  | 'agent-running'
  /** Two agents on different refs have the same name. */
  | 'agent-clash'
  /** A transaction on `relay` refs has read `local` ones, which the relay does not check. Reported in development, not thrown. */
  | 'unchecked-facts'
  /** A transaction on `relay` refs, and the relay cannot be asked. Nothing has happened. */
  | 'offline'
  /** A transaction on `relay` refs, and the relay has lost what it had decided: its operator has to say what counts. Nothing has happened. */
  | 'unadopted'
  /** What was to be opened is no single ref, or the permission is none. */
  | 'invalid-handle'
  /** A handle was used after it was closed. */
  | 'handle-closed'
  /** A handle that may only read was to write. */
  | 'read-only'
  /** A ref was to be deleted while another handle on it is open in this browser. */
  | 'in-use'
  /** A handle was used after its ref was deleted through it. */
  | 'deleted'
  /** A ref of a policy that has no live documents was asked for one. */
  | 'no-document'
  /** `usePresence` or `store.presence` without a presence option. */
  | 'no-presence'
  /** `changes` was asked for what has changed since something that is not a Snapshot of this store. */
  | 'unknown-snapshot'
  /** `changes` was asked for reports at a rate that is none. */
  | 'invalid-rate'
  /** Something was asked of a store that was opened without the part for it; `part` says which. */
  | 'part-missing'
  /** What is to be loaded on demand cannot be. */
  | 'invalid-on-demand'
  /** What was to be loaded is not said by this device's log as this tab shows all else. */
  | 'load-failed'
  /** A store was to be opened with parts that are none. */
  | 'invalid-parts'

/** A store cannot do what was asked. The message says what happened and what to do. */
export class StoreError extends Error {
  readonly code: StoreErrorCode
  /** With `refused`: the code the relay gave. */
  readonly refusal?: string
  /** With `part-missing`: the part. */
  readonly part?: PartName

  constructor(code: StoreErrorCode, message: string, options: StoreErrorOptions = {}) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
    if (options.refusal !== undefined) this.refusal = options.refusal
    if (options.part !== undefined) this.part = options.part
  }
}

interface StoreErrorOptions extends ErrorOptions {
  readonly refusal?: string
  readonly part?: PartName
}

/** Codes of what may be over when it is tried again. */
const passingCodes: ReadonlySet<string> = new Set(['storage-failed', 'storage-full', 'storage-lost', 'storage-blocked'])

/** Whether something failed because the storage cannot be used now. */
export function isPassing(error: unknown): boolean {
  return error instanceof StoreError && passingCodes.has(error.code)
}

/** An error of a storage, as it is said to who was on its way into a log that nobody can ask any more. */
export function perhapsStored(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error
  const message = `${error.message} Whether this transaction was stored before is not known.`
  return new StoreError(error.code, message, { cause: error })
}

/** Said to whoever asks a store for what it was opened without. */
export function partMissing(part: PartName, what: string): StoreError {
  return new StoreError(
    'part-missing',
    `${what} needs the part \`${part}\`, and this store was opened without it. Name it in the \`parts\` of openLean(), or use openStore(), which has all.`,
    { part },
  )
}

/** Says that the log is to be read anew, which says more by then, or of which more is needed. */
export function anewError(): StoreError {
  return new StoreError('compacted', 'Read the log anew.')
}

/** Said to whoever uses a closed store. */
export function closedError(): StoreError {
  return new StoreError('closed', 'This store is closed. Open it again with openStore().')
}

/** Throws `closed` when a store is. */
export function assertOpen({ isClosed }: { readonly isClosed: boolean }): void {
  if (isClosed) throw closedError()
}

/** Said to whoever wants to have taken back at once what somebody else decides about. */
export function needsAsyncError(direction: 'undo' | 'redo', why: string): StoreError {
  return new StoreError(
    'undo-needs-async',
    `${direction}() cannot be done at once: the step ${why}. Nothing has happened. Call ${direction}Async(), which waits, and works for every step.`,
  )
}

/** Said to whoever wants somebody to decide who is not here. */
export function noArbiterError(arbiter: Arbiter, parts: ReadonlySet<PartName>, what: string): StoreError {
  const part = arbiter === 'relay' ? 'relayRefs' : 'browserRefs'
  if (!parts.has(part)) return partMissing(part, what)
  return new StoreError(
    'no-arbiter',
    `This store cannot decide about ${arbiter} refs: it was opened without ${arbiter === 'relay' ? 'a transport' : 'a storage'}.`,
  )
}

/** Said to whoever wants the relay to decide while there is no link to it. */
export function offlineError(): StoreError {
  return new StoreError(
    'offline',
    'There is no link to the relay, which decides about relay refs. Nothing has happened: try again when store.status.link is "online".',
  )
}

/** What a person is told while what the relay had decided waits for its operator. */
export const unadopted: Problem = {
  code: 'unadopted',
  message:
    "The relay had lost what it had decided, and it was brought back. What it decides about stays as it is until the relay's operator says what counts; all else goes on.",
}

/** Said to whoever wants the relay to decide meanwhile. */
export function unadoptedError(): StoreError {
  return new StoreError('unadopted', `${unadopted.message} Nothing has happened: try again when that is done.`)
}

/** Said to whoever waits for a Change that was refused. */
export function refusedError({ code, message }: { readonly code: string; readonly message: string }): StoreError {
  return new StoreError(
    'refused',
    `The relay refused this Change (${code}): ${message} It is kept in store.refused, where it can be applied again or dropped.`,
    { refusal: code },
  )
}

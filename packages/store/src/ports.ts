import type { StoreError } from './errors.ts'
import type { Persistence } from './storage-state.ts'

/** What a store needs from the world. Everything impure comes in here, so that one simulator can run it all from one seed. */

/** Time. */
export interface Clock {
  /** Milliseconds since 1970, as this machine believes. */
  nowMs(): number
  /** Calls `fn` once, `delayMs` from now; returns a function that prevents it. */
  setTimer(delayMs: number, fn: () => void): () => void
  /** Calls `fn` once, in a task of its own, as soon as the page has done what waits. Absent: as `setTimer(0, fn)`, which takes 4 ms in browsers. */
  nextTask?(fn: () => void): void
}

/** Chance. */
export interface Chance {
  /** `count` random bytes fit for identities. */
  bytes(count: number): Uint8Array
  /** A number in [0, 1), for jitter. */
  fraction(): number
}

/**
 * Where bytes rest: one append log per space, shared by the tabs of one browser.
 * Absent, a store lives in memory only and says so.
 */
export interface Storage {
  openLog(space: string): Promise<Log>
  /** Mutual exclusion among the tabs that share this storage. Absent, every tab runs its own link. */
  readonly locks?: Locks
  /** Messages among the tabs that share this storage. Absent, tabs see each other through the relay only. */
  readonly channels?: Channels
  /**
   * Calls `listener` when the page may end without another word: it is left, hidden or frozen. What is handed over before the listener returns, or in the
   * microtasks after it, is stored. Absent where there is no page.
   */
  onLeaving?(listener: () => void): () => void
  /** Calls `listener`, not before this has returned, with what is known of whether what is stored is kept, and again when that has changed. Absent where nobody knows. */
  onPersistence?(listener: (persistence: Persistence) => void): () => void
}

/**
 * An ordered log of opaque entries.
 *
 * Guarantees: entries are read in the order of their positions, which only grow; an append is all or nothing; once it
 * resolved, the entry survives the death of the tab and of the browser; entries appended by one tab keep their order;
 * what `read` has reported up to a position never changes, unless all of it is replaced, and nothing appears before it later.
 *
 * Entries that were appended with a claim are numbered, one after the other, in the order of the log. So whoever has read up to number n
 * and appends number n + 1 knows that no other such entry lies between: what it decided by what it had read holds.
 */
export interface Log {
  /**
   * Calls `each` for every entry after position `after` (0 for all), in order, each entry owning its buffer; `claim` is the number of an
   * entry that was appended with one. What was put in place of others is read whole: in the middle of it, where positions are no whole numbers, a reading begins with
   * its first entry, and begins again when yet others have taken its place meanwhile. Resolves to the position of the last entry that exists, or `after`. Where `each` gives a promise, the next call waits
   * until it resolves; when it rejects, the reading does.
   *
   * `bad` is called in place of `each` for what is not as it was written, with the reason in words. Without it the reading ends there, with
   * `StoreError` `storage-damaged`.
   *
   * `next` says what is to be read, and is asked again, with the last position, when that was read: the bytes of what it leaves out stay where they are. Where a range says how many it has at most,
   * it is asked when `each` has taken in all of them; else as soon as they were read. When what was put in place of others has changed meanwhile it is asked from before the beginning of that.
   */
  read(
    after: number,
    each: (entry: Uint8Array, position: number, claim: number | undefined) => unknown,
    bad?: (position: number, reason: string) => void,
    next?: (last: number) => ReadRange,
  ): Promise<number>

  /**
   * Takes an entry that cannot be understood out of the log, and keeps it, with the reason, where it is not read any more. Resolves when that is
   * stored; what is not there, or was set aside before, changes nothing.
   */
  setAside(position: number, reason: string): Promise<void>

  /**
   * Appends one entry and resolves to its position once it is durable.
   * With `fence`, rejects with `StoreError` `fenced`, storing nothing, when a greater fence was taken since. With `claim`, rejects with
   * `StoreError` `claimed`, storing nothing, unless it is the number after the newest (the first is free). The checks and the write are one atomic step.
   * With `twice` it stands there twice, one right after the other, and whoever loses one record of a log has the other; the position is that of the second.
   * Rejects with `StoreError` when it cannot be stored: `storage-full` for want of room, `storage-lost` while there is no connection, else `storage-failed`.
   */
  append(entry: Uint8Array, options?: AppendOptions): Promise<number>

  /**
   * Puts entries in place of those up to position `upTo`, where one stands: whoever has not read that far reads them next, whole. The last one stands at `upTo`, and
   * has `claim`, the number of the newest entry up to there that was appended with one (0: none). The entries are the log's own from then on: nobody writes to them any more. One atomic step. Of several at once each is done or
   * rejects with `StoreError` `compacted`, having changed nothing; what is left of those for less is read before those for more. Rejects as `append` does, too.
   */
  replace(upTo: number, entries: readonly Uint8Array[], claim: number): Promise<void>

  /** How many bytes of entries are worth being replaced. Default: 64 KiB. */
  readonly worthBytes?: number

  /** Takes and returns the next fence number, greater than every one before. */
  takeFence(): Promise<number>

  /**
   * That there was more here, when it is known to have been cleared before this was opened: `StoreError` `storage-cleared`. The log is a new one, and as good as
   * any.
   */
  readonly cleared?: StoreError | undefined

  /** Calls `listener` when the storage is gone for good: cleared or deleted (`storage-evicted`), or upgraded by newer code (`storage-newer`). */
  onLost(listener: (error: Error) => void): () => void

  close(): Promise<void>
}

/** What of a log is read in one go. */
export interface ReadRange {
  /** What stands up to here is passed over. Default: nothing is. */
  readonly after?: number
  /** The last position, included. Default: to the end, and then the reading is over. */
  readonly upTo?: number
  /** So many entries at most. */
  readonly most?: number
  /** Of the first entry, before it is taken in: whether all that comes behind it is to be read too. A log that asks this need not ask `next` for that, and can read it meanwhile. */
  readonly isBeginning?: (entry: Uint8Array) => boolean
}

/** How durable, and on what condition. */
export interface AppendOptions {
  /** `strict` waits for the disk itself; `relaxed`, the default, for the operating system. */
  readonly durability?: 'relaxed' | 'strict'
  readonly fence?: number
  readonly claim?: number
  readonly twice?: boolean
}

/**
 * Named locks, each held by one party alone or by several who share it, and freed when they die. Who waits for one comes before those who
 * ask later.
 */
export interface Locks {
  /** Resolves when the lock is held. Rejects with the signal's reason when aborted while waiting. */
  hold(name: string, signal: AbortSignal): Promise<HeldLock>
  /** Resolves at once: the lock, or undefined when somebody holds it, or shares it. */
  tryHold(name: string): Promise<HeldLock | undefined>
  /**
   * As `hold`, together with others who share it. It says that its party is alive, not that it works: a page that is frozen keeps it.
   */
  share(name: string, signal: AbortSignal): Promise<HeldLock>
  /** Takes a lock from whoever holds it, before those who wait for it. Absent where nobody can stand still while others go on. */
  steal?(name: string): Promise<HeldLock>
}

/** A lock that is held. */
export interface HeldLock {
  release(): void
  /** From now on it is kept while the page is frozen: for work that nobody else may do before it is over. */
  keep(): void
  /** Resolves when the lock was taken away by force; never after `release`. */
  readonly lost: Promise<void>
  /** Resolves when it is free for others, after `release` or a loss: whoever tries for it from then on gets it. */
  readonly freed: Promise<void>
}

/** Named channels among the tabs of one browser. A message reaches every other open channel of that name, not its sender. */
export interface Channels {
  open(name: string, onMessage: (message: unknown) => void): Channel
}

/** An open channel. Messages are structured-cloneable; delivery is in order for each sender and may be late, or lost with a tab. */
export interface Channel {
  post(message: unknown): void
  close(): void
}

/**
 * A byte pipe to the relay. Knows nothing of what it carries and does not reconnect: the link above decides when.
 * Stores that are given the same transport object share one connection.
 */
export interface Transport {
  /** Starts one attempt. The events come later, never inside this call; `onClose` comes exactly once, also when it never opened. */
  connect(events: TransportEvents): Connection
  /** Calls `listener` when it is worth trying again at once: the network came back, the page thawed. */
  onNudge?(listener: () => void): () => void
}

/** What happens on a connection. */
export interface TransportEvents {
  onOpen(): void
  /** One whole message, owning its buffer. */
  onMessage(message: Uint8Array): void
  /** `code` is a WebSocket close code, 1006 when there was none. */
  onClose(code: number, reason: string): void
}

/** One attempt to be connected, and the connection it becomes. */
export interface Connection {
  /** Sends one message; ignored when not open. */
  send(message: Uint8Array): void
  /** Bytes accepted by `send` and not yet handed to the network. */
  readonly bufferedBytes: number
  close(code?: number, reason?: string): void
}

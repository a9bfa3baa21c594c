/** What a relay needs from the world. Everything impure comes in here, so that one simulator can run it all from one seed. */
import type { Head } from '@syncline/protocol'
import type { Epoch, WriterId } from '@syncline/stm'
import type { Extent } from './basis-flaw.ts'

/** Time. */
export interface Clock {
  /** Milliseconds since 1970, as this machine believes. */
  nowMs(): number
  /** Milliseconds since any moment, with fractions, by a clock that is never set. Absent, how long something takes is told by `nowMs`. */
  elapsedMs?(): number
  /** Calls `fn` once, `delayMs` from now; returns a function that prevents it. */
  setTimer(delayMs: number, fn: () => void): () => void
}

/** Chance. */
export interface Chance {
  /** `count` random bytes fit for identities. */
  bytes(count: number): Uint8Array
}

/**
 * The identities of what each run of a relay writes. Where they can be told from what others made up, only what a relay with these has written can be brought back to it after a loss:
 * see `createKeyedEpochs` of `@syncline/relay/node`.
 */
export interface Epochs {
  /** Another one each time, over all runs: 32 lower-case hexadecimal digits. */
  draw(): Epoch
  /** Whether it was drawn here, by this run or an earlier one. */
  isOwn(epoch: Epoch): boolean
}

/** Where the relay says what happens to it. A pino logger is one. */
export interface RelayLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A byte pipe to one client, made by whoever listens. Nothing here may throw. */
export interface Connection {
  /** Sends one message, in order. The relay does not touch its bytes afterwards. Ignored once closed. */
  send(message: Uint8Array): void
  /** Ends it. `onClose` of the {@link ConnectionEvents} still has to be called. */
  close(code: number, reason: string): void
  /** Bytes accepted by `send` and not yet handed to the network. */
  readonly bufferedBytes: number
  /** Stops and resumes reading from the client, so that it feels the relay's disk. Absent, memory is the only bound. */
  setReading?(reading: boolean): void
}

/** What the listener tells the relay about a connection. Neither ever throws. */
export interface ConnectionEvents {
  /** One whole message. It must not be written to afterwards: the relay looks at it until what it says is stored. */
  onMessage(message: Uint8Array): void
  /** The connection is gone. Called once; nothing is said to it afterwards. */
  onClose(): void
}

/**
 * Where the logs of all spaces rest.
 *
 * Guarantees: `append` is all or nothing over all spaces of a batch, and when it resolves, the batch survives the death of the
 * process and of the machine; when it rejects, the batch is wholly there or wholly absent, and `space` says which; until it
 * settled, none of the batch may be read as present. What was read at a relaySeq never changes. Bytes that are not what was
 * written are never returned: the read rejects with `RelayError` `damaged`. Arguments are copied, results belong to the caller.
 * A space's name is data: names that differ in any code unit are different spaces. While it is in use it does not go back: whoever brings back a backup
 * starts the relay anew, which then writes under another epoch.
 */
export interface LogStorage {
  /** For so long after a batch was begun, what comes gathers for the next one: that is what it is worth to have fewer batches. Absent, nothing waits. */
  readonly gatherMs?: number
  /** What there is of a space's log; undefined when nobody has made it. */
  space(space: string): Promise<SpaceState | undefined>
  /**
   * Where the log of each of these spaces ended at some moment during the call, in their order: undefined of one that cannot be read. They may be many: others have their turn meanwhile.
   */
  heads(spaces: readonly string[]): Promise<readonly (Head | undefined)[]>
  /** What is known of each of these writers in a space; writers that never wrote there are left out. */
  writers(space: string, ids: readonly WriterId[]): Promise<ReadonlyMap<WriterId, WriterState>>
  /** Whose these Yjs clients are in a space; those that nobody has are left out. */
  documents(space: string, clients: readonly number[]): Promise<ReadonlyMap<number, WriterId>>
  /** The records after relaySeq `after` up to `upTo`, in order: as many as fit into `maxBytes`, but at least one if there is one. */
  read(space: string, after: number, upTo: number, maxBytes: number): Promise<readonly Uint8Array[]>
  /**
   * Stores a batch. One call at a time. Rejects with `RelayError` `fenced`, storing nothing, when a `first` is not one after the
   * end of that log, or `follows` not the epoch of its end: somebody else has written.
   */
  append(batch: readonly SpaceAppend[]): Promise<void>
  /** Waits for what is being stored and lets go of everything. */
  close(): Promise<void>
}

/**
 * Where checkpoints of logs are kept, and who makes them. They are a cache: what is there may be old, or gone at any time.
 *
 * What `read` gives are the bytes that were made, as they were made: what is damaged is none.
 */
export interface Checkpoints {
  /** The newest of a space; undefined when there is none. */
  read(space: string): Promise<StoredCheckpoint | undefined>
  /**
   * Makes one of the log of a space up to relaySeq `upTo`, which is durable, and keeps it in place of the one before. Undefined when there can be none, or not now. One call at a time.
   */
  make(space: string, upTo: number): Promise<StoredCheckpoint | undefined>
}

/** Where the names of rolls are kept, so that who comes back after a restart need not say them again. A cache: what is there may be gone at any time. Neither throws. */
export interface KeptRolls {
  /** The names that were kept under this id; undefined when there are none. */
  read(id: string): readonly string[] | undefined
  keep(id: string, names: readonly string[]): void
}

/** What stands for the log of a space up to a relaySeq. */
export interface StoredCheckpoint {
  /** In which the relaySeq stands. */
  readonly epoch: Epoch
  readonly relaySeq: number
  /** An entry of a log, as `createFold` of `@syncline/store/fold` makes it. The relay does not look into it. */
  readonly bytes: Uint8Array
}

/** What there is of a space's log: its stretches, and the relaySeq of its last Change (0 when empty). */
export interface SpaceState extends Omit<Extent, 'joined'> {
  /** The greatest stamp in it, in microseconds since 1970; 0 when empty. */
  readonly latestAt: number
  /** The relaySeq of the last piece of the newest join in it; absent or 0 when there is none. */
  readonly joinedAt?: number
  /** The relaySeq of the newest adoption in it; absent or 0 when there is none. */
  readonly adoptedAt?: number
}

/** What one batch adds to one space; the first one makes the space. */
export interface SpaceAppend {
  readonly space: string
  /** The epoch of the records. When it is not that of the end of the log, a stretch begins with them, if there are any. */
  readonly epoch: Epoch
  /** The epoch of the end of the log; null when it is empty. */
  readonly follows: Epoch | null
  /** The relaySeq of the first record, from which they count up: one after the end of the log. */
  readonly first: number
  readonly records: readonly Uint8Array[]
  /** The greatest stamp in the log with these. */
  readonly latestAt: number
  /** The relaySeq of the last piece of a join that is among the records. */
  readonly joinedAt?: number | undefined
  /** That of an adoption. */
  readonly adoptedAt?: number | undefined
  /** The new state of every writer that the batch concerns. */
  readonly writers: ReadonlyMap<WriterId, WriterState>
  /** The Yjs clients that become somebody's with it, and whose. What is somebody's already is never given to another. */
  readonly documents: ReadonlyMap<number, WriterId>
}

/** What the relay keeps of a writer in a space. */
export interface WriterState {
  /** The seq of its last Change in the log; 0 when it has none. */
  readonly lastSeq: number
  /** The checksums of its last Changes, the newest last: as many as it takes to recognise what is sent again. */
  readonly recent: readonly number[]
  /** Set when a Change of it was refused. */
  readonly ended: EndedWriter | null
  /** Whose it is; absent when whoever has used it did not say who they are. */
  readonly principal?: string | undefined
}

/** From which seq on a writer's Changes are refused, and why. */
export interface EndedWriter {
  readonly seq: number
  readonly code: string
  readonly message: string
}

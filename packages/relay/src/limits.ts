import { MAX_CHANGE_BYTES, MAX_MESSAGE_BYTES, MIN_MESSAGE_BYTES } from '@syncline/protocol'
import { RelayError } from './errors.ts'

/** What a relay allows. All of it can be set; the defaults are for one machine that serves thousands of connections. */
export interface RelayLimits {
  /** One message, in either direction. */
  readonly maxMessageBytes: number
  /** One Change record. */
  readonly maxChangeBytes: number
  /** How far the stamp of a Change may be ahead of the relay's clock. */
  readonly maxAheadMs: number
  /** How long a client may take to say hello. */
  readonly helloTimeoutMs: number
  /** A connection that says nothing for so long is ended. Clients ping every 15 s. */
  readonly silenceTimeoutMs: number
  /** Above so many bytes on their way to a client, nothing is added: it gets the rest from the log when it has caught up. */
  readonly highWaterBytes: number
  /** Above so many a connection is ended. One greatest Change must fit on top of the high-water mark. */
  readonly maxBufferedBytes: number
  /** A connection above the high-water mark that takes not one byte for so long is ended. */
  readonly stuckTimeoutMs: number
  /** How often a connection above the high-water mark is looked at. */
  readonly drainPollMs: number
  /** A `changes` frame holds so many bytes of records at most, unless one record alone is longer. */
  readonly maxFrameBytes: number
  /** Reading from a client stops while so many bytes of its Changes are not yet stored. */
  readonly maxUnstoredBytes: number
  /** Messages that a connection may say in a second, and twice as many at once after a pause; 0: no bound. */
  readonly maxMessagesPerSecond: number
  /** Bytes of them, in the same way. */
  readonly maxBytesPerSecond: number
  /** Connections from one address, as the listener knows it; 0: no bound. */
  readonly maxSocketsPerAddress: number
  /** Spaces that one connection may follow at a time. */
  readonly maxChannels: number
  /** From so many spaces on, a client may call their roll in place of opening each. */
  readonly leastRoll: number
  /** From so many spaces in memory on, those go in which nothing happens and who follows them can be counted by a roll again. */
  readonly maxRooms: number
  /** Rolls that nobody follows take so much memory at most: who comes back need not name its spaces again. */
  readonly maxIdleRollBytes: number
  /** Writers that one `open`, or the dependencies of one Change, may name: the sessions of one browser with pending Changes. */
  readonly maxNamedWriters: number
  /** Yjs clients that one Change may name: one for most sessions, a few for what was undone or written beside an open document. */
  readonly maxNamedClients: number
  /** Refs, collections and lists that a Change on `relay` refs may expect to hold what they did. */
  readonly maxExpectations: number
  /** Ids of members that these may be about. */
  readonly maxExpectedIds: number
  /** One presence payload. */
  readonly maxPresenceBytes: number
  /** Presence slots of one session in one space: one for each tab of a browser. */
  readonly maxPresenceSlots: number
  /** From so many clients in a space on, presence is told in turns of `presenceWindowMs`. */
  readonly busyPresence: number
  readonly presenceWindowMs: number
  /** A log is worth a checkpoint, or a new one, when who comes new is told so many bytes of it; and as many as the one before is long. */
  readonly leastTailBytes: number
  /** Checkpoints take so much memory at most, while they are sent. */
  readonly maxHotCheckpointBytes: number
  /** What a client may join of a log that was lost, in all. */
  readonly maxJoinBytes: number
  /** Who is at it may be silent for so long, and then the next one is. */
  readonly joinTimeoutMs: number
  /** When a client that was sent away is to come back. */
  readonly retryAfterMs: number
}

/** The name of a limit. */
export type LimitName = keyof RelayLimits

export const defaultLimits: RelayLimits = {
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxChangeBytes: MAX_CHANGE_BYTES,
  maxAheadMs: 60_000,
  helloTimeoutMs: 10_000,
  silenceTimeoutMs: 45_000,
  highWaterBytes: 1024 * 1024,
  maxBufferedBytes: MAX_CHANGE_BYTES + 2 * 1024 * 1024,
  stuckTimeoutMs: 10_000,
  drainPollMs: 20,
  maxFrameBytes: 256 * 1024,
  maxUnstoredBytes: 8 * 1024 * 1024,
  maxMessagesPerSecond: 0,
  maxBytesPerSecond: 0,
  maxSocketsPerAddress: 0,
  maxChannels: 10_000,
  leastRoll: 64,
  maxRooms: 2_000,
  maxIdleRollBytes: 64 * 1024 * 1024,
  maxNamedWriters: 10_000,
  maxNamedClients: 10_000,
  maxExpectations: 10_000,
  maxExpectedIds: 100_000,
  maxPresenceBytes: 4096,
  maxPresenceSlots: 64,
  busyPresence: 20,
  presenceWindowMs: 16,
  leastTailBytes: 256 * 1024,
  maxHotCheckpointBytes: 128 * 1024 * 1024,
  maxJoinBytes: 256 * 1024 * 1024,
  joinTimeoutMs: 10_000,
  retryAfterMs: 1000,
}

/** The least and the greatest that the protocol can say. */
const bounds: Partial<Record<LimitName, readonly [least: number, most: number]>> = {
  maxMessageBytes: [MIN_MESSAGE_BYTES, Number.MAX_SAFE_INTEGER],
  maxChangeBytes: [1, MAX_CHANGE_BYTES],
}

/** The limits with what somebody has set. Throws `RelayError` `invalid-limit` for what cannot be one. */
export function limitsWith(given: Partial<RelayLimits> = {}): RelayLimits {
  const limits = { ...defaultLimits, ...given }
  for (const [name, value] of Object.entries(limits)) {
    const [least, most] = bounds[name as LimitName] ?? [0, Infinity]
    const isCount = Number.isSafeInteger(value) || value === Infinity
    if (isCount && value >= least && value <= most) continue
    throw new RelayError(
      'invalid-limit',
      `The limit ${name} is ${value}; it must be a whole number from ${least} to ${most}.`,
    )
  }
  return limits
}

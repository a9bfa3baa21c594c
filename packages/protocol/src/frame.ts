import type { Basis, Epoch, WriterId } from '@syncline/stm'

/** One statement in the conversation of a client and the relay. PROTOCOL.md says who says what, and when. */
export type Frame =
  | HelloFrame
  | WelcomeFrame
  | OpenFrame
  | BasisFrame
  | ChangesFrame
  | AcknowledgementFrame
  | RefusalFrame
  | PresenceFrame
  | FailureFrame
  | LeaveFrame
  | PingFrame
  | PongFrame
  | AbortFrame
  | EpochFrame
  | NewcomerFrame
  | CheckpointFrame
  | ApartFrame
  | JoinFrame
  | RollsFrame
  | RollFrame
  | UnnamedFrame
  | NamesFrame
  | MarksFrame
  | BelowFrame
  | StandFrame
  | SinglyFrame
  | SentFrame
  | ExpiresFrame
  | CredentialFrame

/** The client's first word. */
export interface HelloFrame {
  readonly type: 'hello'
  /** The newest and the oldest protocol version the client speaks. */
  readonly protocol: number
  readonly oldest: number
  /** What the client is, for the relay's log. */
  readonly agent: string
  /** The version of the app's schema. */
  readonly schema: number
  /** Who the client is, in the form that the relay's operator chose. */
  readonly credential: Uint8Array
}

/** The relay's answer to `hello`. */
export interface WelcomeFrame {
  readonly type: 'welcome'
  /** The version that both speak from now on. */
  readonly protocol: number
  /** The relay's clock, in milliseconds since 1970. */
  readonly timeMs: number
  /** The connection's id, 32 lower-case hexadecimal digits. */
  readonly session: string
  readonly maxMessageBytes: number
  readonly maxChangeBytes: number
}

/** "I want to follow this space, and this is what I have." */
export interface OpenFrame {
  readonly type: 'open'
  readonly channel: number
  readonly space: string
  /** Its epoch is null when the client has never met the relay's log of this space. */
  readonly basis: Basis
}

/** The relay's answer to `open`. */
export interface BasisFrame {
  readonly type: 'basis'
  readonly channel: number
  /** The relaySeq of the newest Change. */
  readonly head: number
  /** The last seq the relay has of each writer that `open` named; 0 when it has none. */
  readonly writers: ReadonlyMap<WriterId, number>
}

/** Change records, at least one. */
export interface ChangesFrame {
  readonly type: 'changes'
  readonly channel: number
  /** The relaySeq of the first record, from which they count up; 0 from a client. */
  readonly first: number
  readonly records: readonly Uint8Array[]
}

/** "Your Changes `firstSeq`, `firstSeq + 1` … stand in the log at `first`, `first + 1` …": `count` of them, 65,536 at most. */
export interface AcknowledgementFrame {
  readonly type: 'acknowledgement'
  readonly channel: number
  readonly first: number
  readonly writer: WriterId
  readonly firstSeq: number
  readonly count: number
}

/** "This Change, and all later ones of its writer, will not stand in the log." */
export interface RefusalFrame {
  readonly type: 'refusal'
  readonly channel: number
  readonly writer: WriterId
  readonly seq: number
  readonly code: OpenCode<RefusalCode>
  readonly message: string
}

/** What a session shows of itself, for the others in the space. Never stored. */
export interface PresenceFrame {
  readonly type: 'presence'
  readonly channel: number
  /** Whose it is, 32 lower-case hexadecimal digits; all zeros from a client. */
  readonly session: string
  /** Tells apart what comes through one connection: the tabs of one browser share it. */
  readonly slot: number
  /** Empty: gone. */
  readonly payload: Uint8Array
}

/**
 * On channel 0: "this connection ends now". On another: "this channel has ended"; with `too-large` and `too-busy` only "your
 * presence was dropped".
 */
export interface FailureFrame {
  readonly type: 'failure'
  readonly channel: number
  readonly code: OpenCode<FailureCode>
  readonly message: string
  /** When to come back; 0 when the relay does not say. */
  readonly retryAfterMs: number
}

/** "I no longer follow this space." */
export interface LeaveFrame {
  readonly type: 'leave'
  readonly channel: number
}

/** Asks for a `pong` of the same token. */
export interface PingFrame {
  readonly type: 'ping'
  readonly token: number
}

export interface PongFrame {
  readonly type: 'pong'
  readonly token: number
}

/**
 * "If this Change is not in the log, it shall never be": asked by who cannot know whether a Change of a tab that is dead has reached the
 * relay. Either it is in the stream, or a refusal ends its writer.
 */
export interface AbortFrame {
  readonly type: 'abort'
  readonly channel: number
  readonly writer: WriterId
  readonly seq: number
}

/** "What follows in the stream of this space stands in this epoch": another run of a relay has written it than what came before. */
export interface EpochFrame {
  readonly type: 'epoch'
  readonly channel: number
  readonly epoch: Epoch
}

/**
 * "I have nothing of the space that I open on this channel next: a checkpoint does as well as its log." A relay that knows none of that, or has no checkpoint, tells
 * the log.
 */
export interface NewcomerFrame {
  readonly type: 'newcomer'
  readonly channel: number
}

/** A piece of the bytes of an entry `whole`, which stands for the log up to the relaySeq in its ledger: the stream goes on behind that. */
export interface CheckpointFrame {
  readonly type: 'checkpoint'
  readonly channel: number
  readonly isLast: boolean
  /** One byte at least. */
  readonly piece: Uint8Array
}

/** Said by the relay before its `welcome`: "who has many spaces to open can call the roll", if it is of so many. */
export interface RollsFrame {
  readonly type: 'rolls'
  readonly least: number
  readonly most: number
}

/** "I want to follow these spaces, and this is the mark of what I have of them": in place of an `open` for each. All that is said about a roll has the channel of its first space. */
export interface RollFrame {
  readonly type: 'roll'
  /** That of the first space; the others follow in their order. */
  readonly channel: number
  /** The id of the spaces, by their names. */
  readonly roll: string
  readonly count: number
  /** The root of the tree of marks of where the client stands. */
  readonly root: Uint8Array
}

/** "What you have said you are is good for so many milliseconds from now on." */
export interface ExpiresFrame {
  readonly type: 'expires'
  readonly inMs: number
}

/** "I am still who I said I am, and this says so from now on": in place of the credential of `hello`. */
export interface CredentialFrame {
  readonly type: 'credential'
  readonly credential: Uint8Array
}

/** "I do not know what spaces these are: say their names." */
export interface UnnamedFrame {
  readonly type: 'unnamed'
  readonly channel: number
}

/** The names of the spaces of a roll, ascending by UTF-16 code units. */
export interface NamesFrame {
  readonly type: 'names'
  readonly channel: number
  readonly names: readonly string[]
}

/** What the relay has below the root, or below what was asked for: marks, in order. */
export interface MarksFrame {
  readonly type: 'marks'
  readonly channel: number
  readonly marks: Uint8Array
}

/** "What stands below these marks of this level is not what I have: what is it?" */
export interface BelowFrame {
  readonly type: 'below'
  readonly channel: number
  readonly level: number
  /** Ascending, one at least. */
  readonly nodes: readonly number[]
}

/** "Every channel of the roll that I have not opened or left is open from where I stand": from the client when it has compared, from the relay when there is nothing to compare. */
export interface StandFrame {
  readonly type: 'stand'
  readonly channel: number
}

/** "Open each by itself": from the relay, which forgets about the roll. */
export interface SinglyFrame {
  readonly type: 'singly'
  readonly channel: number
}

/** "So much came before this on our connection", for who has got another amount: the one who says it has sent messages that never came. */
export interface SentFrame {
  readonly type: 'sent'
  /** Of all messages before the one in which this is the first frame. */
  readonly bytes: number
}

/**
 * The relay's other answer to `open`: "what you have is not in my log", because that was lost, or has come back from an old backup. The channel is open, and what is told on it begins with a
 * `basis` as soon as somebody has joined as much.
 */
export interface ApartFrame {
  readonly type: 'apart'
  readonly channel: number
  /** Up to where everything of the client's epoch is in the log, by itself or by a join; 0 when nothing is. */
  readonly relaySeq: number
  /** Whether it is for this client to join what it has. Otherwise it waits: for another one, or for this frame to come again. */
  readonly isTurn: boolean
}

/** "What somebody has joined comes now": Changes that stand before it and that it may not have, then its pieces, all as records; after them the stream goes on. */
export interface JoinFrame {
  readonly type: 'join'
  readonly channel: number
  /** In which it stands. */
  readonly epoch: Epoch
  /** The relaySeqs of its first and of its last piece. */
  readonly first: number
  readonly last: number
}

/** A code of this version, or one that a later version may bring. */
export type OpenCode<Known extends string> = Known | (string & {})

/** Why the relay refuses a Change. The table in PROTOCOL.md says what the client does about each. */
export type RefusalCode =
  | 'forbidden'
  | 'read-only'
  | 'too-large'
  | 'clock-ahead'
  | 'writer-clash'
  | 'missing-dependency'
  | 'after-refused'
  | 'unknown-precondition'
  | 'conflict'
  | 'aborted'
  | 'malformed'

/** Why a channel or a connection ends. */
export type FailureCode =
  | 'protocol-version'
  | 'epoch-changed'
  | 'unauthenticated'
  | 'forbidden'
  | 'malformed'
  | 'too-large'
  | 'too-busy'
  | 'storage-failed'
  | 'stopping'

/**
 * The WebSocket close code that follows a `failure` of the whole connection (RFC 6455, section 7.4; 4000 and up are free for
 * applications). 1000 is a normal end. `epoch-changed` ends a channel only.
 */
export const CLOSE_CODES: { readonly [code in Exclude<FailureCode, 'epoch-changed'>]: number } = {
  'protocol-version': 4406,
  unauthenticated: 4401,
  forbidden: 4403,
  malformed: 4400,
  'too-large': 1009,
  'too-busy': 1013,
  'storage-failed': 1011,
  stopping: 1001,
}

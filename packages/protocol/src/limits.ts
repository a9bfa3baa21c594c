/** The version of everything in PROTOCOL.md. It is raised when bytes move; a test over the golden vectors sees to it. */
export const PROTOCOL_VERSION = 3

/** The oldest version this code still speaks; what a `hello` says in `oldest`. */
export const OLDEST_PROTOCOL_VERSION = 1

/** One Change record is at most this long. */
export const MAX_CHANGE_BYTES: number = 16 * 1024 * 1024

/** One message on the wire is at most this long, its marker included, unless the relay's `welcome` says less. */
export const MAX_MESSAGE_BYTES: number = 1024 * 1024

/** A relay may not ask for messages shorter than this: parts of a few bytes would cost more than they carry. */
export const MIN_MESSAGE_BYTES = 1024

/** The frames of one packet, reassembled from parts, are together at most this long: one greatest Change and its frame. */
export const MAX_PACKET_BYTES: number = MAX_CHANGE_BYTES + 1024

/**
 * Levels of arrays and objects within one value. An app's own value has at most 65 (`toValue` of stm); operations wrap it
 * in a few more.
 */
export const MAX_VALUE_LEVELS = 80

/** One acknowledgement covers at most so many Changes: a receiver makes an item of each, and a number costs its sender nothing. */
export const MAX_ACKNOWLEDGED = 65_536

/** One packet has at most so many frames: a frame costs its receiver some hundred bytes and its sender three. */
export const MAX_PACKET_FRAMES = 4096

/** The checkpoint that a newcomer is sent is at most this long: it comes into a log, and out of it, as one entry. */
export const MAX_CHECKPOINT_BYTES: number = 32 * 1024 * 1024

/** The name of a space has at most so many UTF-16 code units. */
export const MAX_SPACE_NAME_LENGTH = 200

/** A roll has at most so many spaces. */
export const MAX_ROLL_SPACES = 65_536

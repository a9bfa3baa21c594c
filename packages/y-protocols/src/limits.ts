import { MAX_CHANGE_BYTES } from '@syncline/protocol'

/** What the endpoint allows. All of it can be set. */
export interface YLimits {
  /** One frame of a client, and so one update; a longer one ends the connection with 1009. A Change must hold it. */
  readonly maxFrameBytes: number
  /** What a client says of how far it is; with more the connection ends with 1009. */
  readonly maxStateVectorBytes: number
  /** What one client shows of itself. More is not shown. */
  readonly maxPresenceBytes: number
  /** Of one client waits so much for what it builds on; with more the connection ends with 1013. */
  readonly maxParkedBytes: number
  /** A connection on its way to which is more, beside the longest message, ends with 1013. What it lacks it gets when it comes back. */
  readonly maxBufferedBytes: number
  /** Above so much on its way to it, a client that asks what it lacks is answered when it has taken more. */
  readonly highWaterBytes: number
  /** Clients of one document. */
  readonly maxClients: number
  /** Characters of the path that names a document. */
  readonly maxPathLength: number
  /** What a client shows of itself ends when it was not shown again for so long. Clients show it every 15 s. */
  readonly presenceTimeoutMs: number
  /** Who is told nothing for so long is told that nothing has happened, and asked whether they are there. */
  readonly quietMs: number
  /** Who does not answer for so long is gone. */
  readonly answerTimeoutMs: number
  /** A document that nobody has open stays in memory for so long. */
  readonly idleMs: number
}

export const defaultYLimits: YLimits = {
  // What a Change has beside one update.
  maxFrameBytes: MAX_CHANGE_BYTES - 64 * 1024,
  maxStateVectorBytes: 1024 * 1024,
  maxPresenceBytes: 4096,
  maxParkedBytes: 1024 * 1024,
  maxBufferedBytes: 4 * 1024 * 1024,
  highWaterBytes: 1024 * 1024,
  maxClients: 1000,
  maxPathLength: 1024,
  presenceTimeoutMs: 30_000,
  quietMs: 20_000,
  answerTimeoutMs: 10_000,
  idleMs: 30_000,
}

import { encodeFrame, packFrames } from '@syncline/protocol'
import { basisFlaw } from './basis-flaw.ts'
import type { RelayLimits } from './limits.ts'
import type { Checkpoints, RelayLog, StoredCheckpoint } from './ports.ts'
import type { Followed } from './subscription.ts'

/** What who comes new to a space is sent in place of its log. */
export interface Newcomers {
  /** The checkpoint of this log, if there is one. Never rejects: the log says the same. */
  find(log: Followed): Promise<BroughtCheckpoint | undefined>
  /** Sees to it that there is a newer one, where that is worth it with so much of the log behind the last: with more than that is long. Never rejects. */
  renew(log: Followed, tailBytes: number): Promise<Renewed>
  /** Nobody follows the space any more. */
  forget(space: string): void
  /** Begins nothing any more. */
  close(): void
}

/** What has come of it. */
export interface Renewed {
  readonly isMade: boolean
  /** With so many bytes of the log behind it, it is worth to ask again. */
  readonly nextBytes: number
}

/** Where nobody makes any. */
export const noNewcomers: Newcomers = {
  find: async () => undefined,
  renew: async () => ({ isMade: false, nextBytes: Infinity }),
  forget: () => undefined,
  close: () => undefined,
}

export function createNewcomers(checkpoints: Checkpoints, limits: RelayLimits, log: RelayLog): Newcomers {
  /** Those that are sent now, the one that was asked for last as the last. */
  const hot = new Map<string, BroughtCheckpoint>()
  let hotBytes = 0
  /** What is being read, so that of many who come at once one reads it. */
  const reading = new Map<string, Promise<BroughtCheckpoint | undefined>>()
  const making = new Set<string>()
  /** One is made after the other. */
  let line: Promise<unknown> = Promise.resolve()
  let isClosed = false

  async function find(followed: Followed): Promise<BroughtCheckpoint | undefined> {
    const found = await newest(followed)
    if (found !== undefined) keep(followed.space, found)
    return found
  }

  /** The checkpoint of this log, which is not to be sent. */
  async function newest(followed: Followed): Promise<BroughtCheckpoint | undefined> {
    const { space } = followed
    let found = hot.get(space)
    if (found === undefined) {
      let underWay = reading.get(space)
      if (underWay === undefined) {
        underWay = read(space).finally(() => reading.delete(space))
        reading.set(space, underWay)
      }
      found = await underWay
    }
    if (found === undefined) return undefined
    const { stretches, durableHead: head } = followed
    // One that was made of another log than there is now, as before a backup came back, stays until it is made anew.
    return basisFlaw(found, { stretches, head }) === undefined ? found : undefined
  }

  async function read(space: string): Promise<BroughtCheckpoint | undefined> {
    try {
      const stored = await checkpoints.read(space)
      return stored && new BroughtCheckpoint(stored, limits)
    } catch (error) {
      log.warn({ space, err: error }, 'The checkpoint of a space cannot be read. Newcomers are told its log.')
      return undefined
    }
  }

  function keep(space: string, one: BroughtCheckpoint): void {
    forget(space)
    hot.set(space, one)
    hotBytes += one.sizeBytes
    for (const other of hot.keys()) {
      if (hotBytes <= limits.maxHotCheckpointBytes) return
      forget(other)
    }
  }

  function forget(space: string): void {
    hotBytes -= hot.get(space)?.sizeBytes ?? 0
    hot.delete(space)
  }

  async function renew(followed: Followed, tailBytes: number): Promise<Renewed> {
    const { space } = followed
    if (isClosed || making.has(space)) return { isMade: false, nextBytes: 2 * tailBytes }
    making.add(space)
    try {
      // Only so much of it: it is not to be held while the next one is made.
      const bytesNow = (await newest(followed))?.bytes.length ?? 0
      if (bytesNow > 0 && tailBytes <= bytesNow) return { isMade: false, nextBytes: bytesNow }
      const work = line.then(() => (isClosed ? undefined : checkpoints.make(space, followed.durableHead)))
      line = work.catch(() => undefined)
      const made = await work
      if (made === undefined) return { isMade: false, nextBytes: 2 * tailBytes }
      forget(space)
      return { isMade: true, nextBytes: Math.max(limits.leastTailBytes, made.bytes.length) }
    } catch (error) {
      log.warn({ space, err: error }, 'No checkpoint could be made of a space. Newcomers are told its log.')
      return { isMade: false, nextBytes: 2 * tailBytes }
    } finally {
      making.delete(space)
    }
  }

  return {
    find,
    renew,
    forget,
    close: () => void (isClosed = true),
  }
}

/** A checkpoint on its way to newcomers: the same messages for all of them. */
export class BroughtCheckpoint implements StoredCheckpoint {
  readonly epoch: string
  readonly relaySeq: number
  readonly bytes: Uint8Array
  readonly #limits: RelayLimits
  #channel = 0
  #messages: readonly Uint8Array[] = []

  constructor({ epoch, relaySeq, bytes }: StoredCheckpoint, limits: RelayLimits) {
    this.epoch = epoch
    this.relaySeq = relaySeq
    this.bytes = bytes
    this.#limits = limits
  }

  /** What it takes in memory. */
  get sizeBytes(): number {
    return 2 * this.bytes.length
  }

  /** The messages that say it on a channel. Nearly everybody has the space on the same one, the first. */
  on(channel: number): readonly Uint8Array[] {
    if (this.#channel !== channel) {
      this.#channel = channel
      this.#messages = [...this.#pieces(channel)]
    }
    return this.#messages
  }

  *#pieces(channel: number): Iterable<Uint8Array> {
    const { maxFrameBytes, maxMessageBytes } = this.#limits
    const { length } = this.bytes
    for (let at = 0; at < length; at += maxFrameBytes) {
      const piece = this.bytes.subarray(at, at + maxFrameBytes)
      const frame = encodeFrame({ type: 'checkpoint', channel, isLast: at + piece.length === length, piece })
      yield* packFrames([frame], maxMessageBytes)
    }
  }
}

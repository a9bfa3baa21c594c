import { encodeFrame, MAX_ACKNOWLEDGED, recordAuthor } from '@syncline/protocol'
import type { WriterId } from '@syncline/stm'
import type { Outbox } from './outbox.ts'

/** Who made a Change. */
export interface Author {
  readonly writer: WriterId
  readonly seq: number
}

/** A stretch of a space's log on its way to those who follow it. What is the same for several of them is encoded once. */
export interface Delivery {
  readonly last: number
  readonly sizeBytes: number
  /** Whether some of it is by writers of who has these. */
  isPartOwn(own: ReadonlyMap<WriterId, number> | undefined): boolean
  /**
   * Queues the stretch for one receiver: an acknowledgement in place of each Change that is its own (`own`: writers, and up to
   * which seq; none where it has written nothing), the records of all others, in the order of the log.
   */
  to(outbox: Outbox, channel: number, own: ReadonlyMap<WriterId, number> | undefined): void
}

/** Makes the delivery of `records`, which stand at `first`, `first + 1` … in the log. */
export function createDelivery(
  first: number,
  records: readonly Uint8Array[],
  maxFrameBytes: number,
  authors?: readonly Author[],
): Delivery {
  return new RecordsDelivery(first, records, maxFrameBytes, authors)
}

/** A class, as there is one for each edit that comes alone, of which most are told whole: to whoever wrote it, and to all others. */
class RecordsDelivery implements Delivery {
  readonly last: number
  readonly sizeBytes: number
  readonly #first: number
  readonly #records: readonly Uint8Array[]
  /** Found out when somebody asks who has written himself. */
  #authors: readonly Author[] | undefined
  readonly #maxFrameBytes: number
  #writers: ReadonlySet<WriterId> | undefined
  /** The frames of all records. */
  #all: readonly SharedFrame[] | undefined
  /** Those of parts, for who has written some of them. */
  #parts: Map<string, readonly SharedFrame[]> | undefined

  constructor(
    first: number,
    records: readonly Uint8Array[],
    maxFrameBytes: number,
    authors: readonly Author[] | undefined,
  ) {
    this.last = first + records.length - 1
    let sizeBytes = 0
    for (const record of records) sizeBytes += record.length
    this.sizeBytes = sizeBytes
    this.#first = first
    this.#records = records
    this.#authors = authors
    this.#maxFrameBytes = maxFrameBytes
  }

  to(outbox: Outbox, channel: number, own: ReadonlyMap<WriterId, number> | undefined): void {
    const { length } = this.#records
    if (own === undefined || !this.isPartOwn(own)) return this.#sendOthers(outbox, channel, 0, length)
    const authors = this.#whose()
    for (let start = 0; start < length;) {
      const { writer, seq } = authors[start]!
      let end = start + 1
      if (isOwn(authors[start]!, own)) {
        while (end < length && continues(authors[end]!, writer, seq + end - start) && isOwn(authors[end]!, own)) {
          if (end - start === MAX_ACKNOWLEDGED) break
          end += 1
        }
        const first = this.#first + start
        outbox.say({ type: 'acknowledgement', channel, first, writer, firstSeq: seq, count: end - start })
      } else {
        while (end < length && !isOwn(authors[end]!, own)) end += 1
        this.#sendOthers(outbox, channel, start, end)
      }
      start = end
    }
  }

  isPartOwn(own: ReadonlyMap<WriterId, number> | undefined): boolean {
    if (own === undefined) return false
    const authors = this.#whose()
    if (authors.length === 1) return own.has(authors[0]!.writer)
    this.#writers ??= new Set(authors.map(({ writer }) => writer))
    for (const writer of this.#writers) if (own.has(writer)) return true
    return false
  }

  #whose(): readonly Author[] {
    return (this.#authors ??= this.#records.map(recordAuthor))
  }

  #sendOthers(outbox: Outbox, channel: number, from: number, to: number): void {
    for (const frame of this.#framesOf(from, to)) outbox.queue(frame.on(channel))
  }

  /** The frames of records `from` to `to` (exclusive). */
  #framesOf(from: number, to: number): readonly SharedFrame[] {
    if (to - from === this.#records.length) return (this.#all ??= this.#encode(from, to))
    const parts = (this.#parts ??= new Map())
    const key = `${from}-${to}`
    let frames = parts.get(key)
    if (frames === undefined) parts.set(key, (frames = this.#encode(from, to)))
    return frames
  }

  #encode(from: number, to: number): SharedFrame[] {
    const records = this.#records
    const frames: SharedFrame[] = []
    for (let start = from; start < to;) {
      let end = start + 1
      let bytes = records[start]!.length
      while (end < to && bytes + records[end]!.length <= this.#maxFrameBytes) bytes += records[end++]!.length
      frames.push(new SharedFrame(this.#first + start, records.slice(start, end)))
      start = end
    }
    return frames
  }
}

function isOwn({ writer, seq }: Author, own: ReadonlyMap<WriterId, number>): boolean {
  return (own.get(writer) ?? 0) >= seq
}

function continues(author: Author, writer: WriterId, seq: number): boolean {
  return author.writer === writer && author.seq === seq
}

/** A frame for many: encoded once for each channel number that it goes out under, of which there is mostly one. */
class SharedFrame {
  readonly #first: number
  readonly #records: readonly Uint8Array[]
  #channel = 0
  #frame: Uint8Array = nothing
  #others: Map<number, Uint8Array> | undefined

  constructor(first: number, records: readonly Uint8Array[]) {
    this.#first = first
    this.#records = records
  }

  on(channel: number): Uint8Array {
    if (this.#channel === channel) return this.#frame
    if (this.#channel === 0) {
      this.#channel = channel
      return (this.#frame = this.#encode(channel))
    }
    const others = (this.#others ??= new Map())
    let frame = others.get(channel)
    if (frame === undefined) others.set(channel, (frame = this.#encode(channel)))
    return frame
  }

  #encode(channel: number): Uint8Array {
    return encodeFrame({ type: 'changes', channel, first: this.#first, records: this.#records })
  }
}

const nothing = new Uint8Array(0)

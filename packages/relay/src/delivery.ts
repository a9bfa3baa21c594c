import { encodeFrameBody, frameFromBody, MAX_ACKNOWLEDGED, recordAuthor } from '@syncline/protocol'
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
  authors: readonly Author[] = records.map(recordAuthor),
): Delivery {
  const sizeBytes = records.reduce((sum, record) => sum + record.length, 0)
  const writers = new Set(authors.map(({ writer }) => writer))
  const bodies = new Map<string, readonly SharedFrame[]>()

  function isPartOwn(own: ReadonlyMap<WriterId, number>): boolean {
    for (const writer of writers) if (own.has(writer)) return true
    return false
  }

  /** The frames of records `from` to `to` (exclusive). */
  function framesOf(from: number, to: number): readonly SharedFrame[] {
    const key = `${from}-${to}`
    let frames = bodies.get(key)
    if (frames === undefined) bodies.set(key, (frames = encode(from, to)))
    return frames
  }

  function encode(from: number, to: number): SharedFrame[] {
    const frames: SharedFrame[] = []
    for (let start = from; start < to;) {
      let end = start + 1
      let bytes = records[start]!.length
      while (end < to && bytes + records[end]!.length <= maxFrameBytes) bytes += records[end++]!.length
      frames.push(shareFrame(first + start, records.slice(start, end)))
      start = end
    }
    return frames
  }

  return {
    last: first + records.length - 1,
    sizeBytes,
    to(outbox, channel, own) {
      const sendOthers = (from: number, to: number): void => {
        for (const frame of framesOf(from, to)) outbox.queue(frame(channel))
      }
      if (own === undefined || !isPartOwn(own)) return sendOthers(0, records.length)
      const isOwn = ({ writer, seq }: Author): boolean => (own.get(writer) ?? 0) >= seq
      for (let start = 0; start < records.length;) {
        const { writer, seq } = authors[start]!
        const mine = isOwn(authors[start]!)
        let end = start + 1
        if (mine) {
          while (end < records.length && continues(authors[end]!, writer, seq + end - start) && isOwn(authors[end]!)) {
            if (end - start === MAX_ACKNOWLEDGED) break
            end += 1
          }
          outbox.say({
            type: 'acknowledgement',
            channel,
            first: first + start,
            writer,
            firstSeq: seq,
            count: end - start,
          })
        } else {
          while (end < records.length && !isOwn(authors[end]!)) end += 1
          sendOthers(start, end)
        }
        start = end
      }
    },
  }
}

function continues(author: Author, writer: WriterId, seq: number): boolean {
  return author.writer === writer && author.seq === seq
}

/** A frame for many: encoded once, and once more for each channel number that it goes out under. */
type SharedFrame = (channel: number) => Uint8Array

function shareFrame(first: number, records: readonly Uint8Array[]): SharedFrame {
  const body = encodeFrameBody({ type: 'changes', channel: 1, first, records })
  const byChannel = new Map<number, Uint8Array>()
  return (channel) => {
    let frame = byChannel.get(channel)
    if (frame === undefined) byChannel.set(channel, (frame = frameFromBody('changes', channel, body)))
    return frame
  }
}

import { createDelivery, type Delivery } from './delivery.ts'
import { RelayError } from './errors.ts'
import type { LogStorage } from './ports.ts'

/**
 * Reads logs for those who are behind. What several are to be told is read, checked and framed once, as long as it is among what was read last. They come from different places, so
 * stretches end where those of the others do: after a few short ones everybody is told the same.
 */
export interface LogReading {
  /** What stands behind a relaySeq, up to another one or less far: at once where somebody has just read it. Rejects as the storage does, and where there is nothing. */
  after(space: string, relaySeq: number, upTo: number): Delivery | Promise<Delivery>
  /** Nobody follows the space, or what is stored of it is not what it was believed to be. */
  forget(space: string): void
}

/** So much is kept of what was read, of all spaces together. */
const KEPT_BYTES = 8 * 1024 * 1024
/** What is kept has its records, the frames that say them, and so much beside. */
const TIMES = 2
const BESIDE_BYTES = 512

/** A stretch ends at a multiple of this, or of a power of two times as much: as much as divides where it begins. */
const LEAST_RECORDS = 16
const MOST_RECORDS = 65_536

/** What was read of one space, by the relaySeq behind which it stands. */
type Read = Map<number, Delivery | Promise<Delivery>>

/** Has read nothing yet. */
export function createLogReading(storage: LogStorage, maxFrameBytes: number): LogReading {
  /** The space of which something was read last comes last. */
  const spaces = new Map<string, Read>()
  let keptBytes = 0

  async function read(of: Read, space: string, relaySeq: number, upTo: number): Promise<Delivery> {
    const records = await storage.read(space, relaySeq, Math.min(upTo, endOfStretch(relaySeq)), maxFrameBytes)
    if (records.length === 0) throw new RelayError('damaged', 'There is no Change there.', { relaySeq: relaySeq + 1 })
    const delivery = createDelivery(relaySeq + 1, records, maxFrameBytes)
    if (spaces.get(space) === of) keep(of, space, relaySeq, delivery)
    return delivery
  }

  function keep(of: Read, space: string, relaySeq: number, delivery: Delivery): void {
    of.delete(relaySeq)
    of.set(relaySeq, delivery)
    keptBytes += sizeOf(delivery)
    spaces.delete(space)
    spaces.set(space, of)
    for (const [oldest, all] of spaces) {
      for (const [from, one] of all) {
        if (keptBytes <= KEPT_BYTES) return
        // Somebody waits for it.
        if (one instanceof Promise) continue
        all.delete(from)
        keptBytes -= sizeOf(one)
      }
      if (all.size === 0) spaces.delete(oldest)
    }
  }

  return {
    after(space, relaySeq, upTo) {
      let of = spaces.get(space)
      if (of === undefined) spaces.set(space, (of = new Map()))
      const found = of.get(relaySeq)
      if (found !== undefined) return found
      const reading = read(of, space, relaySeq, upTo)
      of.set(relaySeq, reading)
      // Who asks again has it read again.
      reading.catch(() => of.delete(relaySeq))
      return reading
    },
    forget(space) {
      for (const one of spaces.get(space)?.values() ?? []) if (!(one instanceof Promise)) keptBytes -= sizeOf(one)
      spaces.delete(space)
    },
  }
}

const sizeOf = ({ sizeBytes }: Delivery): number => TIMES * sizeBytes + BESIDE_BYTES

/** Where a stretch ends that begins behind a relaySeq. */
function endOfStretch(relaySeq: number): number {
  let records = LEAST_RECORDS
  while (records < MOST_RECORDS && relaySeq % (2 * records) === 0) records *= 2
  return relaySeq - (relaySeq % records) + records
}

import type { WriterId } from '@syncline/stm'
import type { EndedWriter, WriterState } from './ports.ts'

/** So many checksums of a writer are remembered: more Changes than that are seldom sent again after a lost acknowledgement. */
const RECENT = 32

/** So many writers without anything on its way to the disk stay in memory for each space. */
const KEPT = 4096

/** What a relay knows of the writers of one space: as it will be when all that is on its way is stored. */
export interface Writers {
  /** Those of `ids` that have to be read first. */
  unknown(ids: Iterable<WriterId>): readonly WriterId[]
  /** Takes what was read; those who are not in `found` never wrote. */
  learn(ids: readonly WriterId[], found: ReadonlyMap<WriterId, WriterState>): void
  /** Whether a writer is known. */
  has(id: WriterId): boolean
  /** The state of a writer that is known, which moves with it. */
  get(id: WriterId): WriterState
  /** The seq up to which a writer's Changes are durable. */
  durableSeq(id: WriterId): number
  /** From some seq on, a writer's Changes are refused. */
  end(id: WriterId, ended: EndedWriter): void
  /** The state of a writer after one more Change. */
  append(id: WriterId, seq: number, checksum: number): void
  /** What is to be stored of `ids`. They stay in memory until `stored` is called with the same. */
  toStore(ids: Iterable<WriterId>): ReadonlyMap<WriterId, WriterState>
  stored(states: ReadonlyMap<WriterId, WriterState>): void
  /** Forgets the longest known of those that can be read again. */
  trim(): void
}

/** Each Change of a burst moves it, so it moves in place. */
interface Known {
  lastSeq: number
  recent: number[]
  ended: EndedWriter | null
  durableSeq: number
  /** Set while it differs from what is being stored, or is stored. */
  isAhead: boolean
  /** While something of it is being stored. */
  isStoring: boolean
}

const none: readonly never[] = []
const absent: WriterState = { lastSeq: 0, recent: [], ended: null }

export function createWriters(): Writers {
  const known = new Map<WriterId, Known>()

  return {
    unknown(ids) {
      let found: Set<WriterId> | undefined
      for (const id of ids) if (!known.has(id)) (found ??= new Set()).add(id)
      return found === undefined ? none : [...found]
    },
    learn(ids, found) {
      for (const id of ids) {
        const { lastSeq, recent, ended } = found.get(id) ?? absent
        known.set(id, { lastSeq, recent: [...recent], ended, durableSeq: lastSeq, isAhead: false, isStoring: false })
      }
    },
    has: (id) => known.has(id),
    get: (id) => known.get(id)!,
    durableSeq: (id) => known.get(id)!.durableSeq,
    end(id, ended) {
      const entry = known.get(id)!
      entry.ended = ended
      entry.isAhead = true
    },
    append(id, seq, checksum) {
      const entry = known.get(id)!
      entry.lastSeq = seq
      entry.recent.push(checksum)
      if (entry.recent.length > RECENT) entry.recent.shift()
      entry.isAhead = true
    },
    toStore(ids) {
      const states = new Map<WriterId, WriterState>()
      for (const id of ids) {
        const entry = known.get(id)!
        const { lastSeq, recent, ended } = entry
        states.set(id, { lastSeq, recent: [...recent], ended })
        entry.isAhead = false
        entry.isStoring = true
      }
      return states
    },
    stored(states) {
      for (const [id, { lastSeq }] of states) {
        const entry = known.get(id)!
        entry.durableSeq = lastSeq
        entry.isStoring = false
      }
    },
    trim() {
      if (known.size <= KEPT) return
      for (const [id, { isAhead, isStoring }] of known) {
        if (!isAhead && !isStoring) known.delete(id)
        if (known.size <= KEPT / 2) return
      }
    },
  }
}

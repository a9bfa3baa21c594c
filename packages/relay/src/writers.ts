import type { WriterId } from '@syncline/stm'
import type { WriterState } from './ports.ts'

/** So many checksums of a writer are remembered: more Changes than that are seldom sent again after a lost acknowledgement. */
const RECENT = 32

/** So many writers without anything on its way to the disk stay in memory for each space. */
const KEPT = 4096

/** What a relay knows of the writers of one space: as it will be when all that is on its way is stored. */
export interface Writers {
  /** Those of `ids` that have to be read first. */
  unknown(ids: Iterable<WriterId>): WriterId[]
  /** Takes what was read; those who are not in `found` never wrote. */
  learn(ids: readonly WriterId[], found: ReadonlyMap<WriterId, WriterState>): void
  /** The state of a writer that is known. */
  get(id: WriterId): WriterState
  /** The seq up to which a writer's Changes are durable. */
  durableSeq(id: WriterId): number
  set(id: WriterId, state: WriterState): void
  /** The state of a writer after one more Change. */
  append(id: WriterId, seq: number, checksum: number): void
  /** What is to be stored of `ids`. They stay in memory until `stored` is called with the same. */
  toStore(ids: Iterable<WriterId>): ReadonlyMap<WriterId, WriterState>
  stored(states: ReadonlyMap<WriterId, WriterState>): void
  /** Forgets the longest known of those that can be read again. */
  trim(): void
}

interface Known {
  state: WriterState
  durableSeq: number
  /** Set while the state differs from what is stored. */
  isAhead: boolean
}

const absent: WriterState = { lastSeq: 0, recent: [], ended: null }

export function createWriters(): Writers {
  const known = new Map<WriterId, Known>()

  const writers: Writers = {
    unknown: (ids) => [...new Set(ids)].filter((id) => !known.has(id)),
    learn(ids, found) {
      for (const id of ids) {
        const state = found.get(id) ?? absent
        known.set(id, { state, durableSeq: state.lastSeq, isAhead: false })
      }
    },
    get: (id) => known.get(id)!.state,
    durableSeq: (id) => known.get(id)!.durableSeq,
    set(id, state) {
      const entry = known.get(id)!
      entry.state = state
      entry.isAhead = true
    },
    append(id, seq, checksum) {
      const { recent, ended } = writers.get(id)
      writers.set(id, { lastSeq: seq, recent: [...recent.slice(1 - RECENT), checksum], ended })
    },
    toStore: (ids) => new Map([...ids].map((id) => [id, writers.get(id)])),
    stored(states) {
      for (const [id, state] of states) {
        const entry = known.get(id)!
        entry.durableSeq = state.lastSeq
        if (entry.state === state) entry.isAhead = false
      }
    },
    trim() {
      if (known.size <= KEPT) return
      for (const [id, { isAhead }] of known) {
        if (!isAhead) known.delete(id)
        if (known.size <= KEPT / 2) return
      }
    },
  }
  return writers
}

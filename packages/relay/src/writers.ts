import type { WriterId } from '@syncline/stm'
import type { EndedWriter, WriterState } from './ports.ts'

/** So many checksums of a writer are remembered: more Changes than that are seldom sent again after a lost acknowledgement. */
export const RECENT = 32

/** So many writers without anything on its way to the disk stay in memory for each space. */
const KEPT = 4096

/** Each Change of a burst moves it, so it moves in place. */
interface Known {
  lastSeq: number
  recent: number[]
  ended: EndedWriter | null
  principal: string | undefined
  durableSeq: number
  /** Set while it differs from what is being stored, or is stored. */
  isAhead: boolean
  /** While something of it is being stored. */
  isStoring: boolean
}

const none: readonly never[] = []
const absent: WriterState = { lastSeq: 0, recent: [], ended: null }

/** What a relay knows of the writers of one space: as it will be when all that is on its way is stored. A class, as there are many spaces. */
export class Writers {
  readonly #known = new Map<WriterId, Known>()

  has(id: WriterId): boolean {
    return this.#known.has(id)
  }

  /** Those of `ids` that have to be read first. */
  unknown(ids: Iterable<WriterId>): readonly WriterId[] {
    let found: Set<WriterId> | undefined
    for (const id of ids) if (!this.#known.has(id)) (found ??= new Set()).add(id)
    return found === undefined ? none : [...found]
  }

  /** Takes what was read; those who are not in `found` never wrote. */
  learn(ids: readonly WriterId[], found: ReadonlyMap<WriterId, WriterState>): void {
    for (const id of ids) {
      const { lastSeq, recent, ended, principal } = found.get(id) ?? absent
      const moving = { durableSeq: lastSeq, isAhead: false, isStoring: false }
      this.#known.set(id, { lastSeq, recent: [...recent], ended, principal, ...moving })
    }
  }

  /** The state of a writer that is known, which moves with it. */
  get(id: WriterId): WriterState {
    return this.#known.get(id)!
  }

  /** The seq up to which a writer's Changes are durable. */
  durableSeq(id: WriterId): number {
    return this.#known.get(id)!.durableSeq
  }

  /** From some seq on, a writer's Changes are refused. */
  end(id: WriterId, ended: EndedWriter): void {
    const entry = this.#known.get(id)!
    entry.ended = ended
    entry.isAhead = true
  }

  /** From now on a writer is a principal's, unless it is somebody's already. */
  bind(id: WriterId, principal: string): void {
    const entry = this.#known.get(id)!
    if (principal !== '') entry.principal ??= principal
  }

  /** The state of a writer after one more Change. */
  append(id: WriterId, seq: number, checksum: number): void {
    const entry = this.#known.get(id)!
    entry.lastSeq = seq
    entry.recent.push(checksum)
    if (entry.recent.length > RECENT) entry.recent.shift()
    entry.isAhead = true
  }

  /** A writer has come so far by what was joined to the log; of its Changes there nothing more is known. */
  raise(id: WriterId, seq: number): boolean {
    const entry = this.#known.get(id)!
    if (seq <= entry.lastSeq) return false
    entry.lastSeq = seq
    entry.recent = []
    entry.isAhead = true
    return true
  }

  /** What is to be stored of `ids`. They stay in memory until `stored` is called with the same. */
  toStore(ids: Iterable<WriterId>): ReadonlyMap<WriterId, WriterState> {
    const states = new Map<WriterId, WriterState>()
    for (const id of ids) {
      const entry = this.#known.get(id)!
      const { lastSeq, recent, ended, principal } = entry
      states.set(id, { lastSeq, recent: [...recent], ended, ...(principal !== undefined && { principal }) })
      entry.isAhead = false
      entry.isStoring = true
    }
    return states
  }

  stored(states: ReadonlyMap<WriterId, WriterState>): void {
    for (const [id, { lastSeq }] of states) {
      const entry = this.#known.get(id)!
      entry.durableSeq = lastSeq
      entry.isStoring = false
    }
  }

  /** Forgets the longest known of those that can be read again. */
  trim(): void {
    if (this.#known.size <= KEPT) return
    for (const [id, { isAhead, isStoring }] of this.#known) {
      if (!isAhead && !isStoring) this.#known.delete(id)
      if (this.#known.size <= KEPT / 2) return
    }
  }
}

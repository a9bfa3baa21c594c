import { decodeChange, decodeHeader } from '@syncline/protocol'
import type { Basis, ChangeId } from '@syncline/stm'
import { createMemoryStorage, RelayError, type LogStorage, type SpaceAppend } from '@syncline/relay'
import type { StorageCalls } from '../calls.ts'
import type { Decider } from '../decider.ts'
import type { Life } from '../life.ts'
import type { Weather } from '../weather.ts'
import { countingIn, idIn, seqIn, type Counting } from './lost-and-joined.ts'

/** The disk of a relay's machine. What is stored outlives the relay; a batch that was under way when it died is there as a whole, or not at all. */
export interface RelayDisk {
  /** The storage as one run of the relay has it: every operation takes its time, and ends with the relay. */
  mount(life: Life): LogStorage
  /** Whether writing fails for want of room. */
  isFull: boolean
  /** The records of a space, in order. */
  records(space: string): readonly Uint8Array[]
  /** What of them counts, and what was joined to them. */
  counting(space: string): Counting
  /** How often each thing that somebody did is in a space's log, by its number: by a record that counts, or by what was joined. What is there under another name, too, since it was refused again counts once. */
  times(space: string): ReadonlyMap<number, number>
  /** The number of each Change that was stored, was lost, and was refused when it came again: its author has authored it again, and whoever has it as it was may bring that back. */
  refusedAgain(): readonly number[]
  /** The latest stamp of what was ever lost, in milliseconds; 0 when nothing was. */
  latestLostMs(): number
  /** All that is stored, batch by batch. */
  readonly batches: readonly Batch[]
  /** Becomes what it was when it had so many batches. Returns the records that are gone. Nothing may be under way. */
  goBack(batches: number): readonly Uint8Array[]
  /** Whether a space's log has all that somebody has seen of it who is at this basis, by itself or by what was joined to it. */
  holds(space: string, basis: Pick<Basis, 'epoch' | 'relaySeq'>): boolean
  /** Whether a basis stands in a space's log itself. */
  stands(space: string, basis: Pick<Basis, 'epoch' | 'relaySeq'>): boolean
}

export type Batch = readonly SpaceAppend[]

/** `before` is what is stored on it already. */
export function createRelayDisk(
  weather: Weather,
  decider: Decider,
  calls: StorageCalls,
  before: readonly Batch[] = [],
): RelayDisk {
  let storage = createMemoryStorage()
  const stored: Batch[] = []
  const recordsOf = new Map<string, Uint8Array[]>()
  const state = { isFull: false }
  /** The numbers of what people did, by the Changes that were ever stored, also of those that are lost. */
  const numbers = new Map<ChangeId, number>()
  const lost = new Set<ChangeId>()
  let latestLostMs = 0
  const refusedAgain = new Set<ChangeId>()
  /** What counts, of so many records. */
  const counted = new Map<string, { readonly of: number; readonly counting: Counting }>()

  function counting(space: string): Counting {
    const records = recordsOf.get(space) ?? []
    let known = counted.get(space)
    if (known?.of !== records.length)
      counted.set(space, (known = { of: records.length, counting: countingIn(records) }))
    return known!.counting
  }

  function times(space: string): ReadonlyMap<number, number> {
    const { records, seqs } = counting(space)
    const found = new Map<number, number>()
    const count = (number: number | undefined): void => {
      if (number !== undefined) found.set(number, (found.get(number) ?? 0) + 1)
    }
    for (const { record } of records) count(numbers.get(idIn(record)))
    const again: number[] = []
    for (const [id, number] of numbers) {
      const { writer, seq } = seqIn(id)
      if (seq > (seqs.get(writer) ?? 0)) continue
      if (refusedAgain.has(id)) again.push(number)
      else count(number)
    }
    for (const number of again) if (!found.has(number)) count(number)
    return found
  }

  /** Until all that was stored before is in `storage`. */
  let loading: Promise<void> | undefined
  load(before)

  function load(batches: readonly Batch[]): void {
    for (const batch of batches) keep(batch)
    loading = fill(storage, batches).then(() => void (loading = undefined))
  }

  /** What is stored stays as it is. */
  function keep(batch: Batch): void {
    stored.push(batch)
    for (const { space, records, writers } of batch) {
      for (const id of lost) {
        const { writer, seq } = seqIn(id)
        if (seq >= (writers.get(writer)?.ended?.seq ?? Infinity)) refusedAgain.add(id)
      }
      for (const record of records) {
        const { meta } = decodeChange(record)
        if (typeof meta === 'number') numbers.set(idIn(record), meta)
      }
      const before = recordsOf.get(space)
      if (before === undefined) recordsOf.set(space, [...records])
      else before.push(...records)
    }
  }

  function stands(space: string, { epoch, relaySeq }: Pick<Basis, 'epoch' | 'relaySeq'>): boolean {
    if (relaySeq === 0) return true
    const isThere = (add: SpaceAppend): boolean =>
      add.space === space && add.epoch === epoch && add.first <= relaySeq && relaySeq < add.first + add.records.length
    return stored.flat().some(isThere)
  }

  async function append(batch: Batch): Promise<void> {
    await storage.append(batch)
    keep(
      batch.map((add) => ({
        ...add,
        records: add.records.map((record) => record.slice()),
        writers: new Map(add.writers),
        documents: new Map(add.documents),
      })),
    )
  }

  async function carryOut<T>(label: string, work: () => Promise<T>): Promise<T> {
    calls.reached('relay', label, 'before')
    try {
      if (loading !== undefined) await loading
      return await work()
    } finally {
      calls.reached('relay', label, 'after')
    }
  }

  function mount(life: Life): LogStorage {
    const asked = <T>(label: string, work: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        life.plan({
          kind: 'storage',
          label,
          inMs: weather.diskMs(),
          run: () => void carryOut(label, work).then(resolve, reject),
        })
        calls.asked()
        calls.made('relay')
      })
    return {
      gatherMs: weather.gatherMs(),
      space: (space) => asked('looks for a space', () => storage.space(space)),
      heads: (spaces) => asked('reads heads', () => storage.heads(spaces)),
      writers: (space, ids) => asked('reads writers', () => storage.writers(space, ids)),
      documents: (space, clients) => asked('reads documents', () => storage.documents(space, clients)),
      read: (space, after, upTo, maxBytes) => asked('reads', () => storage.read(space, after, upTo, maxBytes)),
      append(batch) {
        let isOver = false
        const stopWatching = life.onEnd(() => {
          // The relay has died with this under way, and nobody will be told.
          if (!isOver && !state.isFull && decider.happens('last batch of relay', 0.5))
            void carryOut('appends', () => append(batch))
        }, 'batch')
        return asked('appends', async () => {
          isOver = true
          stopWatching()
          if (state.isFull) {
            calls.declined('relay')
            throw new RelayError('storage-failed', 'The disk is full.')
          }
          await append(batch)
        })
      },
      close: async () => undefined,
    }
  }

  return {
    mount,
    get isFull() {
      return state.isFull
    },
    set isFull(isFull) {
      state.isFull = isFull
    },
    batches: stored,
    records: (space) => recordsOf.get(space) ?? [],
    counting,
    times,
    latestLostMs: () => latestLostMs,
    refusedAgain: () => [...refusedAgain].flatMap((id) => numbers.get(id) ?? []),
    goBack(batches) {
      const kept = stored.splice(0, batches)
      const gone = stored.splice(0)
      storage = createMemoryStorage()
      recordsOf.clear()
      counted.clear()
      load(kept)
      const records = gone.flat().flatMap((add) => add.records)
      for (const record of records) {
        lost.add(idIn(record))
        latestLostMs = Math.max(latestLostMs, Math.ceil(decodeHeader(record).at / 1000))
      }
      return records
    },
    holds: (space, basis) =>
      stands(space, basis) ||
      counting(space).covers.some(([epoch, upTo]) => epoch === basis.epoch && basis.relaySeq <= upTo),
    stands,
  }
}

async function fill(storage: LogStorage, batches: readonly Batch[]): Promise<void> {
  for (const batch of batches) await storage.append(batch)
}

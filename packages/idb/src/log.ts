import type { AppendOptions, Log, ReadRange, StoreError } from '@syncline/store'
import { FIRST_BATCH, nextBatch } from './batch.ts'
import type { Connection, StoreName } from './connection.ts'
import type { EntryRecord } from './format.ts'
import { createFreezing } from './freezing.ts'
import {
  claimedError,
  closedLogError,
  compactedError,
  damagedError,
  fencedError,
  nameOf,
  toStoreError,
} from './problems.ts'
import { lastKeyAtOnce, readAtOnce, resultOf, writeAtOnce, writeTogether } from './requests.ts'
import { putClaimRight } from './side-records.ts'
import { FLAWED, isStill } from './same-part.ts'
import { setAside } from './set-aside.ts'
import { MOST_COUNT, soundnessOf } from './soundness.ts'
import type { Surroundings } from './surroundings.ts'

/** So much of a checkpoint is handed over in one task: some ten milliseconds. */
const PIECE_BYTES = 4 * 1024 * 1024

/** An entry, or where something is that is none. */
type FoundRecord = EntryRecord | { readonly position: number; readonly flaw: string }

/** What is read next: from behind a position up to another one, and so many records at most. */
interface Stretch extends Pick<ReadRange, 'isBeginning'> {
  readonly from: number
  readonly upTo: number
  readonly most: number
}

/** The log of one space on a connection that other logs share. `release` is called once, when it is closed. */
export function createLog(
  name: string,
  space: string,
  connection: Connection,
  surroundings: Surroundings,
  release: () => void,
): Log {
  const { keyRange } = surroundings
  const unfinished = new Set<Promise<unknown>>()
  const stops = new Set<() => void>()
  let closed = false
  /** The greatest fence that this tab knows of. */
  let knownFence = 0
  /** The number that the last append was refused for; refused once more, though all was read, it is not because of another tab. */
  let refusedClaim: number | undefined
  /** The greatest that this tab has read or stored. */
  let seenClaim = 0
  const { sumOf, flawOf } = soundnessOf(space)

  function refuse(position: number, reason: string): never {
    throw damagedError(space, position, reason)
  }

  function assertOpen(): void {
    if (closed) throw closedLogError(space)
  }

  /** Runs `work`, so that `close` waits for it. */
  async function track<T>(asked: string, work: () => Promise<T>): Promise<T> {
    assertOpen()
    const working = work().catch((error: unknown) => {
      throw connection.lost() ?? toStoreError(error, name, asked)
    })
    unfinished.add(working)
    try {
      return await working
    } finally {
      unfinished.delete(working)
    }
  }

  /** Asks for entries after a position. */
  function ask<T>(
    after: number,
    request: (entries: IDBIndex, range: IDBKeyRange) => IDBRequest<T>,
    upTo = Infinity,
  ): Promise<T> {
    return inEntries((transaction, entries) => readAtOnce(transaction, () => request(entries, between(after, upTo))))
  }

  function inEntries<T>(read: (transaction: IDBTransaction, entries: IDBIndex) => Promise<T>): Promise<T> {
    return track('read from', () =>
      connection.begin(['entries'], 'readonly', {}, (transaction) =>
        read(transaction, transaction.objectStore('entries').index('bySpace')),
      ),
    )
  }

  /** What comes after a position, up to another one. */
  function between(after: number, upTo: number): IDBKeyRange {
    return keyRange.bound([space, after], [space, upTo], true)
  }

  /**
   * Up to `count` records after a position, which may be anything; whether they were read at one moment, and whether a part of the checkpoint in which that is was there
   * then. Where that is not known, it is to be asked.
   */
  async function readBatch(
    after: number,
    count: number,
    upTo: number,
    part: FoundRecord | undefined,
  ): Promise<{
    readonly records: readonly FoundRecord[]
    readonly isAtOnce: boolean
    readonly isThere?: boolean | undefined
  }> {
    let values: readonly unknown[]
    let before: unknown
    try {
      ;[values, before] = await inEntries((transaction, entries) => {
        const found = resultOf<unknown[]>(entries.getAll(between(after, upTo), count))
        const there = part && resultOf<unknown>(entries.get(placeOf(part.position)))
        transaction.commit()
        return Promise.all([found, there])
      })
    } catch (error) {
      // The storage cannot be read, or one record in it cannot.
      return { records: await readEach(after, count, upTo, error), isAtOnce: false }
    }
    let last = after
    for (const value of values) {
      // Where a bad one stands it does not say itself.
      if (flawOf(value, last) !== undefined) return { records: await readEach(after, count, upTo), isAtOnce: false }
      last = (value as EntryRecord).position
    }
    return {
      records: values as readonly EntryRecord[],
      isAtOnce: true,
      isThere: part && (await isThere(part, Promise.resolve(before))),
    }
  }

  /** The same records, each by itself. */
  async function readEach(
    after: number,
    count: number,
    upTo: number,
    unless?: unknown,
  ): Promise<readonly FoundRecord[]> {
    const keysAfter = (position: number, most: number): Promise<number[]> =>
      ask(position, (entries, range) => entries.getAllKeys(range, most), upTo) as Promise<number[]>
    const keys = await keysAfter(after, count).catch((error: unknown) => {
      throw unless ?? error
    })
    const keyAt = (position: number) => ask<IDBValidKey | undefined>(0, (entries) => entries.getKey(placeOf(position)))
    const found: FoundRecord[] = []
    let last = after
    for (const position of keys) {
      try {
        const value = await ask<unknown>(0, (entries) => entries.get(placeOf(position)))
        // Gone, and not damaged: another tab has put a checkpoint in its place, and what there is now is something else.
        if (value === undefined && (await keyAt(position)) === undefined) return readEach(after, count, upTo, unless)
        const flaw = flawOf(value, last)
        found.push(flaw === undefined ? (value as EntryRecord) : { position, flaw })
      } catch (error) {
        // When keys can be read all the same it is the record.
        await keysAfter(last, 1)
        found.push({ position, flaw: `the browser cannot read it (${String((error as StoreError).cause ?? error)})` })
      }
      last = position
    }
    return found
  }

  function readNewestFence(): Promise<number> {
    return connection.begin(['fences'], 'readonly', {}, async (transaction) => {
      // What is beyond them is no number of a fence, but damage, and fences go on below it.
      const range = keyRange.bound([space, 0], [space, MOST_COUNT])
      const key = (await lastKeyAtOnce(transaction, 'fences', range)) as [string, number] | undefined
      return key === undefined ? 0 : Math.floor(key[1])
    })
  }

  async function takeNextFence(): Promise<number> {
    for (;;) {
      const fence = knownFence + 1
      try {
        await connection.begin(['fences'], 'readwrite', {}, (transaction) =>
          writeAtOnce(transaction, () => transaction.objectStore('fences').add(true, [space, fence])),
        )
        knownFence = Math.max(knownFence, fence)
        return fence
      } catch (error) {
        if (nameOf(error) !== 'ConstraintError') throw error
        // Taken by somebody else, who thereby got ahead: each round is a step of somebody.
        knownFence = Math.max(knownFence, await readNewestFence())
      }
    }
  }

  async function appendRecord(
    entry: Uint8Array,
    { fence, claim, durability = 'relaxed', twice = false }: AppendOptions,
  ): Promise<IDBValidKey> {
    const stores: StoreName[] = ['entries']
    if (fence !== undefined) stores.push('fences')
    if (claim !== undefined) stores.push('claims')
    const sum = sumOf(entry, claim)
    const record = claim === undefined ? { space, entry, sum } : { space, entry, claim, sum }
    // By itself it is all there is to fail, and then it is stored even when the page ends with this task.
    const isAlone = stores.length === 1 && !twice
    const handOver: typeof writeAtOnce = (transaction, issue) =>
      isAlone ? writeAtOnce(transaction, issue) : writeTogether(surroundings, transaction, issue)
    let refusal: StoreError | undefined
    /** When this request fails, and with it the whole transaction, it is for this reason. */
    const orRefuse = (request: IDBRequest, reason: () => StoreError): void => {
      request.onerror = () => {
        if (nameOf(request.error) === 'ConstraintError') refusal ??= reason()
      }
    }
    try {
      const position = await connection.begin(stores, 'readwrite', { durability }, (transaction) =>
        handOver(transaction, () => {
          // The checks are writes that fail when another tab was first: they need no answer in between.
          if (fence !== undefined) {
            // Fences have no gaps, so a greater one exists exactly when the next one does.
            const fences = transaction.objectStore('fences')
            orRefuse(fences.add(true, [space, fence + 1]), () => fencedError(space, fence))
            fences.delete([space, fence + 1])
          }
          if (claim !== undefined) {
            // A space has one claim at most. When the newest is not the one before this, it is still there after the deletion.
            const claims = transaction.objectStore('claims')
            claims.delete([space, claim - 1])
            orRefuse(claims.add({ space, claim }), () => claimedError(space, claim))
          }
          const entries = transaction.objectStore('entries')
          if (twice) entries.add({ space, entry, sum: sumOf(entry, undefined) })
          return entries.add(record)
        }),
      )
      seenClaim = Math.max(seenClaim, claim ?? 0)
      return position
    } catch (error) {
      if (refusal?.code === 'claimed') await doubtClaims(claim!)
      // There is no number for it, nor for any other.
      if (!refusal && nameOf(error) === 'ConstraintError') connection.doubt()
      throw refusal ?? error
    }
  }

  /** Who was refused reads on and claims the next number. If it is the same again, no entry is in the way: the record of the newest claim is wrong. */
  async function doubtClaims(claim: number): Promise<void> {
    if (refusedClaim === claim) await putClaimRight(connection, keyRange, space, newestClaim)
    refusedClaim = claim
  }

  async function newestClaim(): Promise<number> {
    let newest = seenClaim
    await eachRecord(
      0,
      (record) => {
        if ('claim' in record) newest = Math.max(newest, record.claim ?? 0)
      },
      allOfIt,
    )
    return newest
  }

  async function replaceUpTo(upTo: number, entries: readonly Uint8Array[], claim: number): Promise<void> {
    // Nothing comes before what is there. Whoever replaces them meanwhile has put what stands for more there, which is read after this, or for as much: then
    // the last position is taken.
    const positions = (await ask(0, (index) => index.getAllKeys(keyRange.bound([space, 0], [space, upTo])))) as number[]
    try {
      await connection.begin(['entries'], 'readwrite', {}, (transaction) => {
        const records = transaction.objectStore('entries')
        let i = 0
        function addSome(): IDBRequest {
          let request: IDBRequest
          let bytes = 0
          do {
            const entry = entries[i]!
            // No other space has positions between these two, and that of the last one is free now.
            const position = upTo - 1 + (i + 1) / entries.length
            const own = ++i === entries.length && claim > 0 ? claim : undefined
            const sum = sumOf(entry, own)
            request = records.add(
              own === undefined ? { position, space, entry, sum } : { position, space, entry, claim: own, sum },
            )
            bytes += entry.length
          } while (i < entries.length && bytes < PIECE_BYTES)
          if (i < entries.length) request.onsuccess = addSome
          else {
            stop()
            if (!surroundings.commitsParts) transaction.commit()
          }
          return request
        }
        // A page that is frozen before all is handed over would keep the others from writing.
        const stop = createFreezing(surroundings.page).watch(() => transaction.abort())
        return writeTogether({ commitsParts: true }, transaction, () => {
          for (const [from, to] of runsOf(positions)) records.delete(keyRange.bound(from, to))
          return addSome()
        }).finally(stop)
      })
    } catch (error) {
      throw nameOf(error) === 'ConstraintError' ? compactedError(space, upTo) : error
    }
  }

  function isThere(
    part: FoundRecord,
    reading: Promise<unknown> = ask<unknown>(0, (entries) => entries.get(placeOf(part.position))),
  ): Promise<boolean> {
    return isStill('flaw' in part ? FLAWED : part.sum, reading, (found) =>
      flawOf(found, 0) === undefined ? (found as EntryRecord).sum : FLAWED,
    )
  }

  function placeOf(position: number): IDBKeyRange {
    return keyRange.bound([space, position], [space, position])
  }

  /** Calls `each` for all records after a position; resolves to the last one, or to that. In the middle of a checkpoint it begins with its first part. */
  async function eachRecord(
    after: number,
    each: (record: FoundRecord) => unknown,
    next: (last: number) => ReadRange,
  ): Promise<number> {
    let last = Math.floor(after)
    let count = FIRST_BATCH
    /** The shortest part that was read of the checkpoint in which the reading stands. */
    let part: FoundRecord | undefined
    /** The browser reads on while what it has read is taken in. */
    let ahead: ReturnType<typeof readBatch> | undefined

    function stretchAfter(position: number): Stretch {
      const { after: skipped = position, upTo = Infinity, most = Infinity, isBeginning } = next(position)
      return { from: Math.max(position, skipped), upTo, most, isBeginning }
    }

    let stretch = stretchAfter(last)
    for (;;) {
      const { from, upTo, most } = stretch
      if (!isOpen(stretch)) {
        if (most > 0) {
          if (upTo === Infinity) return last
          last = Math.max(last, upTo)
        }
        stretch = stretchAfter(last)
        continue
      }
      const wanted = Math.min(count, most)
      const { records, isAtOnce, isThere: wasThere } = await (ahead ?? readBatch(from, wanted, upTo, part))
      ahead = undefined
      const known = part ?? (isAtOnce ? undefined : records.find(({ position }) => !Number.isInteger(position)))
      if (known !== undefined && !(wasThere ?? (await isThere(known)))) {
        last = Math.floor(last)
        part = undefined
        stretch = stretchAfter(last)
        continue
      }
      if (records.length > 0) count = nextBatch(records.length, bytesOf(records), count)
      stretch = behind(stretch, records, wanted)
      let end = last
      if (stretch.most > 0 && stretch.from === stretch.upTo && stretch.upTo < Infinity) {
        // It has been read to its end, so what comes after it need not wait.
        end = Math.max(last, stretch.upTo)
        stretch = stretchAfter(end)
      }
      part = records.reduce(shortestPart, part)
      if (isOpen(stretch)) {
        ahead = readBatch(stretch.from, Math.min(count, stretch.most), stretch.upTo, part)
        // Heard when it is its turn.
        ahead.catch(() => undefined)
      }
      for (const record of records) {
        last = record.position
        const taken = each(record)
        if (taken instanceof Promise) await taken
      }
      last = Math.max(last, end)
    }
  }

  return {
    cleared: connection.cleared(),

    read: (after, each, bad = refuse, next = allOfIt) =>
      eachRecord(
        after,
        (record) => {
          assertOpen()
          if ('flaw' in record) return bad(record.position, record.flaw)
          seenClaim = Math.max(seenClaim, record.claim ?? 0)
          return each(record.entry, record.position, record.claim)
        },
        next,
      ),

    async setAside(position, reason) {
      await track('set aside an entry of', () => setAside(connection, 'entries', position, space, reason))
    },

    async append(entry, options = {}) {
      // A view would be stored with the whole buffer behind it, and its owner may go on writing there.
      const own = entry.slice()
      return (await track('save to', () => appendRecord(own, options))) as number
    },

    async replace(upTo, entries, claim) {
      // They are its own; only what is part of a larger buffer would be stored with all of that.
      const own = entries.map((entry) => (entry.length === entry.buffer.byteLength ? entry : entry.slice()))
      await track('save to', () => replaceUpTo(upTo, own, claim))
    },

    async takeFence() {
      return track('take a fence of', takeNextFence)
    },

    onLost(listener) {
      if (closed) return () => undefined
      const stop = connection.onLost(listener)
      stops.add(stop)
      return () => {
        stop()
        stops.delete(stop)
      }
    },

    async close() {
      if (closed) return
      closed = true
      for (const stop of stops) stop()
      await Promise.allSettled([...unfinished])
      release()
    },
  }
}

/** Of the parts of a checkpoint the one that takes the least to be looked at again; undefined behind its end. */
function shortestPart(before: FoundRecord | undefined, record: FoundRecord): FoundRecord | undefined {
  if (Number.isInteger(record.position)) return undefined
  return before !== undefined && lengthOf(before) <= lengthOf(record) ? before : record
}

const lengthOf = (record: FoundRecord): number => ('flaw' in record ? Infinity : record.entry.length)

const allOfIt = (): ReadRange => ({})

/** Whether there can be anything in it: a range that can hold no key is an error. */
const isOpen = ({ from, upTo, most }: Stretch): boolean => from < upTo && most > 0

/** What is left of a stretch when records were read of it, where so many were wanted: it ends where it begins, when these were all. */
function behind({ upTo, most, isBeginning }: Stretch, records: readonly FoundRecord[], wanted: number): Stretch {
  const first = records[0]
  const isAllRead = records.length < wanted
  const from = isAllRead ? upTo : Math.min(upTo, records.at(-1)!.position)
  if (first === undefined || !('entry' in first) || isBeginning?.(first.entry) !== true) {
    return { from, upTo, most: most - records.length }
  }
  return { from: records.at(-1)!.position, upTo: Infinity, most: Infinity }
}

const bytesOf = (records: readonly FoundRecord[]): number =>
  records.reduce((sum, record) => sum + ('flaw' in record ? 0 : record.entry.length), 0)

/** Positions as ranges. What lies between two that are no more than 1 apart is of no other space. */
function runsOf(positions: readonly number[]): readonly (readonly [from: number, to: number])[] {
  const runs: [number, number][] = []
  for (const position of positions) {
    const last = runs.at(-1)
    if (last !== undefined && position - last[1] <= 1) last[1] = position
    else runs.push([position, position])
  }
  return runs
}

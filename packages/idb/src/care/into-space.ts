import type { Connection } from '../connection.ts'
import { decodeEntry, encodeEntry, entriesIn, ProtocolError, type CheckpointEntry } from '@syncline/protocol'
import type { EntryRecord } from '../format.ts'
import { epochsIn } from './epochs.ts'
import { nameOf } from '../problems.ts'
import { readAtOnce, writeTogether } from '../requests.ts'
import { soundnessOf } from '../soundness.ts'
import type { Surroundings } from '../surroundings.ts'
import type { ImportedSpace } from './import.ts'

/** Adds entries to the log of a space that are not there. */
export interface IntoSpace {
  take(entry: Uint8Array, isClaimed: boolean): Promise<void>
  /** Stores what is left. */
  finish(): Promise<Omit<ImportedSpace, 'space'>>
}

/** So much is stored in one transaction. */
const MOST_ENTRIES = 512
const MOST_BYTES = 4 * 1024 * 1024

/** Looks through what the space has, which may be nothing. `epochs` are those of the relay's log in the entries to come. */
export async function createIntoSpace(
  connection: Connection,
  surroundings: Surroundings,
  space: string,
  epochs: readonly string[],
): Promise<IntoSpace> {
  const { keyRange } = surroundings
  const { sumOf, flawOf } = soundnessOf(space)
  /** Positions, by the length and the checksum of what stands there. */
  const positions = new Map<string, number[]>()
  const epochsHere = new Set<string>()
  let waiting: { readonly entry: Uint8Array; readonly isClaimed: boolean }[] = []
  let waitingBytes = 0
  let added = 0
  let known = 0

  async function lookThrough(): Promise<void> {
    for (let after = 0; ;) {
      const range = keyRange.bound([space, after], [space, Infinity], true)
      const found = await connection.begin(['entries'], 'readonly', {}, (transaction) =>
        readAtOnce<unknown[]>(transaction, () =>
          transaction.objectStore('entries').index('bySpace').getAll(range, MOST_ENTRIES),
        ),
      )
      for (const value of found) {
        if (flawOf(value, after) !== undefined) continue
        const { position, entry } = value as EntryRecord
        after = position
        const key = keyOf(entry)
        const there = positions.get(key)
        if (there === undefined) positions.set(key, [position])
        else there.push(position)
        for (const epoch of epochsOf(entry)) epochsHere.add(epoch)
      }
      if (found.length < MOST_ENTRIES) return
    }
  }

  async function isHere(entry: Uint8Array): Promise<boolean> {
    for (const position of positions.get(keyOf(entry)) ?? []) {
      const found = await connection.begin(['entries'], 'readonly', {}, (transaction) =>
        readAtOnce<EntryRecord | undefined>(transaction, () => transaction.objectStore('entries').get(position)),
      )
      if (found !== undefined && isSame(found.entry, entry)) return true
    }
    return false
  }

  async function store(): Promise<void> {
    const batch = waiting
    waiting = []
    waitingBytes = 0
    if (batch.length === 0) return
    const isClaiming = batch.some(({ isClaimed }) => isClaimed)
    for (;;) {
      const newest = isClaiming ? await newestClaim() : 0
      try {
        await connection.begin(isClaiming ? ['entries', 'claims'] : ['entries'], 'readwrite', {}, (transaction) =>
          writeTogether(surroundings, transaction, () => {
            const entries = transaction.objectStore('entries')
            let claim = newest
            let last: IDBRequest<IDBValidKey> | undefined
            for (const { entry, isClaimed } of batch) {
              const sum = sumOf(entry, isClaimed ? claim + 1 : undefined)
              last = entries.add(isClaimed ? { space, entry, claim: ++claim, sum } : { space, entry, sum })
            }
            if (isClaiming) {
              // As every append with a claim does: it fails when another tab was first.
              const claims = transaction.objectStore('claims')
              claims.delete([space, newest])
              claims.add({ space, claim })
            }
            return last!
          }),
        )
        added += batch.length
        return
      } catch (error) {
        if (!isClaiming || nameOf(error) !== 'ConstraintError') throw error
      }
    }
  }

  async function newestClaim(): Promise<number> {
    const [key] = await connection.begin(['claims'], 'readonly', {}, (transaction) =>
      readAtOnce(transaction, () =>
        transaction.objectStore('claims').index('bySpace').getAllKeys(keyRange.bound(space, space)),
      ),
    )
    return key === undefined ? 0 : (key as [string, number])[1]
  }

  await lookThrough()
  const wasOccupied = positions.size > 0
  /** Whether the checkpoint to come is here already, up to some part. */
  let isBegun = false
  // An epoch is in one log only, and both begin where that begins: of two that have met the relay, one has what the other has, or it is another log.
  const isOther = epochs.length > 0 && epochsHere.size > 0 && !epochs.some((epoch) => epochsHere.has(epoch))

  return {
    async take(entry, isClaimed) {
      if (isOther) return
      if (await isHere(entry)) {
        known++
        isBegun ||= wasOccupied && isPart(entry)
        return
      }
      // A checkpoint stands for all that is before it, and here is something else: of it what only this backup has is wanted, and the relay has the rest.
      const wanted = wasOccupied && !isBegun && isPart(entry) ? pendingIn(entry) : entry
      if (wanted === undefined) return
      waiting.push({ entry: wanted, isClaimed: isClaimed && wanted === entry })
      waitingBytes += wanted.length
      if (waiting.length >= MOST_ENTRIES || waitingBytes >= MOST_BYTES) await store()
    },
    async finish() {
      await store()
      return { outcome: isOther ? 'other-epoch' : 'imported', added, known }
    },
  }
}

function epochsOf(entry: Uint8Array): readonly string[] {
  try {
    return entriesIn(decodeEntry(entry)).flatMap(epochsIn)
  } catch (error) {
    if (error instanceof ProtocolError) return []
    throw error
  }
}

function isPart(entry: Uint8Array): boolean {
  return partOf(entry) !== undefined
}

/** The part of a checkpoint that this is; undefined for anything else. */
function partOf(entry: Uint8Array): CheckpointEntry | undefined {
  try {
    const read = decodeEntry(entry)
    return read.kind === 'cells' || read.kind === 'rest' ? read : undefined
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** The pending Changes in a part of a checkpoint, as what they were before: an entry of Changes. */
function pendingIn(entry: Uint8Array): Uint8Array | undefined {
  const part = partOf(entry)
  if (part?.kind !== 'rest' || part.rest[0] !== 'pending') return undefined
  return encodeEntry({ kind: 'commits', changes: part.rest[1].map(([record, local]) => ({ record, local })) })
}

/** The length and the last four bytes, which are the checksum of the entry. */
function keyOf(entry: Uint8Array): string {
  return `${entry.length} ${entry.subarray(-4).join(' ')}`
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

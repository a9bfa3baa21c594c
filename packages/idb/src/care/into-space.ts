import type { Connection } from '../connection.ts'
import { decodeEntry, entriesIn, ProtocolError, type LogEntry } from '@syncline/protocol'
import type { EntryRecord } from '../format.ts'
import { openAccount } from './account.ts'
import { epochsIn } from './epochs.ts'
import { joinedOf, partIn, type Part } from './joined.ts'
import { nameOf } from '../problems.ts'
import { readAtOnce, writeTogether, writeUnless } from '../requests.ts'
import { soundnessOf } from '../soundness.ts'
import type { Surroundings } from '../surroundings.ts'
import type { ImportedSpace } from './import.ts'
import { readBatch, type Reading } from './read-batch.ts'

/** Adds entries to the log of a space that are not there. */
export interface IntoSpace {
  take(entry: Uint8Array, isClaimed: boolean): Promise<void>
  /** Stores what is left. */
  finish(): Promise<Omit<ImportedSpace, 'space'>>
}

/** An entry of a backup. */
interface Given {
  readonly entry: Uint8Array
  readonly isClaimed: boolean
}

/** So much is stored in one transaction, or one checkpoint: nobody reads part of one while the rest is on its way. */
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
  const account = openAccount()
  /** The position up to which the space was looked through. */
  let lookedUpTo = 0
  let waiting: Given[] = []
  let waitingBytes = 0
  let parts: (Given & { readonly part: Part })[] = []
  let added = 0
  let known = 0

  const readEntries: Reading = (ask) =>
    connection.begin(['entries'], 'readonly', {}, (transaction) => {
      const answer = ask(transaction.objectStore('entries'))
      transaction.commit()
      return answer
    })

  /** Looks through what has come to the space since it was looked through last. */
  async function lookThrough(): Promise<void> {
    for (;;) {
      const range = keyRange.bound([space, lookedUpTo], [space, Infinity], true)
      const { found, next } = await readBatch(readEntries, range, MOST_ENTRIES, 'bySpace')
      // What is flawed may say anything of where it stands.
      for (const { key: at, value } of found) {
        const before = lookedUpTo
        lookedUpTo = Number(at)
        if (flawOf(value, before) !== undefined) continue
        const { position, entry } = value as EntryRecord
        const key = keyOf(entry)
        const there = positions.get(key)
        if (there === undefined) positions.set(key, [position])
        else there.push(position)
        const read = readEntry(entry)
        for (const epoch of read === undefined ? [] : entriesIn(read).flatMap(epochsIn)) epochsHere.add(epoch)
        unlessBad(() => read && account.take(read))
      }
      if (next === undefined) return
      lookedUpTo = Number(next)
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

  /** Stores what waits. With `among`, only where the space has so many entries and no more at that moment; otherwise it is dropped, and the answer is false. */
  async function store(among?: number): Promise<boolean> {
    const batch = waiting
    waiting = []
    waitingBytes = 0
    if (batch.length === 0) return true
    const isClaiming = batch.some(({ isClaimed }) => isClaimed)
    for (;;) {
      const newest = isClaiming ? await newestClaim() : 0
      const issue = (transaction: IDBTransaction): IDBRequest<IDBValidKey> => {
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
      }
      try {
        const isStored = await connection.begin(
          isClaiming ? ['entries', 'claims'] : ['entries'],
          'readwrite',
          {},
          (transaction) =>
            among === undefined
              ? writeTogether(surroundings, transaction, issue).then(() => true)
              : writeUnless(transaction, keysOf(transaction, among), ({ length }) => length !== among, issue),
        )
        if (isStored) added += batch.length
        return isStored
      } catch (error) {
        if (!isClaiming || nameOf(error) !== 'ConstraintError') throw error
      }
    }
  }

  /** The keys of the entries of the space: of so many, and one more if there is one. */
  function keysOf(transaction: IDBTransaction, count: number): IDBRequest<IDBValidKey[]> {
    const range = keyRange.bound([space, 0], [space, Infinity])
    return transaction
      .objectStore('entries')
      .index('bySpace')
      .getAllKeys(range, count + 1)
  }

  async function newestClaim(): Promise<number> {
    const [key] = await connection.begin(['claims'], 'readonly', {}, (transaction) =>
      readAtOnce(transaction, () =>
        transaction.objectStore('claims').index('bySpace').getAllKeys(keyRange.bound(space, space)),
      ),
    )
    return key === undefined ? 0 : (key as [string, number])[1]
  }

  function add(...given: readonly Given[]): void {
    waiting.push(...given)
    waitingBytes += given.reduce((sum, { entry }) => sum + entry.length, 0)
  }

  /** The parts of a checkpoint that have come, when no more will. */
  async function takeParts(): Promise<void> {
    const all = parts
    parts = []
    if (all.length === 0) return
    const isThere = await Promise.all(all.map(({ entry }) => isHere(entry)))
    const here = isThere.filter(Boolean).length
    const news = all.filter((_, i) => !isThere[i])
    await store()
    add(...news)
    // A tab may be writing to the space at the same time.
    if (await store(here)) {
      known += here
      return
    }
    await lookThrough()
    // It stands for all that is before it, and here is something else: what only this backup may have of it comes to that.
    const joined = joinedOf(
      all.map(({ part }) => part),
      account.balance().relaySeq,
    )
    const { ledger, asked } = joined
    if (
      unlessBad(() => ledger !== undefined && account.covers(ledger, asked)) === true ||
      (await Promise.all(joined.entries.map(isHere))).every(Boolean)
    ) {
      known += all.length
    } else add(...joined.entries.map((entry, i) => ({ entry, isClaimed: i === joined.entries.length - 1 })))
    await store()
  }

  await lookThrough()
  // An epoch is in one log only, and both begin where that begins: of two that have met the relay, one has what the other has, or it is another log.
  const isOther = epochs.length > 0 && epochsHere.size > 0 && !epochs.some((epoch) => epochsHere.has(epoch))

  return {
    async take(entry, isClaimed) {
      if (isOther) return
      const read = readEntry(entry)
      const part = read && partIn(read)
      if (part === undefined || !goesOn(parts.at(-1)?.part, part)) await takeParts()
      if (part !== undefined) {
        parts.push({ entry, isClaimed, part })
        return
      }
      if (await isHere(entry)) {
        known++
        return
      }
      add({ entry, isClaimed })
      if (waiting.length >= MOST_ENTRIES || waitingBytes >= MOST_BYTES) await store()
    },
    async finish() {
      await takeParts()
      await store()
      return { outcome: isOther ? 'other-epoch' : 'imported', added, known }
    },
  }
}

function readEntry(entry: Uint8Array): LogEntry | undefined {
  return unlessBad(() => decodeEntry(entry))
}

/** Undefined for bytes that are not what they should be. */
function unlessBad<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

/** Whether a part is of the same checkpoint as the one before it: the last one comes twice. */
function goesOn(before: Part | undefined, part: Part): boolean {
  return (
    before === undefined ||
    (before.isJoined === part.isJoined && before.of.checkpoint === part.of.checkpoint && before.of.part <= part.of.part)
  )
}

/** The length and the last four bytes, which are the checksum of the entry. */
function keyOf(entry: Uint8Array): string {
  return `${entry.length} ${entry.subarray(-4).join(' ')}`
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

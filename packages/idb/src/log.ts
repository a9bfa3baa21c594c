import type { AppendOptions, Log, StoreError } from '@syncline/store'
import { FIRST_BATCH, nextBatch } from './batch.ts'
import type { Connection, StoreName } from './connection.ts'
import type { EntryRecord } from './format.ts'
import { claimedError, closedLogError, fencedError, nameOf, toStoreError } from './problems.ts'
import { resultOf, writeAtOnce } from './requests.ts'
import type { Surroundings } from './surroundings.ts'

/** The log of one space on a connection that other logs share. `release` is called once, when it is closed. */
export function createLog(
  name: string,
  space: string,
  connection: Connection,
  { keyRange }: Surroundings,
  release: () => void,
): Log {
  const unfinished = new Set<Promise<unknown>>()
  const stops = new Set<() => void>()
  let closed = false
  /** The greatest fence that this tab knows of. */
  let knownFence = 0

  function assertOpen(): void {
    if (closed) throw closedLogError(space)
  }

  /** Runs `work`, so that `close` waits for it. */
  async function track<T>(asked: string, work: () => Promise<T>): Promise<T> {
    assertOpen()
    const working = work().catch((error: unknown) => {
      throw connection.lost ?? toStoreError(error, name, asked)
    })
    unfinished.add(working)
    try {
      return await working
    } finally {
      unfinished.delete(working)
    }
  }

  /** Up to `count` entries after a position. */
  function readBatch(after: number, count: number): Promise<EntryRecord[]> {
    return track('read from', () =>
      connection.begin(['entries'], 'readonly', {}, (transaction) => {
        const range = keyRange.bound([space, after], [space, Infinity], true)
        return resultOf<EntryRecord[]>(transaction.objectStore('entries').index('bySpace').getAll(range, count))
      }),
    )
  }

  function readNewestFence(): Promise<number> {
    return connection.begin(['fences'], 'readonly', {}, async (transaction) => {
      const range = keyRange.bound([space, 0], [space, Infinity])
      const cursor = await resultOf(transaction.objectStore('fences').openKeyCursor(range, 'prev'))
      return cursor === null ? 0 : (cursor.key as [string, number])[1]
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
    { fence, claim, durability = 'relaxed' }: AppendOptions,
  ): Promise<IDBValidKey> {
    const stores: StoreName[] = ['entries']
    if (fence !== undefined) stores.push('fences')
    if (claim !== undefined) stores.push('claims')
    const record = claim === undefined ? { space, entry } : { space, entry, claim }
    let refusal: StoreError | undefined
    /** When this request fails, and with it the whole transaction, it is for this reason. */
    const orRefuse = (request: IDBRequest, reason: () => StoreError): void => {
      request.onerror = () => {
        if (nameOf(request.error) === 'ConstraintError') refusal ??= reason()
      }
    }
    try {
      return await connection.begin(stores, 'readwrite', { durability }, (transaction) =>
        writeAtOnce(transaction, () => {
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
          return transaction.objectStore('entries').add(record)
        }),
      )
    } catch (error) {
      throw refusal ?? error
    }
  }

  return {
    async read(after, each) {
      let last = after
      let count = FIRST_BATCH
      for (;;) {
        const records = await readBatch(last, count)
        let bytes = 0
        for (const { entry, position, claim } of records) {
          assertOpen()
          each(entry, position, claim)
          last = position
          bytes += entry.length
        }
        if (records.length < count) return last
        count = nextBatch(records.length, bytes)
      }
    },

    async append(entry, options = {}) {
      // A view would be stored with the whole buffer behind it, and its owner may go on writing there.
      const own = entry.slice()
      return (await track('save to', () => appendRecord(own, options))) as number
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

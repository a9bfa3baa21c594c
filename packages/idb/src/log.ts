import type { Log } from '@syncline/store'
import { FIRST_BATCH, nextBatch } from './batch.ts'
import type { Connection } from './connection.ts'
import type { EntryRecord } from './format.ts'
import { closedLogError, fencedError, nameOf, toStoreError } from './problems.ts'
import { resultOf, writeAtOnce } from './requests.ts'

/** The log of one space on a connection that other logs share. `release` is called once, when it is closed. */
export function createLog(name: string, space: string, connection: Connection, release: () => void): Log {
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
        const range = IDBKeyRange.bound([space, after], [space, Infinity], true)
        return resultOf<EntryRecord[]>(transaction.objectStore('entries').index('bySpace').getAll(range, count))
      }),
    )
  }

  function readNewestFence(): Promise<number> {
    return connection.begin(['fences'], 'readonly', {}, async (transaction) => {
      const range = IDBKeyRange.bound([space, 0], [space, Infinity])
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

  async function appendFenced(
    record: Omit<EntryRecord, 'position'>,
    fence: number,
    durability: IDBTransactionDurability,
  ): Promise<IDBValidKey> {
    try {
      return await connection.begin(['entries', 'fences'], 'readwrite', { durability }, (transaction) =>
        writeAtOnce(transaction, () => {
          // Fences have no gaps, so a greater one exists exactly when the next one does. Adding that fails then, and with it the
          // whole transaction: the check needs no answer in between.
          const fences = transaction.objectStore('fences')
          fences.add(true, [space, fence + 1])
          fences.delete([space, fence + 1])
          return transaction.objectStore('entries').add(record)
        }),
      )
    } catch (error) {
      throw nameOf(error) === 'ConstraintError' ? fencedError(space, fence) : error
    }
  }

  return {
    async read(after, each) {
      let last = after
      let count = FIRST_BATCH
      for (;;) {
        const records = await readBatch(last, count)
        let bytes = 0
        for (const { entry, position } of records) {
          assertOpen()
          each(entry, position)
          last = position
          bytes += entry.length
        }
        if (records.length < count) return last
        count = nextBatch(records.length, bytes)
      }
    },

    async append(entry, options = {}) {
      const { fence, durability = 'relaxed' } = options
      // A view would be stored with the whole buffer behind it, and its owner may go on writing there.
      const record = { space, entry: entry.slice() }
      const position = await track('save to', () =>
        fence === undefined
          ? connection.begin(['entries'], 'readwrite', { durability }, (transaction) =>
              writeAtOnce(transaction, () => transaction.objectStore('entries').add(record)),
            )
          : appendFenced(record, fence, durability),
      )
      return position as number
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

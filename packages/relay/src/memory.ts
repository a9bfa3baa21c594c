import { epochAt, type Stretch } from '@syncline/protocol'
import type { WriterId } from '@syncline/stm'
import { RelayError } from './errors.ts'
import type { LogStorage, SpaceAppend, WriterState } from './ports.ts'

interface StoredSpace {
  readonly stretches: Stretch[]
  readonly records: Uint8Array[]
  latestAt: number
  joinedAt: number
  adoptedAt: number
  readonly writers: Map<WriterId, WriterState>
  readonly documents: Map<number, WriterId>
}

const PAGE_BYTES = 65_536

/**
 * A {@link LogStorage} in this process's memory: for tests, and for a relay whose spaces may be gone tomorrow.
 * Several relays, one after the other, can be given the same one, as if it were a disk.
 *
 * @example
 * import { createMemoryStorage } from '@syncline/relay'
 *
 * const storage = createMemoryStorage()
 * const [record, epoch] = [new Uint8Array(40), '0'.repeat(32)]
 * const [writers, documents] = [new Map(), new Map()]
 * await storage.append([{ space: 'board', epoch, follows: null, first: 1, records: [record], latestAt: 1, writers, documents }])
 * expect(await storage.space('board')).toEqual({ stretches: [{ epoch, first: 1 }], head: 1, latestAt: 1 })
 * expect(await storage.read('board', 0, 1, 1024)).toEqual([record])
 */
export function createMemoryStorage(): LogStorage {
  const spaces = new Map<string, StoredSpace>()
  /** Where short records are put one beside the other: each in a buffer of its own would cost more than all that is done with it. */
  let page = new Uint8Array(0)
  let pageAt = 0

  function keep(record: Uint8Array): Uint8Array {
    const { length } = record
    // Not `slice`: of a Buffer that is a view.
    if (length > PAGE_BYTES / 8) return new Uint8Array(record)
    if (pageAt + length > page.length) {
      page = new Uint8Array(PAGE_BYTES)
      pageAt = 0
    }
    const kept = page.subarray(pageAt, pageAt + length)
    kept.set(record)
    pageAt += length
    return kept
  }

  function check(add: SpaceAppend): void {
    const stored = spaces.get(add.space)
    const head = stored?.records.length ?? 0
    const epoch = epochAt(stored?.stretches ?? [], head)
    if (add.first === head + 1 && add.follows === epoch) return
    throw new RelayError(
      'fenced',
      `The log of "${add.space}" ends at ${head} in epoch ${epoch ?? 'none'}, and was to go on at ${add.first} after epoch ` +
        `${add.follows ?? 'none'}. Another relay writes to it: let only one relay use a storage.`,
    )
  }

  return {
    async space(space) {
      const stored = spaces.get(space)
      if (stored === undefined) return undefined
      const { stretches, records, latestAt, joinedAt, adoptedAt } = stored
      return {
        stretches: [...stretches],
        head: records.length,
        latestAt,
        ...(joinedAt > 0 && { joinedAt }),
        ...(adoptedAt > 0 && { adoptedAt }),
      }
    },
    async heads(names) {
      return names.map((space) => {
        const { stretches = [], records = [] } = spaces.get(space) ?? {}
        return { epoch: epochAt(stretches, records.length), relaySeq: records.length }
      })
    },
    async writers(space, ids) {
      const found = new Map<WriterId, WriterState>()
      for (const id of ids) {
        const state = spaces.get(space)?.writers.get(id)
        if (state !== undefined) found.set(id, state)
      }
      return found
    },
    async documents(space, clients) {
      const found = new Map<number, WriterId>()
      for (const client of clients) {
        const owner = spaces.get(space)?.documents.get(client)
        if (owner !== undefined) found.set(client, owner)
      }
      return found
    },
    async read(space, after, upTo, maxBytes) {
      const records: Uint8Array[] = []
      let left = maxBytes
      for (const record of spaces.get(space)?.records.slice(after, upTo) ?? []) {
        left -= record.length
        if (left < 0 && records.length > 0) break
        records.push(new Uint8Array(record))
      }
      return records
    },
    async append(batch) {
      for (const add of batch) check(add)
      const kept = batch.map((add) => ({
        ...add,
        records: add.records.map(keep),
        writers: copiesOf(add.writers),
        documents: new Map(add.documents),
      }))
      // Who reads at once finds nothing of it.
      await Promise.resolve()
      for (const { space, epoch, follows, first, records, latestAt, writers, documents, ...marks } of kept) {
        let stored = spaces.get(space)
        if (stored === undefined)
          spaces.set(
            space,
            (stored = {
              stretches: [],
              records: [],
              latestAt,
              joinedAt: 0,
              adoptedAt: 0,
              writers: new Map(),
              documents: new Map(),
            }),
          )
        stored.latestAt = latestAt
        stored.joinedAt = marks.joinedAt ?? stored.joinedAt
        stored.adoptedAt = marks.adoptedAt ?? stored.adoptedAt
        if (records.length > 0 && epoch !== follows) stored.stretches.push({ epoch, first })
        for (const record of records) stored.records.push(record)
        for (const [id, state] of writers) stored.writers.set(id, state)
        for (const [client, owner] of documents) stored.documents.set(client, owner)
      }
    },
    async close() {},
  }
}

function copiesOf(writers: ReadonlyMap<WriterId, WriterState>): [WriterId, WriterState][] {
  return Array.from(writers, ([id, state]) => [id, { ...state, recent: [...state.recent] }])
}

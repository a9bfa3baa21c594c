import type { WriterId } from '@syncline/stm'

/** So many clients without anything on their way to the disk stay in memory for each space. */
const KEPT = 4096

const none: readonly never[] = []

/**
 * Whose the Yjs client ids of one space are: as it will be when all that is on its way is stored. One that somebody has is theirs for
 * good. In one document two who write under one id never agree again, so the relay sees to it that there are none.
 */
export interface Documents {
  /** Those of `clients` that have to be read first. */
  unknown(clients: Iterable<number>): readonly number[]
  /** Takes what was read; those that are not in `found` are nobody's. */
  learn(clients: readonly number[], found: ReadonlyMap<number, WriterId>): void
  /** Whose a known client is; undefined when nobody has used it. */
  ownerOf(client: number): WriterId | undefined
  /** From now on a known client is a writer's, unless it is somebody's already. */
  bind(client: number, owner: WriterId): void
  /** What is new and is to be stored. It stays in memory until `stored` is called. */
  toStore(): ReadonlyMap<number, WriterId>
  stored(): void
  /** Forgets the longest known of those that can be read again. */
  trim(): void
}

/** Makes the memory of one space. */
export function createDocuments(): Documents {
  const known = new Map<number, WriterId | undefined>()
  let fresh = new Map<number, WriterId>()
  /** New ones that are being stored. */
  let storing: ReadonlyMap<number, WriterId> = new Map()

  return {
    unknown(clients) {
      let found: Set<number> | undefined
      for (const client of clients) if (!known.has(client)) (found ??= new Set()).add(client)
      return found === undefined ? none : [...found]
    },
    learn(clients, found) {
      for (const client of clients) known.set(client, found.get(client))
    },
    ownerOf: (client) => known.get(client),
    bind(client, owner) {
      if (known.get(client) !== undefined) return
      known.set(client, owner)
      fresh.set(client, owner)
    },
    toStore() {
      storing = fresh
      fresh = new Map()
      return storing
    },
    stored() {
      storing = new Map()
    },
    trim() {
      if (known.size <= KEPT) return
      for (const client of known.keys()) {
        if (!fresh.has(client) && !storing.has(client)) known.delete(client)
        if (known.size <= KEPT / 2) return
      }
    },
  }
}

import type { WriterId } from '@syncline/stm'

/** So many clients without anything on their way to the disk stay in memory for each space. */
const KEPT = 4096

const none: readonly never[] = []

/** Shared by all spaces in which nothing of the kind is on its way. */
const nobody: ReadonlyMap<number, WriterId> = new Map()

/**
 * Whose the Yjs client ids of one space are: as it will be when all that is on its way is stored. One that somebody has is theirs for
 * good. In one document two who write under one id never agree again, so the relay sees to it that there are none. A class, as there are
 * many spaces, of which most have no documents open.
 */
export class Documents {
  #known: Map<number, WriterId | undefined> | undefined
  #fresh: Map<number, WriterId> | undefined
  /** New ones that are being stored. */
  #storing = nobody

  /** Those of `clients` that have to be read first. */
  unknown(clients: Iterable<number>): readonly number[] {
    let found: Set<number> | undefined
    for (const client of clients) if (!this.#known?.has(client)) (found ??= new Set()).add(client)
    return found === undefined ? none : [...found]
  }

  /** Takes what was read; those that are not in `found` are nobody's. */
  learn(clients: readonly number[], found: ReadonlyMap<number, WriterId>): void {
    const known = (this.#known ??= new Map())
    for (const client of clients) known.set(client, found.get(client))
  }

  /** Whose a known client is; undefined when nobody has used it. */
  ownerOf(client: number): WriterId | undefined {
    return this.#known?.get(client)
  }

  /** From now on a known client is a writer's, unless it is somebody's already. */
  bind(client: number, owner: WriterId): void {
    if (this.ownerOf(client) !== undefined) return
    ;(this.#known ??= new Map()).set(client, owner)
    ;(this.#fresh ??= new Map()).set(client, owner)
  }

  /** What is new and is to be stored. It stays in memory until `stored` is called. */
  toStore(): ReadonlyMap<number, WriterId> {
    this.#storing = this.#fresh ?? nobody
    this.#fresh = undefined
    return this.#storing
  }

  stored(): void {
    this.#storing = nobody
  }

  /** Forgets the longest known of those that can be read again. */
  trim(): void {
    const known = this.#known
    if (known === undefined || known.size <= KEPT) return
    for (const client of known.keys()) {
      if (!this.#fresh?.has(client) && !this.#storing.has(client)) known.delete(client)
      if (known.size <= KEPT / 2) return
    }
  }
}

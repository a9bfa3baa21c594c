import { decodeHeader, encodeChange, encodeLocal } from '@syncline/protocol'
import { changeId, type Change, type ChangeId, type Value, type WriterId } from '@syncline/stm'
import { localPart, sharedPart } from './read-change.ts'

/** A Change of this browser that the relay has not stored yet. */
export interface Pending {
  readonly id: ChangeId
  readonly change: Change
  /** The bytes of what is shared of it, made when first needed. */
  record(): Uint8Array
  /** The bytes of what never leaves the browser. */
  local(): Uint8Array
  /**
   * The whole Change, if it may be in a run: it has few operations, its record is made of it alone, its author had seen what it says, and nothing in it is for this browser
   * alone.
   */
  bare(): Change | undefined
  /** The Yjs clients under which its author writes in it, and the writers under which they were used first. */
  clients(): ReadonlyMap<number, WriterId>
  /** How to take it back; null when nobody wants to. */
  inverse(): Value
  /** The pending Changes its author had seen, under the ids they had then: of each writer, up to a seq. Survives being authored again. */
  readonly saw: ReadonlyMap<WriterId, number>
}

/** What may be known of a Change beside itself. */
export interface KnownOfChange {
  /** Its bytes. */
  readonly record?: Uint8Array | undefined
  /** Its Yjs clients, when its bytes are still to be made and it is not the first who writes under them. */
  readonly clients?: ReadonlyMap<number, WriterId> | undefined
  readonly inverse?: (() => Value) | undefined
  /** What its author had seen, when that is not what its `deps` say. */
  readonly saw?: ReadonlyMap<WriterId, number>
}

/** Larger ones are read in pieces, each by itself. */
const MOST_OPS_IN_RUN = 64

/** A class, and lazy in all that a store without a relay may never ask for. */
export class PendingChange implements Pending {
  readonly change: Change
  readonly #whole: Change
  readonly #known: KnownOfChange
  readonly #clientsIn: (change: Change) => ReadonlyMap<number, WriterId>
  #record: Uint8Array | undefined
  #clients: ReadonlyMap<number, WriterId> | undefined
  #saw: ReadonlyMap<WriterId, number> | undefined

  /** `change` is what of the `whole` Change is pending. */
  constructor(
    change: Change,
    whole: Change,
    known: KnownOfChange,
    clientsIn: (change: Change) => ReadonlyMap<number, WriterId>,
  ) {
    this.change = change
    this.#whole = whole
    this.#known = known
    this.#clientsIn = clientsIn
    this.#record = known.record
    this.#clients = known.clients
  }

  get id(): ChangeId {
    return changeId(this.change)
  }

  record(): Uint8Array {
    if (this.#record !== undefined) return this.#record
    const clients = this.clients()
    const shared = sharedPart(this.#whole)
    if (clients.size === 0) return (this.#record = encodeChange(shared))
    let inherited: Map<number, WriterId> | undefined
    for (const [client, owner] of clients) {
      if (owner !== shared.writer) (inherited ??= new Map()).set(client, owner)
    }
    return (this.#record = encodeChange(shared, [...clients.keys()], undefined, inherited))
  }

  clients(): ReadonlyMap<number, WriterId> {
    return (this.#clients ??= this.#record === undefined ? this.#clientsIn(this.#whole) : clientsOf(this.#record))
  }

  local(): Uint8Array {
    return encodeLocal({ ...localPart(this.#whole), inverse: this.inverse() })
  }

  bare(): Change | undefined {
    const { change } = this
    const isWhole = change === this.#whole && change.effects.length === 0 && change.ops.length <= MOST_OPS_IN_RUN
    const isSaid = this.#record === undefined && this.#known.saw === undefined
    return isWhole && isSaid && this.clients().size === 0 ? change : undefined
  }

  get inverse(): () => Value {
    return this.#known.inverse ?? noInverse
  }

  get saw(): ReadonlyMap<WriterId, number> {
    return (this.#saw ??= this.#known.saw ?? seenBy(this.#whole))
  }
}

/** The Yjs clients that the header of a record names, and under whom they were used first. */
export function clientsOf(record: Uint8Array): ReadonlyMap<number, WriterId> {
  const { writer, documents, inherited } = decodeHeader(record)
  return new Map(documents.map((client) => [client, inherited.get(client) ?? writer]))
}

/** What a Change had seen, its author's own Changes before it among it. */
export function seenBy({ writer, seq, deps }: Change): ReadonlyMap<WriterId, number> {
  if (seq === 1 && deps.writers.size === 0) return noWriters
  return new Map(deps.writers).set(writer, seq - 1)
}

/** Nobody wants to take it back. */
const noInverse = (): Value => null
/** Nobody has written. */
export const noWriters: ReadonlyMap<WriterId, number> = new Map()

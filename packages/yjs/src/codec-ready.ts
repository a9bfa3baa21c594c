import * as Y from 'yjs'
import { lyingIn } from './characters.ts'
import { cut } from './foreign-update.ts'
import type { ForeignStruct, ForeignUpdate } from './foreign-update.ts'
import { parentIn } from './foreign-writing.ts'
import { listIn, rangeOf } from './stretches.ts'
import type { Range } from './stretches.ts'
import type { Id } from './update.ts'

/** What of somebody else's update a document can take now and does not have, and what has to wait. */
export interface Ready {
  /** By client, in order and without gaps from where the document is. */
  readonly runs: readonly (readonly ForeignStruct[])[]
  readonly deletes: readonly Range[]
  /** What builds on something that has not come. */
  readonly waiting: ForeignUpdate
  /** The first of what that builds on; undefined when nothing waits. */
  readonly missing: Id | undefined
}

/** Divides an update by what a document has. Cost: one pass, however what is in it builds on each other. */
export function readyOf({ structs, deletes }: ForeignUpdate, doc: Y.Doc): Ready {
  const lists = new Map<number, ForeignStruct[]>()
  for (const struct of structs) listIn(lists, struct.id.client).push(struct)
  for (const list of lists.values()) list.sort((a, b) => a.id.clock - b.id.clock || b.length - a.length)
  const places = new Map<number, number>()
  const taken = new Map<number, ForeignStruct[]>()
  const reached = new Map<number, number>()
  const clockOf = (client: number): number => reached.get(client) ?? Y.getState(doc.store, client)
  /** Who waits for a client to get further. */
  const waiters = new Map<number, Set<number>>()
  let missing: Id | undefined

  function advance(client: number): boolean {
    const list = lists.get(client)!
    const before = clockOf(client)
    let at = places.get(client) ?? 0
    for (; at < list.length; at++) {
      const struct = list[at]!
      const known = clockOf(client)
      const end = struct.id.clock + struct.length
      if (end <= known) continue
      const lacking = struct.id.clock > known ? { client, clock: struct.id.clock - 1 } : lackingFor(struct, clockOf)
      if (lacking !== undefined) {
        const others = waiters.get(lacking.client) ?? new Set()
        waiters.set(lacking.client, others.add(client))
        break
      }
      listIn(taken, client).push(cut(struct, known - struct.id.clock))
      reached.set(client, end)
    }
    places.set(client, at)
    return clockOf(client) > before
  }

  const turns = new Set(lists.keys())
  for (const client of turns) {
    turns.delete(client)
    if (!advance(client)) continue
    for (const waiter of waiters.get(client) ?? []) turns.add(waiter)
    waiters.delete(client)
  }

  const left: ForeignStruct[] = []
  for (const [client, list] of lists) {
    for (const struct of list.slice(places.get(client))) {
      left.push(struct)
      missing ??=
        struct.id.clock > clockOf(client) ? { client, clock: struct.id.clock - 1 } : lackingFor(struct, clockOf)
    }
  }
  const now: Range[] = []
  const later: Range[] = []
  for (const { client, clock, length } of deletes) {
    const [known, reach, end] = [Y.getState(doc.store, client), clockOf(client), clock + length]
    for (const { struct, range } of lyingIn(doc, rangeOf(client, clock, Math.min(end, known))))
      if (!struct.deleted) now.push(range)
    if (clock < reach && end > known) now.push(rangeOf(client, Math.max(clock, known), Math.min(end, reach)))
    if (end <= reach) continue
    later.push(rangeOf(client, Math.max(clock, reach), end))
    missing ??= { client, clock: end - 1 }
  }
  return { runs: [...taken.values()], deletes: now, waiting: { structs: left, deletes: later }, missing }
}

function lackingFor(struct: ForeignStruct, clockOf: (client: number) => number): Id | undefined {
  if (struct instanceof Y.GC) return undefined
  for (const id of [struct.origin, struct.rightOrigin, parentIn(struct)]) {
    if (id === null || typeof id === 'string') continue
    if (id.clock >= clockOf(id.client)) return id
  }
  return undefined
}

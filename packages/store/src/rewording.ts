import { cellKeyOf, type CellKey, type ChangeId, type Op, type Policy, type Renamed } from '@syncline/stm'
import type { Pending } from './pending.ts'
import { renamedBy, type Renames } from './renames.ts'

/** Says the operations of Changes as they are to be authored again. */
export interface Rewording {
  /** The operations of the next Change of the writer that is ended. */
  ops(pending: Pending, ops: readonly Op[]): readonly Op[]
  /** The Yjs client that stands in the place of one now, if another does. */
  inPlaceOf(client: number): number | undefined
}

/** What a rewording goes by. */
export interface RewordingSide {
  readonly renames: Renames
  policy(tag: string): Policy | undefined
  /** A Yjs client that nobody has. */
  drawClient(): number
  readonly pending: ReadonlyMap<ChangeId, Pending>
}

/**
 * Makes the rewording of one settlement. What a Change builds on may have other names since. With `isClash` what its author has written in it
 * gets others too, for somebody else writes under the clients that it was written under: each client another one, which begins in each document.
 */
export function createRewording({ renames, policy, drawClient, pending }: RewordingSide, isClash: boolean): Rewording {
  const fresh = new Map<number, number>()
  const renamed = new Map<CellKey, Renamed[]>()
  /** By cell and client: the clock that comes next. */
  const clocks = new Map<string, number>()

  /** Clients that cannot stand in the place of another: what they have written is what somebody builds on. */
  let taken: Set<number> | undefined

  function draw(client: number): number {
    let drawn = fresh.get(client)
    if (drawn !== undefined) return drawn
    taken ??= new Set(
      Array.from(pending.values(), ({ change }) => change.ops).flatMap((ops) =>
        ops.flatMap(({ tag, payload }) => [...(policy(tag)?.renaming?.clients(payload) ?? none)]),
      ),
    )
    for (drawn = drawClient(); taken.has(drawn);) drawn = drawClient()
    taken.add(drawn)
    fresh.set(client, drawn)
    return drawn
  }

  return {
    inPlaceOf: (client) => fresh.get(client),
    ops: (one, ops) =>
      ops.map((op) => {
        const renaming = policy(op.tag)?.renaming
        if (renaming === undefined) return op
        const key = cellKeyOf(op)
        const seen = renames.seenIn(key, (writer) => one.saw.get(writer) ?? 0)
        const known = [...renamedBy(seen, renaming), ...(renamed.get(key) ?? none)]
        const own = one.clients()
        for (const units of isClash ? renaming.written(op.payload) : none) {
          if (!own.has(units.client)) continue
          const client = draw(units.client)
          const at = `${key} ${client}`
          const clock = clocks.get(at) ?? 0
          clocks.set(at, clock + units.length)
          const named = { ...units, to: { client, clock } }
          known.push(named)
          const list = renamed.get(key)
          if (list === undefined) renamed.set(key, [named])
          else list.push(named)
        }
        const payload = renaming.payload(op.payload, known)
        return payload === op.payload ? op : { ...op, payload }
      }),
  }
}

const none: readonly never[] = []

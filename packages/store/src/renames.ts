import type { Ledger } from '@syncline/protocol'
import {
  cellKeyOf,
  type CellKey,
  type Op,
  type Policy,
  type Renamed,
  type Renaming,
  type Value,
  type WriterId,
} from '@syncline/stm'

/** Which operations have been authored again under other Yjs clients, and as what. */
export interface Renames {
  /** An operation of a Change has become another one. */
  note(change: { readonly writer: WriterId; readonly seq: number }, from: Op, to: Op): void
  /** All of them, as data. */
  all(): Ledger['renames']
  /** Becomes what there was. */
  restore(all: Ledger['renames']): void
  /** Those in a cell that somebody has seen: of each writer, up to a seq. */
  seenIn(key: CellKey, saw: (writer: WriterId) => number): readonly Rewritten[]
}

/** What an operation was, and what it is now. */
export interface Rewritten {
  readonly writer: WriterId
  readonly seq: number
  readonly from: Value
  readonly to: Value
}

/** Says what is kept with a Change as it is after the Change was authored again. */
export interface Reworded {
  inverse(of: Omit<Op, 'payload'>, inverse: Value): Value
  restored(of: Omit<Op, 'payload'>, restored: Value): Value
}

/** Makes an empty memory. It follows what was authored again under other clients, which is hardly ever. */
export function createRenames(): Renames {
  const byCell = new Map<CellKey, Rewritten[]>()

  function add(key: CellKey, made: Rewritten): void {
    const known = byCell.get(key)
    if (known === undefined) byCell.set(key, [made])
    else known.push(made)
  }

  return {
    note({ writer, seq }, { payload: from }, to) {
      // Only what Yjs merges is bytes.
      if (!(from instanceof Uint8Array && to.payload instanceof Uint8Array) || isEqual(from, to.payload)) return
      add(cellKeyOf(to), { writer, seq, from, to: to.payload })
    },
    all: () =>
      Array.from(byCell, ([key, made]) =>
        made.map(({ writer, seq, from, to }) => [key, writer, seq, from, to] as const),
      ).flat(),
    restore(all) {
      byCell.clear()
      for (const [key, writer, seq, from, to] of all) add(key, { writer, seq, from, to })
    },
    seenIn: (key, saw) => byCell.get(key)?.filter(({ writer, seq }) => saw(writer) >= seq) ?? none,
  }
}

/** The units that have other names since. */
export function renamedBy(rewritten: readonly Rewritten[], renaming: Renaming): readonly Renamed[] {
  const renamed: Renamed[] = []
  for (const { from, to } of rewritten) {
    const now = renaming.written(to)
    renaming.written(from).forEach((units, i) => {
      const { client, clock } = now[i]!
      if (client !== units.client || clock !== units.clock) renamed.push({ ...units, to: { client, clock } })
    })
  }
  return renamed
}

/** How what is kept with a Change is said now. The policy may become known later. */
export function rewordedBy(
  rewritten: ReadonlyMap<CellKey, readonly Rewritten[]>,
  policy: (tag: string) => Policy | undefined,
): Reworded {
  const reword =
    (what: 'inverse' | 'restored') =>
    (of: Omit<Op, 'payload'>, value: Value): Value => {
      const renaming = policy(of.tag)?.renaming
      const known = rewritten.get(cellKeyOf({ ...of, payload: null }))
      return known === undefined || renaming === undefined ? value : renaming[what](value, renamedBy(known, renaming))
    }
  return { inverse: reword('inverse'), restored: reword('restored') }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

const none: readonly never[] = []

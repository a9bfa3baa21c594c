import type { Renamed, Renaming, Units, Value } from '@syncline/stm'
import { parsedBy } from './content.ts'
import type { Content } from './content.ts'
import { decodeDocInverse, encodeDocInverse } from './doc-inverse.ts'
import { kindOf, readCut, RETIREMENT } from './generation-format.ts'
import { lengthOf } from './generation-places.ts'
import { decodeStandIns, encodeStandIns } from './lineage.ts'
import type { StandIn } from './lineage.ts'
import { namesOf, renamed as renamedUpdate, renamedCut } from './rename.ts'
import type { Names } from './rename.ts'
import { Stretches } from './stretches.ts'
import type { Range } from './stretches.ts'
import { decodeInverse, encodeInverse } from './text-inverse.ts'
import type { ParsedUpdate } from './update.ts'

/** How documents say the same under other client ids; `inverse` does it for what is kept to take an edit back. */
export function createRenaming(
  content: Content<unknown>,
  inverse: (inverse: Value, names: Names) => Value | undefined,
): Renaming {
  /** What was found in updates that are asked about again and again. */
  const known = new WeakMap<Uint8Array, readonly Units[]>()

  function written(payload: Value): readonly Units[] {
    if (!(payload instanceof Uint8Array)) return none
    let units = known.get(payload)
    if (units !== undefined) return units
    const cut = readCut(payload)
    if (cut !== undefined) {
      // Also one of nothing has a name.
      units = [{ client: cut.client, clock: 0, length: Math.max(1, lengthOf(cut)) }]
      known.set(payload, units)
      return units
    }
    const { runs } = parsedBy(content, payload) ?? nothing
    units = runs.map(({ client, clock, end }) => ({ client, clock, length: end - clock }))
    known.set(payload, units)
    return units
  }

  return {
    written,
    divides: (payload) => payload instanceof Uint8Array && kindOf(payload) === RETIREMENT,
    clients(payload) {
      const clients = new Set<number>()
      const cut = payload instanceof Uint8Array ? readCut(payload) : undefined
      if (cut !== undefined) for (const client of [cut.client, ...cut.clocks.keys()]) clients.add(client)
      const { runs, deletes } = parsedBy(content, payload) ?? nothing
      for (const { client } of deletes) clients.add(client)
      for (const { client, structs } of runs) {
        clients.add(client)
        for (const { origin, rightOrigin, parent } of structs) {
          for (const id of [origin, rightOrigin, parent?.item]) if (id !== undefined) clients.add(id.client)
        }
      }
      return clients
    },
    payload(payload, renamed) {
      const cut = renamed.length > 0 && payload instanceof Uint8Array ? readCut(payload) : undefined
      if (cut !== undefined) return renamedCut(cut, namesFrom(renamed))
      if (renamed.length === 0 || parsedBy(content, payload) === undefined) return payload
      // What was read is bytes.
      return renamedUpdate(payload as Uint8Array, namesFrom(renamed))
    },
    inverse: (data, renamed) => (renamed.length === 0 ? data : (inverse(data, namesFrom(renamed)) ?? data)),
    restored(data, renamed) {
      if (renamed.length === 0) return data
      const standIns = decodeStandIns(data)
      return standIns.length === 0
        ? data
        : encodeStandIns(standIns.flatMap((one) => standInsOf(one, namesFrom(renamed))))
    },
  }
}

function namesFrom(renamed: readonly Renamed[]): Names {
  const names: Names = new Stretches()
  for (const { client, clock, length, to } of renamed) {
    names.set({ client, clock, length }, { client: to.client, by: to.clock - clock })
  }
  return names
}

/** The inverse of an edit of a text under other names; undefined when it is none. */
export function renamedInverse(data: Value, names: Names): Value | undefined {
  const inverse = decodeInverse(data)
  if (inverse === undefined) return undefined
  return encodeInverse({
    inserted: inverse.inserted.flatMap((range) => rangesOf(range, names)),
    removed: inverse.removed.flatMap(({ client, clock, text }) =>
      [...namesOf({ client, clock, length: text.length }, names)].map(({ from, range }) => ({
        client: range.client,
        clock: range.clock,
        text: text.slice(from.clock - clock, from.clock - clock + from.length),
      })),
    ),
  })
}

/** The inverse of an edit of a doc under other names; undefined when it is none. */
export function renamedDocInverse(data: Value, names: Names): Value | undefined {
  const inverse = decodeDocInverse(data)
  if (inverse === undefined) return undefined
  const [inserted, removed] = [inverse.inserted, inverse.removed].map((ranges) =>
    ranges.flatMap((range) => rangesOf(range, names)),
  )
  return encodeDocInverse({ inserted: inserted!, removed: removed! })
}

function rangesOf(range: Range, names: Names): readonly Range[] {
  return [...namesOf(range, names)].map((part) => part.range)
}

/** Both are cut where either has another name. */
function standInsOf({ range, root }: StandIn, names: Names): readonly StandIn[] {
  return [...namesOf(range, names)].flatMap(({ from, range: now }) => {
    const at = from.clock - range.clock
    const part = { ...root, clock: root.clock + at, length: from.length }
    return [...namesOf(part, names)].map(({ from: ofRoot, range: rootNow }) => ({
      range: { client: now.client, clock: now.clock + ofRoot.clock - part.clock, length: ofRoot.length },
      root: rootNow,
    }))
  })
}

const none: readonly never[] = []
const nothing: ParsedUpdate = { runs: none, deletes: none }

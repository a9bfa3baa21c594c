import * as Y from 'yjs'
import type { ForeignStruct } from './foreign-update.ts'
import { writeStructs } from './foreign-writing.ts'
import { cutOfGap, encodePlaces, decodePlaces } from './generation-places.ts'
import { encodeCut } from './generation-format.ts'
import type { Cut } from './generation-format.ts'
import { rangesIn, Stretches } from './stretches.ts'
import type { Range } from './stretches.ts'

/** Under which client stretches stand now, and by how much their clocks are greater there. */
export type Names = Stretches<{ readonly client: number; readonly by: number }>

/** No clock of an update that a document takes is greater. */
const EVER = 0x7fff_ffff

/**
 * An update of `from`, which has written nothing else, as an update of `to`, who has written `clock` things before. So what is written into a
 * copy of a document is authored when it is known by whom, and whether at all. The update must hold structs of `from` alone.
 * Cost: one pass.
 */
export function rename(update: Uint8Array, from: number, to: number, clock: number): Uint8Array {
  const names: Names = new Stretches()
  names.set({ client: from, clock: 0, length: EVER }, { client: to, by: clock })
  return renamed(update, names)
}

/**
 * An update with other names for what it holds and for what it builds on. What one client has written in it stays the work of one client, in
 * the same order, so a stretch has a name as a whole or in no part. Throws where Yjs cannot read it. Cost: one pass.
 */
export function renamed(update: Uint8Array, names: Names): Uint8Array {
  const { structs, ds } = Y.decodeUpdate(update)
  const named = ({ client, clock }: Y.ID): Y.ID => {
    const [one] = namesOf({ client, clock, length: 1 }, names)
    return Y.createID(one!.range.client, one!.range.clock)
  }

  const runs = new Map<number, Renaming>()
  for (const struct of structs as ForeignStruct[]) {
    const { client, clock } = struct.id
    const run = runs.get(client) ?? { to: named(struct.id), from: clock, structs: [] }
    runs.set(client, run)
    struct.id = Y.createID(run.to.client, run.to.clock + clock - run.from)
    if (struct instanceof Y.Item) {
      if (struct.origin !== null) struct.origin = named(struct.origin)
      if (struct.rightOrigin !== null) struct.rightOrigin = named(struct.rightOrigin)
      // Read from an update, a parent is a name or an id.
      if (struct.parent instanceof Y.ID) struct.parent = named(struct.parent)
    }
    run.structs.push(struct)
  }
  const deleted = new Stretches<true>()
  for (const one of rangesIn(ds)) for (const { range } of namesOf(one, names)) deleted.set(range, true)
  return writeStructs(
    Array.from(runs.values(), (run) => run.structs),
    Array.from(deleted, ({ range }) => range),
  )
}

/** What one client has written, which is the work of one client afterwards too: who that is, and from which clock on. */
interface Renaming {
  readonly to: Y.ID
  readonly from: number
  readonly structs: ForeignStruct[]
}

/** A cut with other names for who has written it, and for what it was made of. Cost: one pass. */
export function renamedCut(cut: Cut, names: Names): Uint8Array {
  const nameOf = (client: number): number => {
    const [named] = namesOf({ client, clock: 0, length: 1 }, names)
    return named!.range.client
  }
  const clocks = new Map<number, number>()
  for (const [client, clock] of cut.clocks) {
    for (const { range } of namesOf({ client, clock: 0, length: clock }, names))
      clocks.set(range.client, Math.max(range.clock + range.length, clocks.get(range.client) ?? 0))
  }
  const stood = decodePlaces(cut).flatMap(({ isDeleted, ...one }) =>
    [...namesOf(one, names)].map(({ range }) => ({ ...range, isDeleted })),
  )
  return encodeCut({
    ...cut,
    client: nameOf(cut.client),
    base: cut.base === undefined ? undefined : nameOf(cut.base),
    clocks,
    places: encodePlaces(stood, clocks),
    content: cut.content.length === 0 ? cut.content : renamed(cut.content, names),
  })
}

/** The parts of a range, and under which names they stand now. What a cut has left out is named after who has written the cut. */
export function* namesOf(range: Range, names: Names): Generator<{ readonly from: Range; readonly range: Range }> {
  const cut = cutOfGap(range.client)
  if (cut !== undefined) {
    const [named] = names.over({ client: cut, clock: 0, length: 1 })
    yield { from: range, range: { ...range, client: range.client - cut + (named!.value?.client ?? cut) } }
    return
  }
  for (const { range: from, value } of names.over(range)) {
    yield { from, range: value === undefined ? from : { ...from, client: value.client, clock: from.clock + value.by } }
  }
}

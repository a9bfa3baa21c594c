import * as Y from 'yjs'
import { cut as cutFrom } from './foreign-update.ts'
import type { ForeignStruct } from './foreign-update.ts'
import { itemBetween, writeStructs } from './foreign-writing.ts'
import { lifeOf } from './generation-lives.ts'
import type { Lives } from './generation-lives.ts'
import { cutOfGap } from './generation-places.ts'
import { listIn, rangesIn, Stretches } from './stretches.ts'
import type { Id, ParsedUpdate } from './update.ts'

/** What an item is between. */
interface Beside {
  readonly left: Id | undefined
  readonly right: Id | undefined
  readonly isOpen: boolean
}

/** An update in the newest life. */
export interface Translated {
  readonly update: Uint8Array
  /** Whether it is to be given to `settled` when what it builds on is there. */
  readonly isOpen: boolean
}

/** Whether an update is to be said otherwise in the newest life. */
export function isForeign(lives: Lives, parsed: ParsedUpdate): boolean {
  return leavesOut(lives, parsed) || isElsewhere(lives, parsed)
}

/**
 * An update as it is in the newest life; the very same when it is one of it. An update says by its ids in which life it was written: so each is said by itself, and always
 * in the same way, and Yjs has the same to merge everywhere, in whatever order it comes.
 * Cost: one pass; a second where something is to be said otherwise.
 */
export function translated(lives: Lives, update: Uint8Array, parsed: ParsedUpdate): Translated {
  if (!isForeign(lives, parsed)) return { update, isOpen: false }
  const { structs, ds } = Y.decodeUpdate(update)
  const runs = new Map<number, ForeignStruct[]>()
  const gaps = new Set<number>()
  let isOpen = false
  const say = (item: Y.Item): Y.Item => {
    const beside = besideNow(lives, item.origin ?? undefined, item.rightOrigin ?? undefined)
    isOpen ||= beside.isOpen
    for (const id of [beside.left, beside.right])
      if (id !== undefined && cutOfGap(id.client) !== undefined) gaps.add(id.client)
    return itemBetween(item, beside.left, beside.right)
  }
  for (const struct of structs) {
    const { client, clock } = struct.id
    const known = lives.clocks.get(client) ?? 0
    if (lives.isOther(client) || clock + struct.length <= known || struct instanceof Y.Skip) continue
    const rest = cutFrom(struct, Math.max(0, known - clock))
    listIn(runs, client).push(rest instanceof Y.GC || client === lives.newest ? rest : say(rest))
  }
  const deletes = new Stretches<true>()
  for (const deleted of rangesIn(ds)) for (const range of lives.rangesNow(deleted)) deletes.set(range, true)
  // A set that grows is gone through to its end: beside a gap of one life may be one of the next.
  for (const gap of gaps) {
    const item = runs.has(gap) ? undefined : lives.gapItem(gap)
    if (item !== undefined) runs.set(gap, [say(item)])
  }
  const said = writeStructs(
    [...runs.values()],
    Array.from(deletes, ({ range }) => range),
  )
  return { update: said, isOpen }
}

/**
 * A translated update for a document that has what it builds on. What was put between something that came over and something later stays before that,
 * where it is about the same place in the new life too.
 */
export function settled(lives: Lives, update: Uint8Array, { store }: Y.Doc): Uint8Array {
  const { structs, ds } = Y.decodeUpdate(update)
  // First all, for one may be asked about before its turn.
  const runs = new Map<number, Y.Item[]>()
  for (const struct of structs) if (struct instanceof Y.Item) listIn(runs, struct.id.client).push(struct)
  const root = (id: Y.ID | null): Y.ID | null | undefined => {
    let at = id
    while (at !== null && !lives.isGiven(at)) {
      const { client, clock } = at
      const struct: Y.Item | Y.GC | undefined =
        clock < Y.getState(store, client)
          ? Y.getItem(store, at)
          : runs.get(client)?.find((one) => one.id.clock <= clock && clock < one.id.clock + one.length)
      if (!(struct instanceof Y.Item)) return undefined
      at = struct.origin
    }
    return at
  }
  const all = new Map<number, ForeignStruct[]>()
  for (const struct of structs as ForeignStruct[])
    listIn(all, struct.id.client).push(struct instanceof Y.Item ? settledItem(lives, struct, root) : struct)
  return writeStructs([...all.values()], rangesIn(ds))
}

function settledItem(lives: Lives, item: Y.Item, root: (id: Y.ID | null) => Y.ID | null | undefined): Y.Item {
  const { origin, rightOrigin } = item
  if (rightOrigin === null || lives.isGiven(rightOrigin) || (origin !== null && !lives.isGiven(origin))) return item
  const of = root(rightOrigin)
  if (of !== undefined && Y.compareIDs(of, origin)) return item
  return itemBetween(item, origin ?? undefined, lives.behind(origin ?? undefined))
}

/**
 * What an item is between in the newest life. Who wrote it may not have seen all that has come over, and what has come over was written in one run: Yjs orders what was put
 * beside that alike everywhere only when it is behind its left neighbour at once. `isOpen`: if the right one stands there too, which the document tells.
 */
function besideNow(lives: Lives, origin: Id | undefined, rightOrigin: Id | undefined): Beside {
  let [left, right] = [origin, rightOrigin]
  let hasMoved = false
  for (let one = lives.otherOf(left ?? right); one !== undefined; one = lives.otherOf(left ?? right)) {
    const { places, cut } = one
    if (right === undefined || lifeOf(right.client) === cut.client) right = places().stoodBehind(left)
    const [back] = left === undefined ? [] : places().back({ ...left, length: 1 })
    if (left !== undefined && back === undefined) break
    left = back
    hasMoved = true
  }
  const [to, toRight] = [left && lives.now(left), right && lives.now(right)]
  hasMoved ||= to !== undefined && !isSame(to, left!)
  const rightHasMoved = toRight !== undefined && !isSame(toRight, rightOrigin)
  const isRightGiven = toRight === undefined || lives.isGiven(toRight)
  if (to === undefined) {
    if (isRightGiven && (toRight === undefined || rightHasMoved))
      return { left: to, right: lives.behind(to), isOpen: false }
    return { left: to, right: toRight, isOpen: !isRightGiven }
  }
  if (!lives.isGiven(to)) return { left: to, right: isRightGiven && rightHasMoved ? undefined : toRight, isOpen: false }
  if (!hasMoved) return { left: to, right: toRight, isOpen: false }
  return { left: to, right: isRightGiven ? lives.behind(to) : toRight, isOpen: !isRightGiven }
}

/** Whether something of an update is not to be taken in, because the newest life has it or knows that it has gone. */
function leavesOut(lives: Lives, { runs, deletes }: ParsedUpdate): boolean {
  const isKnown = ({ client, clock }: Id): boolean => clock < (lives.clocks.get(client) ?? 0) || lives.isOther(client)
  return runs.some(isKnown) || deletes.some(isKnown)
}

/** Whether something of an update builds on what has another name now, or on a gap that need not be there. */
function isElsewhere(lives: Lives, { runs }: ParsedUpdate): boolean {
  const own = new Set(runs.flatMap(({ client, clock }) => (clock === 0 ? client : [])))
  const isElsewhere = (id: Id | undefined): boolean =>
    id !== undefined &&
    (id.clock < (lives.clocks.get(id.client) ?? 0) ||
      lives.isOther(id.client) ||
      (cutOfGap(id.client) !== undefined && !own.has(id.client)))
  return runs.some(
    ({ client, structs }) =>
      client !== lives.newest &&
      structs.some(
        ({ origin, rightOrigin, holding }) =>
          isElsewhere(origin) ||
          isElsewhere(rightOrigin) ||
          // Who had a beginning that was empty may not have known what it begins with.
          (origin === undefined && holding !== 'gone' && (rightOrigin === undefined || !lives.isGiven(rightOrigin))),
      ),
  )
}

function isSame(a: Id, b: Id | undefined): boolean {
  return a.client === b?.client && a.clock === b.clock
}

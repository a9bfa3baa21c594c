import * as Y from 'yjs'
import type { Content } from './content.ts'
import { cut as cutFrom, itemOf, readForeign } from './foreign-update.ts'
import type { ForeignStruct } from './foreign-update.ts'
import { parentIn, writeForeign } from './foreign-writing.ts'
import { encodeCut, encodeKept, isMarked, readCut, readKept } from './generation-format.ts'
import type { Cut, Kept } from './generation-format.ts'
import { cutOfGap, decodePlaces, Places } from './generation-places.ts'
import type { Moved } from './generation-places.ts'
import { rangeOf, Stretches } from './stretches.ts'
import type { Range } from './stretches.ts'
import type { Id, ParsedUpdate } from './update.ts'
import { mergeUpdates } from './update.ts'

/** A cut that counts or not, and what it is known by. */
interface Known {
  readonly cut: Cut
  /** How many cuts are before it. */
  readonly depth: number
  readonly places: () => Places
}

/** A stretch, and what it was called first. */
export interface Named {
  readonly from: Range
  readonly first: Range
}

/** What an item is between. */
interface Beside {
  readonly left: Id | undefined
  readonly right: Id | undefined
  readonly isOpen: boolean
}

/**
 * The lives of one document. An update says by its ids in which life it was written, so an update of an old life, or of one that does not count, can be
 * said in the newest one: by itself, and always in the same way. So Yjs has the same to merge everywhere, in whatever order it comes.
 *
 * Of several cuts of one life one counts, everywhere the same. What was written on another is said in terms of what both have cut.
 */
export class Generations {
  /** The cuts that count, each of the life that the one before began. */
  readonly #chain: readonly Known[]
  readonly #others = new Map<number, Known>()
  readonly #cuts: readonly Cut[]
  readonly #kept: readonly Kept[]
  /** Up to where clients have written in old lives. It has come over with the cut, or is known to have gone by then. */
  readonly clocks: ReadonlyMap<number, number>

  constructor(cuts: readonly Cut[], kept: readonly Kept[]) {
    this.#cuts = cuts
    this.#kept = kept
    const chain: Known[] = []
    let level = rooted(cuts, undefined, 0)
    while (level.length > 0) {
      const [first, ...rest] = level
      chain.push(first!)
      for (const one of rest) this.#leaveOut(one)
      level = rooted(cuts, first!.cut.client, chain.length)
    }
    this.#chain = chain
    const clocks = new Map<number, number>()
    for (const { cut } of chain)
      for (const [client, clock] of cut.clocks) clocks.set(client, Math.max(clock, clocks.get(client) ?? 0))
    this.clocks = clocks
  }

  #leaveOut(first: Known): void {
    const left = [first]
    for (let one = left.pop(); one !== undefined; one = left.pop()) {
      if (this.#others.has(one.cut.client)) continue
      this.#others.set(one.cut.client, one)
      left.push(...rooted(this.#cuts, one.cut.client, one.depth + 1))
    }
  }

  /** The name of the life that counts; undefined for the first. */
  get newest(): number | undefined {
    return this.#chain.at(-1)?.cut.client
  }

  /** How many cuts count. */
  get depth(): number {
    return this.#chain.length
  }

  /** What a document is given before all else, as it is: that what was written in old lives has gone, and what the newest begins with. */
  beginning(): readonly Uint8Array[] {
    const gone = [...this.clocks].map(([client, clock]) => (clock > 0 ? [new Y.GC(Y.createID(client, 0), clock)] : []))
    const { content } = this.#chain.at(-1)?.cut ?? { content: none }
    return [writeForeign(gone, []), ...(content.length > 0 ? [content] : [])]
  }

  /** What was kept and is to be taken in, in terms that may be translated. */
  get missed(): readonly Uint8Array[] {
    const missed = this.#kept.filter(({ under }) => !this.#counts(under))
    const isSaid = ({ cut }: Kept): boolean => this.#counts(cut)
    const elsewhere = missed.filter((one) => !isSaid(one)).sort((a, b) => this.#depthOf(a.cut) - this.#depthOf(b.cut))
    return [...missed.filter(isSaid).map(({ update }) => update), ...together(elsewhere.map(({ update }) => update))]
  }

  #counts(cut: number | undefined): boolean {
    return cut !== undefined && this.#chain.some((one) => one.cut.client === cut)
  }

  #depthOf(cut: number | undefined): number {
    return cut === undefined ? -1 : (this.#others.get(cut)?.depth ?? Infinity)
  }

  /**
   * What is kept of a document that shows `merged` in the newest life, made of all of `updates` but those that wait: enough to find out all of it again,
   * also when another cut comes to count. What was written in other lives is kept as it came, and not looked at before that.
   */
  kept(
    merged: Uint8Array,
    updates: readonly Uint8Array[],
    waiting: readonly Uint8Array[],
    content: Content<unknown>,
  ): readonly Uint8Array[] {
    const { newest } = this
    if (newest === undefined) return [...this.#cuts.map(encodeCut), merged]
    const left: Uint8Array[] = []
    const isWaiting = new Set(waiting)
    for (const update of updates) {
      if (isMarked(update) || isWaiting.has(update)) continue
      const parsed = parsedBy(content, update)
      if (parsed !== undefined && (this.#leavesOut(parsed) || this.#isElsewhere(parsed))) left.push(update)
    }
    const old = this.#kept.filter(({ cut, under }) => cut !== newest || under !== undefined)
    return [
      ...this.#cuts.map((cut) => encodeCut(this.#isPlaced(cut) ? { ...cut, content: none } : cut)),
      ...old.map((one) => encodeKept(this.#counts(one.under) ? one : { ...one, under: newest })),
      ...(left.length > 0 ? [encodeKept({ cut: undefined, under: newest, update: leanest(left, content) })] : []),
      encodeKept({ cut: newest, under: undefined, update: merged }),
    ]
  }

  /**
   * An update as it is in the newest life; the very same when it is one of it. `isOpen` says that it is to be given to `settled` when what it builds on is there.
   * Cost: one pass; a second where something is to be said otherwise.
   */
  translated(update: Uint8Array, parsed: ParsedUpdate): { readonly update: Uint8Array; readonly isOpen: boolean } {
    if (!this.#leavesOut(parsed) && !this.#isElsewhere(parsed)) return { update, isOpen: false }
    const { structs, ds } = Y.decodeUpdate(update)
    const runs = new Map<number, ForeignStruct[]>()
    const gaps = new Set<number>()
    let isOpen = false
    const say = (item: Y.Item): Y.Item => {
      const beside = this.#beside(item.origin ?? undefined, item.rightOrigin ?? undefined)
      isOpen ||= beside.isOpen
      const [origin, rightOrigin] = [beside.left, beside.right].map((id) => {
        if (id === undefined) return null
        if (cutOfGap(id.client) !== undefined) gaps.add(id.client)
        return Y.createID(id.client, id.clock)
      })
      // Who has a neighbour need not say where that is.
      const parent = origin === null && rightOrigin === null ? (parentIn(item) ?? ROOT) : null
      return itemOf(item.id, origin!, rightOrigin!, parent, item.parentSub, item.content)
    }
    for (const struct of structs) {
      const { client, clock } = struct.id
      const known = this.clocks.get(client) ?? 0
      if (this.#isOther(client) || clock + struct.length <= known || struct instanceof Y.Skip) continue
      const rest = cutFrom(struct, Math.max(0, known - clock))
      const said = rest instanceof Y.GC || client === this.newest ? rest : say(rest)
      const run = runs.get(client)
      if (run === undefined) runs.set(client, [said])
      else run.push(said)
    }
    const deletes = new Stretches<true>()
    for (const [client, ranges] of ds.clients) {
      for (const { clock, len } of ranges)
        for (const range of this.#rangesNow({ client, clock, length: len })) deletes.set(range, true)
    }
    // A set that grows is gone through to its end: beside a gap of one life may be one of the next.
    for (const gap of gaps) {
      const item = runs.has(gap) ? undefined : this.#gapItem(gap)
      if (item !== undefined) runs.set(gap, [say(item)])
    }
    const said = writeForeign(
      [...runs.values()],
      Array.from(deletes, ({ range }) => range),
    )
    return { update: said, isOpen }
  }

  /**
   * A translated update for a document that has what it builds on. What was put between something that came over and something later stays before that,
   * where it is about the same place in the new life too.
   */
  settled(update: Uint8Array, { store }: Y.Doc): Uint8Array {
    const { structs, ds } = Y.decodeUpdate(update)
    const runs = new Map<number, Y.Item[]>()
    const root = (id: Y.ID | null): Y.ID | null | undefined => {
      let at = id
      while (at !== null && !this.#isGiven(at)) {
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
    // First all, for one may be asked about before its turn.
    const said = structs.map((struct) => {
      if (!(struct instanceof Y.Item)) return struct as Y.GC
      const run = runs.get(struct.id.client)
      if (run === undefined) runs.set(struct.id.client, [struct])
      else run.push(struct)
      return struct
    })
    const all = new Map<number, ForeignStruct[]>()
    for (const struct of said) {
      const settled = struct instanceof Y.Item ? this.#settledItem(struct, root) : struct
      const run = all.get(struct.id.client)
      if (run === undefined) all.set(struct.id.client, [settled])
      else run.push(settled)
    }
    const deletes = [...ds.clients].flatMap(([client, ranges]) =>
      ranges.map(({ clock, len }) => ({ client, clock, length: len })),
    )
    return writeForeign([...all.values()], deletes)
  }

  #settledItem(item: Y.Item, root: (id: Y.ID | null) => Y.ID | null | undefined): Y.Item {
    const { id, origin, rightOrigin, parentSub, content } = item
    if (rightOrigin === null || this.#isGiven(rightOrigin) || (origin !== null && !this.#isGiven(origin))) return item
    const of = root(rightOrigin)
    if (of !== undefined && Y.compareIDs(of, origin)) return item
    const right = this.#behind(origin ?? undefined)
    const parent = origin === null && right === undefined ? ROOT : null
    return itemOf(
      id,
      origin,
      right === undefined ? null : Y.createID(right.client, right.clock),
      parent,
      parentSub,
      content,
    )
  }

  /**
   * What an item is between in the newest life. Who wrote it may not have seen all that has come over, and what has come over was written in one run: Yjs orders what was put
   * beside that alike everywhere only when it is behind its left neighbour at once. `isOpen`: if the right one stands there too, which the document tells.
   */
  #beside(origin: Id | undefined, rightOrigin: Id | undefined): Beside {
    let [left, right] = [origin, rightOrigin]
    let hasMoved = false
    for (let one = this.#otherOf(left ?? right); one !== undefined; one = this.#otherOf(left ?? right)) {
      const { places, cut } = one
      if (right === undefined || lifeOf(right.client) === cut.client) right = places().stoodBehind(left)
      const [back] = left === undefined ? [] : places().back({ ...left, length: 1 })
      if (left !== undefined && back === undefined) break
      left = back
      hasMoved = true
    }
    const [to, toRight] = [left && this.now(left), right && this.now(right)]
    hasMoved ||= to !== undefined && !isSame(to, left!)
    const rightHasMoved = toRight !== undefined && !isSame(toRight, rightOrigin)
    const isRightGiven = toRight === undefined || this.#isGiven(toRight)
    if (to === undefined) {
      if (isRightGiven && (toRight === undefined || rightHasMoved))
        return { left: to, right: this.#behind(to), isOpen: false }
      return { left: to, right: toRight, isOpen: !isRightGiven }
    }
    if (!this.#isGiven(to))
      return { left: to, right: isRightGiven && rightHasMoved ? undefined : toRight, isOpen: false }
    if (!hasMoved) return { left: to, right: toRight, isOpen: false }
    return { left: to, right: isRightGiven ? this.#behind(to) : toRight, isOpen: !isRightGiven }
  }

  #otherOf(id: Id | undefined): Known | undefined {
    return id === undefined ? undefined : this.#others.get(lifeOf(id.client))
  }

  /** Whether something has come over from an old life: it is what the newest began with, or in a gap. */
  #isGiven({ client }: Id): boolean {
    return client === this.newest || cutOfGap(client) !== undefined
  }

  /** What has come over behind something that has; nothing at the end of a gap. */
  #behind(id: Id | undefined): Id | undefined {
    const life = id === undefined ? this.newest : lifeOf(id.client)
    return this.#chain
      .find(({ cut }) => cut.client === life)
      ?.places()
      .behind(id)
  }

  /** The name in the newest life of what has a name in another. What stood nowhere has none, and keeps the one that it had. */
  now(id: Id): Id {
    let at = this.#inCommon(id)
    for (const { cut, places } of this.#chain) {
      if (at.clock >= (cut.clocks.get(at.client) ?? 0)) continue
      const [moved] = places().forward({ client: at.client, clock: at.clock, length: 1 })
      if (moved?.to === undefined) return at
      at = moved.to
    }
    return at
  }

  /** What a name in a life that does not count means in the last one before it that does. */
  #inCommon(id: Id): Id {
    let at = id
    for (let other = this.#others.get(lifeOf(at.client)); other !== undefined;) {
      const [back] = other.places().back({ client: at.client, clock: at.clock, length: 1 })
      if (back === undefined) return at
      at = back
      other = this.#others.get(lifeOf(at.client))
    }
    return at
  }

  /** Where the parts of a range are that is to be deleted. What is deleted already, or stood nowhere, is in none of them. */
  *#rangesNow(range: Range): Generator<Range> {
    const other = this.#others.get(lifeOf(range.client))
    if (other === undefined) yield* this.#forward(range, 0)
    else for (const back of other.places().back(range)) yield* this.#rangesNow(back)
  }

  *#forward(range: Range, from: number): Generator<Range> {
    const { client, clock, length } = range
    for (let i = from; i < this.#chain.length; i++) {
      const { cut, places } = this.#chain[i]!
      const known = Math.min(length, (cut.clocks.get(client) ?? 0) - clock)
      if (known <= 0) continue
      for (const { to } of places().forward({ client, clock, length: known }))
        if (to !== undefined && cutOfGap(to.client) === undefined) yield* this.#forward(to, i + 1)
      if (known < length) yield* this.#forward({ client, clock: clock + known, length: length - known }, i)
      return
    }
    if (cutOfGap(client) === undefined) yield range
  }

  /** Updates that put all gaps where they were. */
  *gaps(): Generator<Uint8Array> {
    for (const { places } of this.#chain) {
      const items = [...places().gaps].map((client) => [this.#gapItem(client)!])
      yield writeForeign(items, [])
    }
  }

  /** An update that puts a gap where it was, in the terms of the life that it is in; undefined when there is none of this name. */
  gap(client: number): Uint8Array | undefined {
    const item = this.#gapItem(client)
    return item && writeForeign([[item]], [])
  }

  /** A gap in the terms of the life that it is in. */
  /** The parts of a range of old lives, or of those that do not count, and where they are now; a gap need not be in the document. */
  *moved(range: Range, from: Range = range, step = 0): Generator<Moved> {
    const { client, clock, length } = range
    const part = (of: Range): Range => ({ ...from, clock: from.clock + of.clock - clock, length: of.length })
    const other = step === 0 ? this.#others.get(lifeOf(client)) : undefined
    if (other !== undefined) {
      let at = 0
      for (const back of other.places().back(range)) {
        yield* this.moved(back, { ...from, clock: from.clock + at, length: back.length })
        at += back.length
      }
      return
    }
    for (let i = step; i < this.#chain.length; i++) {
      const { cut, places } = this.#chain[i]!
      const known = Math.min(length, (cut.clocks.get(client) ?? 0) - clock)
      if (known <= 0) continue
      for (const one of places().forward({ client, clock, length: known })) {
        if (one.to === undefined) yield { from: part(one.from), to: undefined }
        else yield* this.moved(one.to, part(one.from), i + 1)
      }
      if (known < length) {
        const rest = { client, clock: clock + known, length: length - known }
        yield* this.moved(rest, part(rest), Math.max(i, 1))
      }
      return
    }
    yield { from, to: range }
  }

  /** The parts of a range, and the names under which they were written. They are the same for ever, whichever cuts count. */
  *first(range: Range, from: Range = range): Generator<Named> {
    const life = lifeOf(range.client)
    const known = this.#others.get(life) ?? this.#chain.find(({ cut }) => cut.client === life)
    let at = 0
    for (const back of known?.places().back(range) ?? []) {
      yield* this.first(back, { ...from, clock: from.clock + at, length: back.length })
      at += back.length
    }
    if (at === range.length) return
    const rest = rangeOf(range.client, range.clock + at, range.clock + range.length)
    yield { from: { ...from, clock: from.clock + at, length: rest.length }, first: rest }
  }

  /** All that stood in old lives, as an update: under the names it had, deleted, and nowhere in particular. */
  old(): Uint8Array {
    const byClient = new Map<number, Range[]>()
    for (const { cut } of this.#chain) {
      for (const one of decodePlaces(cut)) {
        const list = byClient.get(one.client)
        if (list === undefined) byClient.set(one.client, [one])
        else list.push(one)
      }
    }
    const runs = [...byClient].map(([client, ranges]) => {
      let at = 0
      return ranges
        .sort((a, b) => a.clock - b.clock)
        .flatMap(({ clock, length }): readonly ForeignStruct[] => {
          const gone = clock > at ? [new Y.GC(Y.createID(client, at), clock - at)] : []
          at = clock + length
          const item = itemOf(Y.createID(client, clock), null, null, ROOT, null, new Y.ContentDeleted(length))
          return [...gone, item]
        })
    })
    return writeForeign(
      runs,
      [...byClient.values()].flat().map(({ client, clock, length }) => ({ client, clock, length })),
    )
  }

  #gapItem(client: number): Y.Item | undefined {
    const known = this.#chain.find(({ cut }) => cut.client === cutOfGap(client))
    const gap = known?.places().gap(client)
    if (known === undefined || gap === undefined) return undefined
    const left = known.places().leftOf(gap)
    const right = known.places().behind(left)
    const isAlone = left === undefined && right === undefined
    const [origin, rightOrigin] = [left, right].map((id) => (id === undefined ? null : Y.createID(id.client, id.clock)))
    return itemOf(
      Y.createID(client, 0),
      origin!,
      rightOrigin!,
      isAlone ? ROOT : null,
      null,
      new Y.ContentDeleted(gap.length),
    )
  }

  /** Whether it is known where a cut comes. Of one that counts the document has what it begins with; of one that does not nobody will ask. */
  #isPlaced({ client }: Cut): boolean {
    return this.#others.has(client) || this.#chain.some(({ cut }) => cut.client === client)
  }

  #isOther(client: number): boolean {
    return this.#others.size > 0 && this.#others.has(lifeOf(client))
  }

  /** Whether something of an update is not to be taken in, because the newest life has it or knows that it has gone. */
  #leavesOut({ runs, deletes }: ParsedUpdate): boolean {
    const isKnown = ({ client, clock }: Id): boolean => clock < (this.clocks.get(client) ?? 0) || this.#isOther(client)
    return runs.some(isKnown) || deletes.some(isKnown)
  }

  /** Whether something of an update builds on what has another name now, or on a gap that need not be there. */
  #isElsewhere({ runs }: ParsedUpdate): boolean {
    const own = new Set(runs.flatMap(({ client, clock }) => (clock === 0 ? client : [])))
    const isElsewhere = (id: Id | undefined): boolean =>
      id !== undefined &&
      (id.clock < (this.clocks.get(id.client) ?? 0) ||
        this.#isOther(id.client) ||
        (cutOfGap(id.client) !== undefined && !own.has(id.client)))
    return runs.some(
      ({ client, structs }) =>
        client !== this.newest &&
        structs.some(
          ({ origin, rightOrigin, holding }) =>
            isElsewhere(origin) ||
            isElsewhere(rightOrigin) ||
            // Who had a beginning that was empty may not have known what it begins with.
            (origin === undefined && holding !== 'gone' && (rightOrigin === undefined || !this.#isGiven(rightOrigin))),
        ),
    )
  }
}

/** The lives that updates tell of; undefined where there is but one. What is damaged does not count, and is refused as an update. */
export function generationsIn(updates: readonly Uint8Array[], content: Content<unknown>): Generations | undefined {
  if (content.hasGenerations !== true) return undefined
  const cuts = new Map<number, Cut>()
  const kept: Kept[] = []
  for (const update of updates) {
    if (!isMarked(update)) continue
    const one = readKept(update)
    if (one !== undefined) kept.push(one)
    const cut = readSound(update, content)
    if (cut === undefined) continue
    const known = cuts.get(cut.client)
    // It may be there as it was kept, and as it came.
    if (known === undefined || isBefore(cut, known)) cuts.set(cut.client, cut)
  }
  return cuts.size === 0 ? undefined : new Generations([...cuts.values()].sort(byPlace), kept)
}

/** Whether an operation tells of lives, and makes sense. */
export function isSound(payload: Uint8Array, content: Content<unknown>): boolean {
  return (
    content.hasGenerations === true &&
    isMarked(payload) &&
    (readKept(payload) !== undefined || readSound(payload, content) !== undefined)
  )
}

/** The cut in an operation, if the new life begins as one run by the client that it names. */
function readSound(payload: Uint8Array, content: Content<unknown>): Cut | undefined {
  const cut = readCut(payload)
  if (cut === undefined || cut.content.length === 0) return cut
  const parsed = parsedBy(content, cut.content)
  const isSound =
    parsed !== undefined &&
    parsed.deletes.length === 0 &&
    parsed.runs.every(
      ({ client, clock, structs }) =>
        client === cut.client &&
        clock === 0 &&
        structs.every(({ origin, rightOrigin }) =>
          [origin, rightOrigin].every((id) => (id?.client ?? client) === client),
        ),
    )
  return isSound ? cut : undefined
}

/** The cuts of one life, the one that counts first. */
function rooted(cuts: readonly Cut[], base: number | undefined, depth: number): readonly Known[] {
  return cuts
    .filter((cut) => cut.base === base && cut.client !== base)
    .map((cut) => {
      let places: Places | undefined
      return { cut, depth, places: () => (places ??= new Places(cut)) }
    })
}

function byPlace(a: Cut, b: Cut): number {
  return a.at - b.at || a.client - b.client
}

/** Of two cuts by one client, which only a liar can have written, the same one counts everywhere. */
function isBefore(a: Cut, b: Cut): boolean {
  const [mine, theirs] = [a, b].map((cut) => encodeCut({ ...cut, content: none }).join())
  return mine === theirs ? a.content.length > b.content.length : mine! < theirs!
}

/** The cut to which a client belongs, if any. */
function lifeOf(client: number): number {
  return cutOfGap(client) ?? client
}

/** Updates as few, in which each thing is as the first of them says it. Mostly it is one, for they build on each other. */
function together(updates: readonly Uint8Array[]): readonly Uint8Array[] {
  const said = new Map<number, ForeignStruct[]>()
  const deletes = new Stretches<true>()
  for (const update of updates) {
    const { structs, deletes: deleted } = readForeign(update, 1)
    for (const range of deleted) deletes.set(range, true)
    const news = new Map<number, ForeignStruct[]>()
    for (const struct of structs) {
      const { client, clock } = struct.id
      const known = said.get(client) ?? []
      let at = clock
      const end = clock + struct.length
      const add = (to: number): void => {
        if (to > at) listIn(news, client).push(between(struct, at, to))
      }
      for (const one of known) {
        if (one.id.clock >= end || one.id.clock + one.length <= at) continue
        add(one.id.clock)
        at = one.id.clock + one.length
      }
      add(end)
    }
    for (const [client, list] of news)
      said.set(
        client,
        [...(said.get(client) ?? []), ...list].sort((a, b) => a.id.clock - b.id.clock),
      )
  }
  /** What of a client does not follow on what is before it comes in an update of its own: no update has gaps. */
  const parts: ForeignStruct[][][] = [[]]
  for (const run of said.values()) {
    let part = 0
    let end: number | undefined
    for (const struct of run) {
      if (end !== undefined && struct.id.clock !== end) part += 1
      const runs = (parts[part] ??= [])
      if (end === undefined || struct.id.clock !== end) runs.push([struct])
      else runs.at(-1)!.push(struct)
      end = struct.id.clock + struct.length
    }
  }
  const written = parts.map((runs) => writeForeign(runs, []))
  return [
    ...written,
    writeForeign(
      [],
      Array.from(deletes, ({ range }) => range),
    ),
  ]
}

function listIn(lists: Map<number, ForeignStruct[]>, client: number): ForeignStruct[] {
  const known = lists.get(client)
  if (known !== undefined) return known
  const list: ForeignStruct[] = []
  lists.set(client, list)
  return list
}

/** A struct from one clock to another. */
function between(struct: ForeignStruct, from: number, to: number): ForeignStruct {
  const rest = cutFrom(struct, from - struct.id.clock)
  if (to === rest.id.clock + rest.length) return rest
  if (rest instanceof Y.GC) return new Y.GC(rest.id, to - from)
  const content = rest.content.copy()
  content.splice(to - from)
  return itemOf(rest.id, rest.origin, rest.rightOrigin, parentIn(rest), rest.parentSub, content)
}

function isSame(a: Id, b: Id | undefined): boolean {
  return a.client === b?.client && a.clock === b.clock
}

/** Updates as one, without what was deleted if they build on nothing else. */
function leanest(updates: readonly Uint8Array[], content: Content<unknown>): Uint8Array {
  const merged = mergeUpdates(updates)
  const doc = content.create()
  Y.applyUpdate(doc, merged)
  const { pendingStructs, pendingDs } = doc.store
  const lean = pendingStructs === null && pendingDs === null ? Y.encodeStateAsUpdate(doc) : merged
  doc.destroy()
  return lean
}

function parsedBy(content: Content<unknown>, update: Uint8Array): ParsedUpdate | undefined {
  try {
    return content.parse(update)
  } catch {
    return undefined
  }
}

/** The root of texts, which a gap is in that is alone. */
const ROOT = 'text'
const none = new Uint8Array(0)

import * as Y from 'yjs'
import { parsedBy } from './content.ts'
import type { Content } from './content.ts'
import { writeStructs } from './foreign-writing.ts'
import {
  CUT,
  DROP,
  encodeCut,
  encodeKept,
  encodeRetired,
  isMarked,
  kindOf,
  readCut,
  readDropped,
  readKept,
  readRetired,
  readRetirement,
} from './generation-format.ts'
import type { Cut, Kept, Retired } from './generation-format.ts'
import { leanest, together } from './generation-kept.ts'
import { Lives } from './generation-lives.ts'
import { isBesideRetired, retiredAt } from './generation-retired.ts'
import { isForeign } from './generation-translation.ts'
import { stampFor } from './stamps.ts'
import type { ParsedUpdate } from './update.ts'

/** The lives of one document, and what is kept of them. */
export class Generations {
  /** As they are now. */
  readonly lives: Lives
  /** As they were before the first retirement that is not put together yet. */
  readonly #whole: Lives
  /** What comes before a retirement, and the lives that were there. */
  readonly #earlier: ReadonlyMap<Uint8Array, Lives>
  readonly #kept: readonly Kept[]
  /** Up to which stamp of each writer conflict copies were dropped. */
  readonly #dropped: ReadonlyMap<string, number>
  /** What was kept and is to be taken in, in terms that may be translated. */
  readonly missed: readonly Uint8Array[]

  constructor(
    lives: Lives,
    kept: readonly Kept[],
    dropped: ReadonlyMap<string, number>,
    whole: Lives,
    earlier: Map<Uint8Array, Lives>,
  ) {
    this.lives = lives
    this.#whole = whole
    this.#earlier = earlier
    this.#kept = kept
    this.#dropped = dropped
    const missed = kept.filter(({ under }) => !whole.counts(under))
    const isSaid = ({ cut }: Kept): boolean => whole.counts(cut)
    const depthOf = (cut: number | undefined): number =>
      cut === undefined ? -1 : (whole.others.get(cut)?.depth ?? Infinity)
    const elsewhere = missed.filter((one) => !isSaid(one)).sort((a, b) => depthOf(a.cut) - depthOf(b.cut))
    this.missed = [
      ...missed.filter(isSaid).map(({ update }) => update),
      ...together(elsewhere.map((one) => one.update)),
    ]
    // What is kept was put together before all else came.
    if (whole !== lives) for (const update of this.missed) earlier.set(update, whole)
  }

  /** The lives in which an update came. */
  of(update: Uint8Array): Lives {
    return this.#earlier.get(update) ?? this.lives
  }

  /** What a document is given before all else, as it is: that what was written in old lives has gone, and what the newest begins with. */
  get beginning(): readonly Uint8Array[] {
    const gone = [...this.lives.clocks].map(([client, clock]) =>
      clock > 0 ? [new Y.GC(Y.createID(client, 0), clock)] : [],
    )
    const { content } = this.#whole.chain.at(-1)?.cut ?? { content: none }
    return [writeStructs(gone, []), ...(content.length > 0 ? [content] : [])]
  }

  /** Whether an update was retired before it came. What was put together here has been in time. */
  strands(update: Uint8Array, parsed: ParsedUpdate): boolean {
    const { retired } = this.of(update)
    if (retired === undefined || this.missed.includes(update)) return false
    return isBesideRetired(retired.clocks, parsed, this.lives.retired!.clocks)
  }

  /** Whether what was stranded has come over with a cut that may not count some day: its author has begun a life on top of it. */
  hasTakenOver(update: Uint8Array, content: Content<unknown>): boolean {
    const { clocks, newest, retired } = this.lives
    if (retired?.fixed === newest) return false
    return parsedBy(content, update)?.runs.some(({ client, clock }) => clock < (clocks.get(client) ?? 0)) === true
  }

  /** Whether somebody has dropped the conflict copy that an update is a part of. */
  isDropped(update: Uint8Array): boolean {
    const stamp = stampFor(update)
    return stamp !== undefined && stamp.at <= (this.#dropped.get(stamp.writer) ?? -1)
  }

  /**
   * What is kept of a document that shows `merged` in the newest life, made of all of `updates` but those that are `beside` it: enough to find out all of it again,
   * also when another cut comes to count. What was written in other lives is kept as it came, and not looked at before that. What was retired is in what is shown, and
   * nothing else is left of it.
   */
  kept(
    merged: Uint8Array,
    updates: readonly Uint8Array[],
    beside: readonly Uint8Array[],
    content: Content<unknown>,
  ): readonly Uint8Array[] {
    const { lives } = this
    const { newest, retired } = lives
    if (newest === undefined) return [...lives.cuts.map(encodeCut), merged]
    const left: Uint8Array[] = []
    const isLeftOut = new Set(beside)
    for (const update of updates) {
      if (isMarked(update) || isLeftOut.has(update) || this.#earlier.has(update)) continue
      const parsed = parsedBy(content, update)
      if (parsed !== undefined && isForeign(lives, parsed)) left.push(update)
    }
    const old =
      this.#whole === lives ? this.#kept.filter(({ cut, under }) => cut !== newest || under !== undefined) : []
    // Of a cut that counts the document has what it begins with; of one that does not nobody will ask.
    const isPlaced = ({ client }: Cut): boolean => lives.counts(client) || lives.others.has(client)
    return [
      ...(retired === undefined ? [] : [encodeRetired(retired)]),
      // Of one that came too late for its life nobody will ever know where it comes.
      ...lives.cuts.flatMap((cut) =>
        isPlaced(cut) ? encodeCut({ ...cut, content: none }) : retired === undefined ? encodeCut(cut) : [],
      ),
      ...old.map((one) => encodeKept(lives.counts(one.under) ? one : { ...one, under: newest })),
      ...(left.length > 0 ? [encodeKept({ cut: undefined, under: newest, update: leanest(left, content) })] : []),
      encodeKept({ cut: newest, under: undefined, update: merged }),
    ]
  }
}

/** A retirement, the lives that were left before it, and how many updates came before it. */
interface Turn {
  readonly retired: Retired | undefined
  readonly gone: readonly Cut[]
  readonly upTo: number
}

/** The lives that updates tell of; undefined where there is but one. What is damaged does not count, and is refused as an update. */
export function generationsIn(updates: readonly Uint8Array[], content: Content<unknown>): Generations | undefined {
  if (content.hasGenerations !== true) return undefined
  const cuts = new Map<number, Cut>()
  const kept: Kept[] = []
  const dropped = new Map<string, number>()
  const turns: Turn[] = []
  let retired: Retired | undefined
  updates.forEach((update, i) => {
    if (!isMarked(update)) return
    retired = readRetired(update) ?? retired
    const one = readKept(update)
    if (one !== undefined) kept.push(one)
    const drop = readDropped(update)
    if (drop !== undefined) dropped.set(drop.writer, Math.max(drop.at, dropped.get(drop.writer) ?? 0))
    const at = readRetirement(update)
    if (at !== undefined) retire(at, i)
    const cut = readSound(update, content)
    if (cut === undefined || cut.client === retired?.life || retired?.clocks.has(cut.client) === true) return
    const known = cuts.get(cut.client)
    // It may be there as it was kept, and as it came.
    if (known === undefined || isBefore(cut, known)) cuts.set(cut.client, cut)
  })
  if (cuts.size === 0 && retired === undefined) return undefined

  function retire(at: number, upTo: number): void {
    const now = retiredAt(new Lives(cuts.values(), retired), at)
    if (now === undefined) return
    const gone = [...cuts.values()].filter(({ client }) => client === now.life || now.clocks.has(client))
    for (const { client } of gone) cuts.delete(client)
    turns.push({ retired, gone, upTo })
    retired = now
  }

  const lives = new Lives(cuts.values(), retired)
  const earlier = new Map<Uint8Array, Lives>()
  let whole = lives
  const all = [...cuts.values()]
  for (let turn = turns.pop(); turn !== undefined; turn = turns.pop()) {
    all.push(...turn.gone)
    whole = new Lives(all, turn.retired, retired!.fixed)
    for (const update of updates.slice(turns.at(-1)?.upTo ?? 0, turn.upTo))
      if (!isMarked(update)) earlier.set(update, whole)
  }
  return new Generations(lives, kept, dropped, whole, earlier)
}

/** Whether an operation tells of lives. A cut must make sense. */
export function isSound(payload: Uint8Array, content: Content<unknown>): boolean {
  return (
    content.hasGenerations === true &&
    kindOf(payload)! <= DROP &&
    (kindOf(payload) !== CUT || readSound(payload, content) !== undefined)
  )
}

/** The cut in an operation, if the new life begins as one run by the client that it names. */
function readSound(payload: Uint8Array, content: Content<unknown>): Cut | undefined {
  const cut = readCut(payload)
  if (cut === undefined || cut.content.length === 0) return cut
  const parsed = parsedBy(content, cut.content)
  const isOwn =
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
  return isOwn ? cut : undefined
}

/** Of two cuts by one client, which only a liar can have written, the same one counts everywhere. */
function isBefore(a: Cut, b: Cut): boolean {
  const [mine, theirs] = [a, b].map((cut) => encodeCut({ ...cut, content: none }).join())
  return mine === theirs ? a.content.length > b.content.length : mine! < theirs!
}

const none = new Uint8Array(0)

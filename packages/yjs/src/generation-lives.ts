import * as Y from 'yjs'
import { itemBetween } from './foreign-writing.ts'
import type { Cut, Retired } from './generation-format.ts'
import { cutOfGap, Places } from './generation-places.ts'
import type { Moved } from './generation-places.ts'
import { rangeOf } from './stretches.ts'
import type { Range } from './stretches.ts'
import type { Id } from './update.ts'

/** A cut that counts or not, and what it is known by. */
export interface Known {
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

/**
 * The lives of one document, and what each thing is called in them. Of several cuts of one life one counts, everywhere the same: what was written on another is said in
 * terms of what both have cut.
 */
export class Lives {
  readonly cuts: readonly Cut[]
  /** What is left of lives that are no more; undefined while all are there. */
  readonly retired: Retired | undefined
  /** The cuts that count, each of the life that the one before began. */
  readonly chain: readonly Known[]
  readonly others: ReadonlyMap<number, Known>
  /** Up to where clients have written in old lives. It has come over with the cut, or is known to have gone by then. */
  readonly clocks: ReadonlyMap<number, number>

  /** The life `fixed` counts, whatever comes, and those before it. */
  constructor(all: Iterable<Cut>, retired: Retired | undefined, fixed: number | undefined = retired?.fixed) {
    this.cuts = [...all].sort(byPlace)
    const path = new Set<number>()
    for (let at = fixed; at !== undefined && !path.has(at);) {
      path.add(at)
      at = this.cuts.find(({ client }) => client === at)?.base
    }
    this.retired = retired
    const chain: Known[] = []
    const others = new Map<number, Known>()
    const leaveOut = (one: Known): void => {
      if (others.has(one.cut.client)) return
      others.set(one.cut.client, one)
      this.#of(one.cut.client, one.depth + 1).forEach(leaveOut)
    }
    let level = this.#of(retired?.life, 0)
    while (level.length > 0) {
      const first = level.find(({ cut }) => path.has(cut.client)) ?? level[0]!
      chain.push(first)
      for (const one of level) if (one !== first) leaveOut(one)
      level = this.#of(first.cut.client, chain.length)
    }
    this.chain = chain
    this.others = others
    const clocks = new Map(retired?.clocks)
    for (const { cut } of chain) raise(clocks, cut.clocks)
    this.clocks = clocks
  }

  /** The cuts of one life, the one that counts first. */
  #of(base: number | undefined, depth: number): readonly Known[] {
    return this.cuts
      .filter((cut) => cut.base === base && cut.client !== base)
      .map((cut) => {
        let places: Places | undefined
        return { cut, depth, places: () => (places ??= new Places(cut)) }
      })
  }

  /** The name of the life that counts; undefined for the first. */
  get newest(): number | undefined {
    return this.chain.at(-1)?.cut.client ?? this.retired?.life
  }

  /** How many cuts count. */
  get depth(): number {
    return this.chain.length
  }

  /** Whether the life that a cut began is one of those that count. */
  counts(cut: number | undefined): boolean {
    return cut !== undefined && (cut === this.retired?.life || this.chain.some((one) => one.cut.client === cut))
  }

  /** Whether something has come over from an old life: it is what the newest began with, or in a gap. */
  isGiven({ client }: Id): boolean {
    return client === this.newest || cutOfGap(client) !== undefined
  }

  isOther(client: number): boolean {
    return this.others.size > 0 && this.others.has(lifeOf(client))
  }

  otherOf(id: Id | undefined): Known | undefined {
    return id === undefined ? undefined : this.others.get(lifeOf(id.client))
  }

  /** What has come over behind something that has; nothing at the end of a gap. */
  behind(id: Id | undefined): Id | undefined {
    return this.#chained(id === undefined ? this.newest : lifeOf(id.client))
      ?.places()
      .behind(id)
  }

  #chained(life: number | undefined): Known | undefined {
    return this.chain.find(({ cut }) => cut.client === life)
  }

  /** The name in the newest life of what has a name in another. What stood nowhere has none, and keeps the one that it had. */
  now(id: Id): Id {
    for (const { to, at } of this.moved({ ...id, length: 1 })) return to ?? at ?? id
    return id
  }

  /** The parts of a range of old lives, or of those that do not count, and where they are now; a gap need not be in the document. */
  *moved(range: Range, from: Range = range, step = 0): Generator<Moved> {
    const { client, clock, length } = range
    const part = (of: Range): Range => ({ ...from, clock: from.clock + of.clock - clock, length: of.length })
    const other = step === 0 ? this.others.get(lifeOf(client)) : undefined
    if (other !== undefined) {
      let at = 0
      for (const back of other.places().back(range)) {
        yield* this.moved(back, { ...from, clock: from.clock + at, length: back.length })
        at += back.length
      }
      return
    }
    for (let i = step; i < this.chain.length; i++) {
      const { cut, places } = this.chain[i]!
      const known = Math.min(length, (cut.clocks.get(client) ?? 0) - clock)
      if (known <= 0) continue
      for (const one of places().forward({ client, clock, length: known })) {
        if (one.to === undefined) yield { from: part(one.from), to: undefined, at: one.from }
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
    const known = this.others.get(life) ?? this.#chained(life)
    let at = 0
    for (const back of known?.places().back(range) ?? []) {
      yield* this.first(back, { ...from, clock: from.clock + at, length: back.length })
      at += back.length
    }
    if (at === range.length) return
    const rest = rangeOf(range.client, range.clock + at, range.clock + range.length)
    yield { from: { ...from, clock: from.clock + at, length: rest.length }, first: rest }
  }

  /** The parts of a range that is to be deleted, where they are now. What is deleted already, or stood nowhere, is in none of them. */
  *rangesNow(range: Range): Generator<Range> {
    for (const { to } of this.moved(range)) if (to !== undefined && cutOfGap(to.client) === undefined) yield to
  }

  /** A gap in the terms of the life that it is in; undefined when there is none of this name. */
  gapItem(client: number): Y.Item | undefined {
    const known = this.#chained(cutOfGap(client))
    const gap = known?.places().gap(client)
    if (known === undefined || gap === undefined) return undefined
    const left = known.places().leftOf(gap)
    const right = known.places().behind(left)
    const content = new Y.ContentDeleted(gap.length)
    return itemBetween({ id: Y.createID(client, 0), parent: null, parentSub: null, content }, left, right)
  }
}

/** The cut to which a client belongs, if any. */
export function lifeOf(client: number): number {
  return cutOfGap(client) ?? client
}

/** Each clock is that which is greater. */
export function raise(clocks: Map<number, number>, others: ReadonlyMap<number, number>): void {
  for (const [client, clock] of others) clocks.set(client, Math.max(clock, clocks.get(client) ?? 0))
}

function byPlace(a: Cut, b: Cut): number {
  return a.at - b.at || a.client - b.client
}

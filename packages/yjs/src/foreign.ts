import * as Y from 'yjs'
import { containerIn, NO_TYPE, rootContainer, whyNotIn } from './doc-places.ts'
import type { Container } from './doc-places.ts'
import type { Holding, TypeKind } from './doc-grammar.ts'
import { cut } from './foreign-update.ts'
import type { ForeignStruct, ForeignUpdate } from './foreign-update.ts'
import type { Whole } from './foreign-whole.ts'
import { fromClock, parentIn, rerooted, writeForeign } from './foreign-writing.ts'
import type { Part } from './import-parts.ts'
import { rangeOf, Stretches } from './stretches.ts'
import type { Id } from './update.ts'

/** What a root of somebody else's document is, by what is in it. `unknown`: all of it was deleted. `mixed`: several at once. */
export type ForeignKind = 'text' | 'map' | 'array' | 'fragment' | 'mixed' | 'unknown'

/** Why something is left out: `damaged` is what Yjs could not take either, `unfit` what the ref cannot hold. */
export interface LeftOut {
  readonly record: number
  readonly why: string
  readonly kind: 'damaged' | 'unfit'
}

/** A root of the other document, or a type in it. */
interface Within {
  readonly root: string
  /** Where it goes; undefined when nobody takes it. */
  readonly part: Part | undefined
  readonly isRoot: boolean
  /** What it is in the ref, if that is a doc. */
  readonly container: Container | undefined
}

interface Place {
  readonly within: Within
  readonly key: string | null
}

/** A struct that is in its place. */
export interface Placed {
  readonly struct: ForeignStruct
  /** Undefined where everything has gone. */
  readonly place: Place | undefined
  /** The type that it holds. */
  readonly inner: Within | undefined
  /** About what it takes to write it: its bytes, and what each part takes. */
  readonly sizeBytes: number
}

interface Waiting {
  readonly struct: ForeignStruct
  readonly record: number
}

/** A stretch of the order of a document. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** About what stands for something that is left out. */
const GONE_BYTES = 4
/** To put something in its place takes as long as to copy so many bytes of it, or a few more. */
const PLACED_BYTES = 256

/**
 * Somebody else's document, put together from its updates in any order: what is in which root, in an order in which each comes after what it
 * builds on. Nothing of it is applied anywhere, so bytes that are wrong can do no harm; what builds on something that is not there waits.
 */
export class Foreign {
  readonly deletes: Stretches<true> = new Stretches()
  readonly leftOut: LeftOut[] = []
  /** All that is in its place, each after what it builds on. */
  readonly order: Placed[] = []
  readonly #parts: ReadonlyMap<string, Part>
  readonly #placed = new Map<number, Placed[]>()
  readonly #waiting = new Map<number, Waiting[]>()
  /** By the client that they wait for. */
  readonly #waiters = new Map<number, Set<number>>()
  readonly #roots = new Map<string, { readonly within: Within; readonly kinds: Set<ForeignKind> }>()
  #filling: Whole['structs'] = new Map()
  /** Of whom something was added. */
  readonly #touched = new Set<number>()
  /** Whose turn it is to be put in place. */
  readonly #turns = new Set<number>()

  /** `parts` by the root that they take. */
  constructor(parts: ReadonlyMap<string, Part>) {
    this.#parts = parts
  }

  /** Takes an update of which `record` is the name. */
  add(record: number, { structs, deletes }: ForeignUpdate): void {
    for (const struct of structs) {
      const { client } = struct.id
      const list = this.#waiting.get(client)
      if (list === undefined) this.#waiting.set(client, [{ struct, record }])
      else list.push({ struct, record })
      this.#touched.add(client)
    }
    for (const range of deletes) this.deletes.set(range, true)
  }

  /** Puts up to about `most` parts in their place that can be, and tells whether all are that can be now. */
  settle(most: number): boolean {
    for (const client of this.#touched) {
      this.#waiting
        .get(client)
        ?.sort((a, b) => a.struct.id.clock - b.struct.id.clock || b.struct.length - a.struct.length)
      this.#turns.add(client)
    }
    this.#touched.clear()
    const end = this.order.length + most
    for (const client of this.#turns) {
      if (this.order.length >= end) return false
      this.#turns.delete(client)
      const before = this.order.length
      if (!this.#advance(client, end)) this.#turns.add(client)
      if (this.order.length === before) continue
      for (const waiter of this.#waiters.get(client) ?? []) this.#turns.add(waiter)
      this.#waiters.delete(client)
    }
    return true
  }

  /** Whether something waits for what has not come. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0 || this.missing.length > 0
  }

  /** From now on what has not come counts as it is in refs that have taken it before: who is told only what is new builds on that. */
  fillFrom({ structs }: Whole): void {
    this.#filling = structs
    for (const client of this.#waiting.keys()) this.#turns.add(client)
    for (const client of structs.keys()) this.#turns.add(client)
  }

  /** Puts parts of a client in their place, up to so many in all, and tells whether there is nothing more to be done for it now. */
  #advance(client: number, end: number): boolean {
    const list = this.#waiting.get(client) ?? []
    let at = 0
    while (this.order.length < end) {
      const known = this.clockOf(client)
      const next = list[at]
      if (next !== undefined && next.struct.id.clock + next.struct.length <= known) {
        at += 1
        continue
      }
      const isNew = next !== undefined && next.struct.id.clock <= known
      const struct = isNew ? cut(next.struct, known - next.struct.id.clock) : this.#fillingAt(client, known, next)
      if (struct === undefined) break
      const missing = this.#missingFor(struct)
      if (missing !== undefined) {
        const waiters = this.#waiters.get(missing.client) ?? new Set()
        this.#waiters.set(missing.client, waiters.add(client))
        break
      }
      const out = this.#place(struct, isNew)
      if (isNew) at += 1
      if (out === undefined) continue
      // What refs hold already they can hold.
      if (!isNew) break
      this.leftOut.push({ record: next.record, ...out })
    }
    if (at < list.length) this.#waiting.set(client, list.slice(at))
    else this.#waiting.delete(client)
    return this.order.length < end
  }

  /** What refs have at a clock, up to what has come. */
  #fillingAt(client: number, clock: number, next: Waiting | undefined): ForeignStruct | undefined {
    const [struct] = fromClock(this.#filling.get(client) ?? [], clock)
    if (!(struct instanceof Y.GC) || next === undefined) return struct
    return new Y.GC(struct.id, Math.min(struct.length, next.struct.id.clock - clock))
  }

  /** The order in stretches of about so many bytes of work, at least one. */
  stretches(mostBytes: number): readonly Stretch[] {
    const { length } = this.order
    const stretches: Stretch[] = []
    let [from, sizeBytes] = [0, 0]
    for (let i = 0; i < length; i++) {
      sizeBytes += this.order[i]!.sizeBytes
      if (sizeBytes < mostBytes) continue
      stretches.push({ from, to: i + 1 })
      ;[from, sizeBytes] = [i + 1, 0]
    }
    if (from < length || stretches.length === 0) stretches.push({ from, to: length })
    return stretches
  }

  /** Up to where the structs of a client are in their place. */
  clockOf(client: number): number {
    const last = this.#placed.get(client)?.at(-1)
    return last === undefined ? 0 : endOf(last)
  }

  /** What is in its place of a client, from what is at a clock on. */
  *placedFrom(client: number, clock: number): Generator<Placed> {
    const list = this.#placed.get(client) ?? []
    for (let i = indexAt(list, clock); i < list.length; i++) yield list[i]!
  }

  /** What is at a clock, if it is in its place. */
  at({ client, clock }: Id): Placed | undefined {
    const list = this.#placed.get(client) ?? []
    return list[indexAt(list, clock)]
  }

  isDeleted({ id, length }: ForeignStruct): boolean {
    for (const { value } of this.deletes.over(rangeOf(id.client, id.clock, id.clock + length))) if (!value) return false
    return true
  }

  /** What is not there and waited for: what comes first of it, by client. */
  get missing(): readonly Id[] {
    const first = new Map<number, number>()
    const need = ({ client, clock }: Id): void => void first.set(client, Math.min(clock, first.get(client) ?? clock))
    for (const [client, list] of this.#waiting) {
      const known = this.clockOf(client)
      const { struct } = list[0]!
      if (struct.id.clock > known) need({ client, clock: known })
      else {
        const missing = this.#missingFor(struct)
        // What waits itself is no root of the matter.
        if (missing !== undefined && !this.#waiting.has(missing.client))
          need({ ...missing, clock: this.clockOf(missing.client) })
      }
    }
    for (const { range } of this.deletes) {
      const known = this.clockOf(range.client)
      if (range.clock + range.length > known && !this.#waiting.has(range.client))
        need({ client: range.client, clock: known })
    }
    return [...first].map(([client, clock]) => ({ client, clock }))
  }

  /** The names of the updates of which something waits. */
  get waiting(): readonly number[] {
    const records = new Set<number>()
    for (const list of this.#waiting.values()) for (const { record } of list) records.add(record)
    return [...records].sort((a, b) => a - b)
  }

  get roots(): readonly { readonly name: string; readonly kind: ForeignKind; readonly part: Part | undefined }[] {
    return [...this.#roots].flatMap(([name, { within, kinds }]) => {
      const [kind, another] = [...kinds].filter((one) => one !== 'unknown')
      // Nothing of it has come, where there is none at all.
      return kinds.size === 0
        ? []
        : { name, kind: another === undefined ? (kind ?? 'unknown') : 'mixed', part: within.part }
    })
  }

  #missingFor(struct: ForeignStruct): Id | undefined {
    if (struct instanceof Y.GC) return undefined
    const parent = parentIn(struct)
    for (const id of [struct.origin, struct.rightOrigin, parent]) {
      if (id === null || typeof id === 'string') continue
      if (id.clock >= this.clockOf(id.client)) return id
    }
    return undefined
  }

  /** Returns why not. */
  #place(struct: ForeignStruct, isNew: boolean): Omit<LeftOut, 'record'> | undefined {
    const place = struct instanceof Y.GC ? undefined : this.#placeOf(struct, isNew)
    if (typeof place === 'string') return { kind: 'damaged', why: place }
    let sizeBytes = GONE_BYTES
    let inner: Within | undefined
    if (place !== undefined) {
      const { root, part, container } = place.within
      let held: Holding | undefined = part && holdingAtOnce(struct, place)
      if (held !== undefined) {
        sizeBytes = PLACED_BYTES + struct.length
        const why = container && whyNotIn({ within: container, keyed: false }, held)
        if (why !== undefined) return { kind: 'unfit', why: `${why}, in the root ${JSON.stringify(root)}` }
      } else if (part !== undefined) {
        const alone = writeForeign([[rerooted(struct, part.names.get(root)!)]], [])
        sizeBytes = PLACED_BYTES + alone.length
        try {
          held = part.content.parse(alone).runs[0]!.structs[0]!.holding as Holding
          const why = container && whyNotIn({ within: container, keyed: place.key !== null }, held)
          if (why !== undefined) return { kind: 'unfit', why: `${why}, in the root ${JSON.stringify(root)}` }
        } catch (error) {
          return { kind: 'unfit', why: `${(error as Error).message}, in the root ${JSON.stringify(root)}` }
        }
      }
      if (struct instanceof Y.Item && struct.content instanceof Y.ContentType) {
        inner = {
          root,
          part,
          isRoot: false,
          container: container && containerIn(container, held as TypeKind),
        }
      }
    }
    const placed: Placed = { struct, place, inner, sizeBytes: isNew ? sizeBytes : 0 }
    this.order.push(placed)
    const { client } = struct.id
    const list = this.#placed.get(client)
    if (list === undefined) this.#placed.set(client, [placed])
    else list.push(placed)
    return undefined
  }

  /** Where an item is; undefined when that has gone, and why when there is no such place. As Yjs finds it, but that it takes two places for one. */
  #placeOf(item: Y.Item, isNew: boolean): Place | undefined | string {
    const parent = parentIn(item)
    if (typeof parent === 'string')
      return this.#noted(item, { within: this.#rootOf(parent), key: item.parentSub }, isNew)
    if (parent !== null) {
      const holder = this.at(parent)!
      if (holder.place === undefined) return undefined
      if (holder.inner !== undefined) return { within: holder.inner, key: item.parentSub }
      const isDeleted = holder.struct instanceof Y.Item && holder.struct.content instanceof Y.ContentDeleted
      return isDeleted ? undefined : NO_TYPE
    }
    const [left, right] = [item.origin, item.rightOrigin].map((id) => (id === null ? null : this.at(id)!.place))
    if (left === undefined || right === undefined) return undefined
    if (left !== null && right !== null && (left.within !== right.within || left.key !== right.key)) {
      return 'its neighbours are in different places'
    }
    const place = left ?? right
    return place === null ? 'it says nowhere where it is' : this.#noted(item, place, isNew)
  }

  #rootOf(name: string): Within {
    let root = this.#roots.get(name)
    if (root === undefined) {
      const part = this.#parts.get(name)
      const container = part?.tag === 'doc' ? rootContainer(part.names.get(name)) : undefined
      this.#roots.set(name, (root = { within: { root: name, part, isRoot: true, container }, kinds: new Set() }))
    }
    return root.within
  }

  #noted(item: Y.Item, place: Place, isNew: boolean): Place {
    const { within, key } = place
    if (within.isRoot && isNew) this.#roots.get(within.root)!.kinds.add(kindIn(item, key))
    return place
  }
}

/** The place of the first that ends after a clock. They are in order and without gaps. */
function indexAt(list: readonly Placed[], clock: number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (endOf(list[middle]!) <= clock) low = middle + 1
    else high = middle
  }
  return low
}

function endOf({ struct }: Placed): number {
  return struct.id.clock + struct.length
}

/** What a struct holds that texts and docs hold alike, and most do: it need not be written and read to know. */
function holdingAtOnce(struct: ForeignStruct, { key }: Place): Holding | undefined {
  if (struct instanceof Y.GC || key !== null) return undefined
  if (struct.content instanceof Y.ContentString) return 'string'
  return struct.content instanceof Y.ContentDeleted ? 'deleted' : undefined
}

/** What a root is in which an item stands. */
function kindIn({ content }: Y.Item, key: string | null): ForeignKind {
  if (content instanceof Y.ContentDeleted) return 'unknown'
  if (key !== null) return 'map'
  if (content instanceof Y.ContentString || content instanceof Y.ContentFormat || content instanceof Y.ContentEmbed)
    return 'text'
  const isNode =
    content instanceof Y.ContentType && (content.type instanceof Y.XmlElement || content.type instanceof Y.XmlText)
  return isNode ? 'fragment' : 'array'
}

/** What a field of a record state merges as. Two kinds under one name are two fields: they never mix. */
export const DATA = 0
export const COUNT = 1
export const PLACE = 2

/** One of {@link DATA}, {@link COUNT} and {@link PLACE}. */
export type SlotKind = typeof DATA | typeof COUNT | typeof PLACE

/**
 * Which fields a record state holds, and where. States whose fields came in the same order share one shape, so that a row of a table
 * keeps its values in one array and no names. Shapes grow from the empty one, a field at a time, as hidden classes do in engines
 * (Chambers, Ungar, Lee, "An Efficient Implementation of SELF", 1989).
 */
export class Shape {
  readonly names: readonly string[]
  readonly kinds: readonly SlotKind[]
  /** Nothing in each slot: to be copied, for a copy has no room to spare. */
  readonly blank: readonly unknown[]
  readonly #slots: readonly [Map<string, number>, Map<string, number>, Map<string, number>]
  readonly #next: readonly [Map<string, Shape>, Map<string, Shape>, Map<string, Shape>]
  /** The shape that was grown last, which is mostly the one that is wanted again: the rows of a table come one after the other. */
  #grown: Shape | undefined
  #planFor: object | undefined
  #plan: readonly number[] = []
  #isIn = false

  constructor(names: readonly string[], kinds: readonly SlotKind[]) {
    this.names = names
    this.kinds = kinds
    this.blank = names.map(() => undefined)
    this.#slots = [new Map(), new Map(), new Map()]
    this.#next = [new Map(), new Map(), new Map()]
    for (let i = 0; i < names.length; i++) this.#slots[kinds[i]!].set(names[i]!, i)
  }

  /** The slot of a field, -1 when states of this shape do not have it. */
  slot(kind: SlotKind, name: string): number {
    return this.#slots[kind].get(name) ?? -1
  }

  /** What `with` gives if it has given that last; undefined otherwise, and for a field that is there already. */
  grown(kind: SlotKind, name: string): Shape | undefined {
    const grown = this.#grown
    if (grown === undefined) return undefined
    const { length } = this.names
    return grown.names[length] === name && grown.kinds[length] === kind ? grown : undefined
  }

  /** The shape with one more field, in the last slot. */
  with(kind: SlotKind, name: string): Shape {
    const known = this.#next[kind].get(name)
    if (known !== undefined) return (this.#grown = known)
    const next = new Shape([...this.names, name], [...this.kinds, kind])
    if (shared < MOST_SHARED) {
      shared += 1
      this.#next[kind].set(name, next)
      this.#grown = next
    }
    return next
  }

  /** Whether it has registers only, and each is one of these fields. */
  isIn(fields: readonly { readonly name: string; readonly slotKind: SlotKind }[]): boolean {
    this.plan(fields)
    return this.#isIn
  }

  /** The slots of some fields in their order, -1 for those that are missing; remembered for the fields that were asked for last. */
  plan(fields: readonly { readonly name: string; readonly slotKind: SlotKind }[]): readonly number[] {
    if (this.#planFor !== fields) {
      this.#plan = fields.map(({ name, slotKind }) => this.slot(slotKind, name))
      this.#isIn =
        this.kinds.every((kind) => kind === DATA) && this.#plan.filter((slot) => slot >= 0).length === this.names.length
      this.#planFor = fields
    }
    return this.#plan
  }
}

/** Shapes are kept for good, so their number is bounded: names from outside must not fill the memory. */
const MOST_SHARED = 10_000
let shared = 0

/** The shape of a state without fields. */
export const noFields: Shape = new Shape([], [])

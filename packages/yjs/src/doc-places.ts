import * as Y from 'yjs'
import type { Holding, TypeKind } from './doc-grammar.ts'
import { isRoot } from './doc-roots.ts'
import { missingFrom } from './update.ts'
import type { Id, ParsedUpdate, Struct } from './update.ts'

/** A type whatever its events are. */
// The events of a type stand in its interface both ways, so no narrower argument fits all.
export type AnyType = Y.AbstractType<any>

/** Where an item is: in which type, and whether under a key of it. Undefined stands for where nothing is any more. */
export interface Place {
  readonly within: Container
  readonly keyed: boolean
}

/** A type that items may be in. */
export interface Container {
  readonly kind: TypeKind
  /** The arrays and objects around its items in what the document reads as. */
  readonly levels: number
}

/**
 * The most that there may be, so that with a value on top the whole is a value that can be encoded, and nobody's stack is full before
 * the document is read: 27 elements inside one another.
 */
const MAX_CONTAINER_LEVELS = 56

/** How many levels more a type puts around its items. In an element these are the node and its content. */
const LEVELS: Readonly<Record<TypeKind, number>> = { array: 1, map: 1, text: 1, element: 2, fragment: 1, xmlText: 1 }

const NESTED: readonly Holding[] = ['array', 'map', 'text', 'element', 'fragment', 'xmlText']
const VALUES: readonly Holding[] = ['any', 'binary']
const NODES: readonly Holding[] = ['element', 'xmlText']

/**
 * What may be in a type, one after the other and under keys. What was deleted may be anywhere. Values that one key had one after the other may lie
 * in one item: the last one counts.
 */
const MAY_HOLD: Readonly<
  Record<TypeKind, { readonly listed: readonly Holding[]; readonly keyed: readonly Holding[] }>
> = {
  array: { listed: [...VALUES, ...NESTED], keyed: [] },
  map: { listed: [], keyed: [...VALUES, ...NESTED] },
  text: { listed: ['string', 'format', 'embed'], keyed: [] },
  element: { listed: NODES, keyed: VALUES },
  fragment: { listed: NODES, keyed: [] },
  xmlText: { listed: ['string', 'format'], keyed: [] },
}

/**
 * Why something in an update cannot be where it is; undefined when all can. The update can be applied whole. Looks at what the update
 * itself brings and at immutable facts of what it builds on, so everybody comes to the same answer, in whatever order updates came.
 *
 * `own` says that the document holds the update already.
 *
 * Cost: a search in the document for each item that is a neighbour of one that is there.
 */
export function whyMisplaced(update: ParsedUpdate<Holding>, doc: Y.Doc, own: boolean): string | undefined {
  const places = new Places(doc)
  const known = (client: number): number => Y.getState(doc.store, client)
  let why: string | undefined
  missingFrom(update, known, (struct) => {
    if (why !== undefined) return
    // What is there already is not taken again.
    if (!own && struct.clock + struct.length <= known(struct.client)) return
    why = places.add(struct)
  })
  return why
}

class Places {
  readonly #doc: Y.Doc
  /** Of the items of the update, by client, ascending by clock. */
  readonly #added = new Map<number, { readonly struct: Struct<Holding>; readonly place: Place | undefined }[]>()

  constructor(doc: Y.Doc) {
    this.#doc = doc
  }

  /** Takes in an item whose neighbours are known, and returns what is wrong with its place. */
  add(struct: Struct<Holding>): string | undefined {
    const { client, holding, origin, rightOrigin, parent } = struct
    let place: Place | undefined
    if (parent !== undefined) {
      const within = parent.item === undefined ? rootContainer(parent.root) : this.#containerAt(parent.item)
      if (typeof within === 'string') return within
      place = within && { within, keyed: parent.key !== undefined }
    } else if (holding !== 'gone') {
      const [left, right] = [origin && this.#placeOf(origin), rightOrigin && this.#placeOf(rightOrigin)]
      // Yjs forgets what stands beside something it has forgotten.
      const lost = (origin !== undefined && left === undefined) || (rightOrigin !== undefined && right === undefined)
      place = lost ? undefined : (left ?? right)
      if (left && right && !lost && !isSame(left, right)) return 'its neighbours are in different places'
    }
    const list = this.#added.get(client)
    if (list === undefined) this.#added.set(client, [{ struct, place }])
    else list.push({ struct, place })
    return place && whyNotIn(place, holding)
  }

  /** The type that an item holds; undefined when it has gone, and why when there never was one. */
  #containerAt(id: Id): Container | undefined | string {
    const added = this.#find(id)
    if (added !== undefined) {
      const { struct, place } = added
      if (place === undefined || struct.holding === 'deleted') return undefined
      return struct.holding in LEVELS ? containerIn(place.within, struct.holding as TypeKind) : NO_TYPE
    }
    const item: Y.Item | Y.GC = Y.getItem(this.#doc.store, Y.createID(id.client, id.clock))
    if (!(item instanceof Y.Item) || item.content instanceof Y.ContentDeleted) return undefined
    return item.content instanceof Y.ContentType ? containerOf(item.content.type) : NO_TYPE
  }

  #placeOf(id: Id): Place | undefined {
    const added = this.#find(id)
    if (added !== undefined) return added.place
    const item: Y.Item | Y.GC = Y.getItem(this.#doc.store, Y.createID(id.client, id.clock))
    if (!(item instanceof Y.Item)) return undefined
    // Once it is in a document, the parent of an item is a type, not its name.
    return { within: containerOf(item.parent as AnyType), keyed: item.parentSub !== null }
  }

  #find({ client, clock }: Id): { readonly struct: Struct<Holding>; readonly place: Place | undefined } | undefined {
    const list = this.#added.get(client)
    if (list === undefined) return undefined
    let [low, high] = [0, list.length - 1]
    while (low <= high) {
      const middle = (low + high) >> 1
      const one = list[middle]!
      if (clock < one.struct.clock) high = middle - 1
      else if (clock >= one.struct.clock + one.struct.length) low = middle + 1
      else return one
    }
    return undefined
  }
}

/** Why something cannot be in a place; undefined when it can. */
export function whyNotIn({ within, keyed }: Place, holding: Holding): string | undefined {
  if (holding === 'deleted' || holding === 'gone') return undefined
  if (!MAY_HOLD[within.kind][keyed ? 'keyed' : 'listed'].includes(holding)) {
    return `it puts ${holding} into ${within.kind}${keyed ? ' under a key' : ''}`
  }
  if (holding in LEVELS && containerIn(within, holding as TypeKind).levels > MAX_CONTAINER_LEVELS) {
    return `it nests types more than ${MAX_CONTAINER_LEVELS} levels deep`
  }
  return undefined
}

export const NO_TYPE = 'it writes into something that holds nothing'

function isSame(left: Place, right: Place): boolean {
  return (
    left.keyed === right.keyed && left.within.kind === right.within.kind && left.within.levels === right.within.levels
  )
}

/** Two: the whole, and the root in it. */
export function rootContainer(name: string | undefined): Container | undefined {
  return isRoot(name) ? { kind: name, levels: 2 } : undefined
}

export function containerIn(outer: Container, kind: TypeKind): Container {
  return { kind, levels: outer.levels + LEVELS[kind] }
}

/** By type, which stays where it is. */
const containers = new WeakMap<AnyType, Container>()

function containerOf(type: AnyType): Container {
  let container = containers.get(type)
  if (container === undefined) {
    const kind = kindOf(type)
    container = type._item === null ? { kind, levels: 2 } : containerIn(containerOf(type._item.parent as AnyType), kind)
    containers.set(type, container)
  }
  return container
}

export function kindOf(type: AnyType): TypeKind {
  // The order matters: an element is a fragment, and XML text is text.
  if (type instanceof Y.XmlElement) return 'element'
  if (type instanceof Y.XmlFragment) return 'fragment'
  if (type instanceof Y.XmlText) return 'xmlText'
  if (type instanceof Y.Text) return 'text'
  return type instanceof Y.Map ? 'map' : 'array'
}

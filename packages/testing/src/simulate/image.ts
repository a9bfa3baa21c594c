import { SimulationError } from './errors.ts'

/** A state of a cell as text: equal for two states exactly when nobody can ever tell them apart. */
export type Image = (state: unknown) => string

/** How the states of some policies are made images of, by tag. */
export type Images = Readonly<Record<string, Image>>

/**
 * The image of a state of plain data: objects, arrays, maps, sets and bytes, whatever order they were put together in. Throws
 * `SimulationError` `invalid-simulation` for what holds more than can be seen, as instances of classes do.
 */
export function imageOfData(state: unknown): string {
  const parts: string[] = []
  write(state, parts)
  return parts.join('')
}

/** How states with this tag are seen. */
export function imageFor(tag: string, images: Images): Image {
  const image = images[tag] ?? ownImages[tag] ?? imageOfData
  return (state) => {
    try {
      return image(state)
    } catch (cause) {
      throw new SimulationError(
        'invalid-simulation',
        `The states of the policy "${tag}" cannot be compared: ${String((cause as Error).message)} Give { images: { ${tag}: (state) => text } } that says all that is in one, or explore by: 'order'.`,
        { cause },
      )
    }
  }
}

// The classes of our policies keep caches beside what they hold, so each is written by the parts that matter.

/** A member or a record: fields by name, in whatever slots they are. */
function imageOfRecord(state: unknown): string {
  const record = state as {
    readonly incarnation: number
    readonly created: unknown
    readonly deleted: unknown
    readonly shape: { readonly names: readonly string[]; readonly kinds: readonly number[] }
    readonly values: readonly unknown[]
    readonly stamp: unknown
    readonly stamps: readonly unknown[] | undefined
    readonly seen: unknown
  }
  const { names, kinds } = record.shape
  const fields = names.map((name, slot) => {
    // A count has the stamps of its additions inside.
    const stamp = kinds[slot] === COUNT ? null : (record.stamps?.[slot] ?? record.stamp)
    return imageOfData([kinds[slot], name, partOfRecord(record.values[slot]), stamp])
  })
  return imageOfData([record.incarnation, record.created, record.deleted, fields.sort(), record.seen])
}

/** The kind of fields that add up, as the shapes of records number it. */
const COUNT = 1

/** What a field holds: data, or what was written to parts of it. */
function partOfRecord(held: unknown): unknown {
  if (!isTree(held)) return held
  const node = held as {
    readonly stamp: unknown
    readonly kind: unknown
    readonly value: unknown
    readonly parts: ReadonlyMap<string, unknown>
  }
  const parts = [...node.parts].map(([key, part]) => [key, partOfRecord(part)] as const)
  return ['parts', node.stamp, node.kind, node.value, new Map(parts)]
}

/** Data is made of plain objects, also where one has a key of this name. */
function isTree(held: unknown): held is object {
  if (typeof held !== 'object' || held === null || !('parts' in held)) return false
  return Object.getPrototypeOf(held) !== Object.prototype
}

const imageOfList: Image = (state) => imageOfData((state as { readonly items: unknown }).items)
const imageOfSet: Image = (state) => imageOfData((state as { readonly elements: unknown }).elements)

const ownImages: Images = {
  record: (state) => (state === undefined ? 'u' : imageOfRecord(state)),
  list: (state) => (state === undefined ? 'u' : imageOfList(state)),
  set: (state) => (state === undefined ? 'u' : imageOfSet(state)),
}

/** What {@link documentImages} needs of Yjs. */
export interface Yjs {
  readonly Doc: new (options: { readonly gc: boolean }) => unknown
  // The documents of Yjs are passed on, never looked into.
  applyUpdate(doc: any, update: Uint8Array): void
  encodeStateAsUpdate(doc: any): Uint8Array
}

/**
 * Images of texts and docs, for apps that have some: `exhaust({ …, images: documentImages(Y) })`, where `Y` is the Yjs that the app uses. They
 * are the bytes that Yjs encodes, so what Yjs takes for the same in another order is the same here. Cost: each state replays its updates.
 *
 * @example
 * import { documentImages, exhaust } from '@syncline/testing/simulate'
 * import { text } from '@syncline/yjs'
 * import * as Y from 'yjs'
 *
 * const note = text('note')
 * const app = { refs: { note }, actions: { type: (tx) => tx.insert(note, 0, 'Hi') } }
 * const does = [['type', 'type'], ['type']]
 * const { complete } = await exhaust({ app, does, images: documentImages(Y), print: () => {} })
 * expect(complete).toBe(true)
 */
export function documentImages(yjs: Yjs): Images {
  const image: Image = (state) => {
    const doc = new yjs.Doc({ gc: false })
    const updates: Uint8Array[] = []
    // The history of a document is a chain of its updates, newest first.
    type Link = { readonly previous: Link | undefined; readonly update: Uint8Array }
    const newest = (state as { readonly link: Link | undefined } | undefined)?.link
    for (let link = newest; link !== undefined; link = link.previous) updates.push(link.update)
    for (const update of updates.reverse()) yjs.applyUpdate(doc, update)
    return imageOfData(yjs.encodeStateAsUpdate(doc))
  }
  return { text: image, doc: image }
}

/** The images of what was seen before: states never change, and share most of what they hold. */
const seen = new WeakMap<object, string>()

function write(value: unknown, parts: string[]): void {
  if (typeof value === 'string') parts.push(JSON.stringify(value))
  else if (typeof value === 'number') parts.push(Object.is(value, -0) ? '-0' : String(value))
  else if (value === undefined) parts.push('u')
  else if (typeof value === 'bigint') parts.push(`${value}n`)
  else if (typeof value === 'boolean' || value === null) parts.push(String(value))
  else if (typeof value !== 'object') throw new Error(`It holds a ${typeof value}.`)
  else {
    let image = seen.get(value)
    if (image === undefined) seen.set(value, (image = imageOfObject(value)))
    parts.push(image)
  }
}

function imageOfObject(value: object): string {
  const parts: string[] = []
  if (Array.isArray(value)) writeAll('[', value as unknown[], ']', parts)
  else if (value instanceof Uint8Array) parts.push('x', hexOf(value))
  else if (value instanceof Map) {
    const entries = [...(value as Map<unknown, unknown>)].map(
      ([key, held]) => `${imageOfData(key)}:${imageOfData(held)}`,
    )
    parts.push('m{', entries.sort().join(), '}')
  } else if (value instanceof Set) {
    parts.push('s{', [...(value as Set<unknown>)].map(imageOfData).sort().join(), '}')
  } else writeObject(value, parts)
  return parts.join('')
}

function writeAll(open: string, items: readonly unknown[], close: string, parts: string[]): void {
  parts.push(open)
  for (const [at, item] of items.entries()) {
    if (at > 0) parts.push(',')
    write(item, parts)
  }
  parts.push(close)
}

function writeObject(value: object, parts: string[]): void {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    const { name } = (prototype as { readonly constructor: { readonly name: string } }).constructor
    throw new Error(`It holds a ${name}, whose insides cannot be seen.`)
  }
  const keys = Object.keys(value).sort()
  parts.push('{')
  for (const [at, key] of keys.entries()) {
    if (at > 0) parts.push(',')
    parts.push(JSON.stringify(key), ':')
    write((value as { readonly [key: string]: unknown })[key], parts)
  }
  parts.push('}')
}

function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

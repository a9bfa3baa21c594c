import { equalValues, setKey } from '@syncline/stm'
import type { Value } from '@syncline/stm'
import * as Y from 'yjs'
import type { AnyType } from './doc-places.ts'
import { rootsOf } from './doc-roots.ts'
import { plain } from './doc-values.ts'

/** What a `doc` reads as: its four roots as plain, frozen data. Parts that did not change are the same objects (`===`) in the next state. */
export interface DocValue {
  /** The nodes of the root that rich-text editors are bound to, as ProseMirror writes them: the `content` of a document node. */
  readonly fragment: readonly DocNode[]
  /** The runs of the root Y.Text. */
  readonly text: readonly DocRun[]
  readonly map: { readonly [key: string]: Value }
  readonly array: readonly Value[]
}

/** A node as in ProseMirror's JSON. `text` is there when it is a text. */
export interface DocNode {
  readonly type: string
  readonly attrs?: { readonly [name: string]: Value }
  readonly content?: readonly DocNode[]
  readonly text?: string
  readonly marks?: readonly DocMark[]
}

/** What a text is marked as: bold, a link. */
export interface DocMark {
  readonly type: string
  readonly attrs?: { readonly [name: string]: Value }
}

/** A run of a Y.Text: characters, or one embedded value, and their formats. */
export interface DocRun {
  readonly insert: Value
  readonly attributes?: { readonly [name: string]: Value }
}

type Attributes = { readonly [name: string]: Value }

/** What a document reads as while nobody has written. */
export const NOTHING: DocValue = Object.freeze({
  fragment: Object.freeze([]),
  text: Object.freeze([]),
  map: Object.freeze({}),
  array: Object.freeze([]),
})

/** What types were read as, and read as still. */
const known = new WeakMap<AnyType, unknown>()

/** Must be told of each transaction of a document that is read. */
export function forgetChanged(transaction: Y.Transaction): void {
  // Of each change Yjs knows the type and all that it is in.
  for (const type of transaction.changedParentTypes.keys()) known.delete(type)
}

/** What a document shows. Cost: one pass over what has changed since it was read, and over the children of what that is in. */
export function readDoc(doc: Y.Doc): DocValue {
  const { fragment, text, map, array } = rootsOf(doc)
  const value: DocValue = {
    fragment: readNodes(fragment),
    text: readRuns(text),
    map: readMap(map),
    array: readArray(array),
  }
  return Object.freeze(value)
}

/** Whether two documents read alike. */
export function equalDocs(a: DocValue, b: DocValue): boolean {
  // What a document reads as is plain data.
  return a === b || equalValues(a as unknown as Value, b as unknown as Value)
}

function once<T extends object>(type: AnyType, read: () => T): T {
  // A type is read by one function only.
  const found = known.get(type) as T | undefined
  if (found !== undefined) return found
  const made = Object.freeze(read())
  known.set(type, made)
  return made
}

function readNodes(fragment: Y.XmlFragment): readonly DocNode[] {
  return once(fragment, () => childrenOf(fragment))
}

function childrenOf(parent: Y.XmlFragment | Y.XmlElement): DocNode[] {
  const nodes: DocNode[] = []
  for (const child of parent.toArray()) {
    if (child instanceof Y.XmlElement) nodes.push(readElement(child))
    else for (const node of readText(child as Y.XmlText)) append(nodes, node)
  }
  return nodes
}

/** Neighbours with the same marks are one text, however it came to be. */
function append(nodes: DocNode[], node: DocNode): void {
  const last = nodes.at(-1)
  if (last?.text === undefined || !equalMarks(last.marks, node.marks)) nodes.push(node)
  else nodes[nodes.length - 1] = Object.freeze({ ...last, text: last.text + node.text! })
}

function equalMarks(a: readonly DocMark[] | undefined, b: readonly DocMark[] | undefined): boolean {
  return equalValues((a ?? null) as Value, (b ?? null) as Value)
}

function readElement(element: Y.XmlElement): DocNode {
  return once(element, () => {
    const attrs = sorted(element.getAttributes() as Record<string, unknown>)
    const content = Object.freeze(childrenOf(element))
    return {
      type: element.nodeName,
      ...(attrs !== undefined && { attrs }),
      ...(content.length > 0 && { content }),
    }
  })
}

function readText(text: Y.XmlText): readonly DocNode[] {
  return once(text, () => {
    const nodes: DocNode[] = []
    for (const { insert, attributes } of runsOf(text)) {
      const marks = attributes && Object.freeze(Object.entries(attributes).map(([name, value]) => markOf(name, value)))
      // There are no embeds in XML text.
      append(nodes, Object.freeze({ type: 'text', text: insert as string, ...(marks !== undefined && { marks }) }))
    }
    return nodes
  })
}

/** Where marks of one type may overlap, y-prosemirror and y-tiptap tell them apart by eight characters of a hash. */
const OVERLAPPING = /^(.*)--[a-zA-Z0-9+/=]{8}$/

function markOf(name: string, value: Value): DocMark {
  const type = OVERLAPPING.exec(name)?.[1] ?? name
  if (value === true) return Object.freeze({ type })
  const attrs = isObject(value) ? value : Object.freeze({ value })
  return Object.freeze(Object.keys(attrs).length > 0 ? { type, attrs } : { type })
}

function isObject(value: Value): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function readRuns(text: Y.Text): readonly DocRun[] {
  return once(text, () => runsOf(text))
}

function runsOf(text: Y.Text): DocRun[] {
  const runs: DocRun[] = []
  // What Yjs gives is not declared; a doc has no types in texts.
  for (const { insert, attributes } of text.toDelta() as { insert: unknown; attributes?: Record<string, unknown> }[]) {
    const formats = attributes && sorted(attributes)
    const last = runs.at(-1)
    if (
      typeof insert === 'string' &&
      typeof last?.insert === 'string' &&
      equalValues(last.attributes ?? null, formats ?? null)
    ) {
      runs[runs.length - 1] = Object.freeze({ ...last, insert: last.insert + insert })
    } else {
      runs.push(Object.freeze({ insert: plain(insert), ...(formats !== undefined && { attributes: formats }) }))
    }
  }
  return runs
}

function readMap(map: Y.Map<unknown>): { readonly [key: string]: Value } {
  return once(map, () => {
    const object: Record<string, Value> = {}
    for (const key of [...map.keys()].sort(byUnits)) {
      const value = map.get(key)
      if (value !== undefined) setKey(object, key, readAny(value))
    }
    return object
  })
}

function readArray(array: Y.Array<unknown>): readonly Value[] {
  return once(array, () => array.toArray().map(readAny))
}

function readAny(value: unknown): Value {
  return value instanceof Y.AbstractType ? readType(value as AnyType) : plain(value)
}

function readType(type: AnyType): Value {
  // What each reads as is plain data; that interfaces have no index signature keeps the compiler from seeing it.
  if (type instanceof Y.XmlElement) return readElement(type) as unknown as Value
  if (type instanceof Y.XmlFragment) return readNodes(type) as unknown as Value
  if (type instanceof Y.XmlText) return readText(type) as unknown as Value
  if (type instanceof Y.Text) return readRuns(type) as unknown as Value
  return type instanceof Y.Map ? readMap(type) : readArray(type as Y.Array<unknown>)
}

/** In an order that does not tell which came first; undefined when there is nothing. */
function sorted(attributes: Record<string, unknown>): Attributes | undefined {
  const object: Record<string, Value> = {}
  let isEmpty = true
  for (const name of Object.keys(attributes).sort(byUnits)) {
    const value = attributes[name]
    if (value === undefined) continue
    object[name] = plain(value)
    isEmpty = false
  }
  return isEmpty ? undefined : Object.freeze(object)
}

function byUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

import type { Value } from '@syncline/stm'
import type * as Y from 'yjs'
import type { Content } from './content.ts'
import { Replica } from './replica.ts'
import type { Report } from './replica.ts'

/** One update in the history of a document, on top of another. Shared by all states that come after it. */
export interface Link {
  readonly previous: Link | undefined
  readonly update: Uint8Array
  /** How many updates there are up to this one. */
  readonly depth: number
  /** The bytes of all of them. */
  readonly totalBytes: number
}

/**
 * The immutable state of a document: its updates, and what they read as once somebody has asked.
 * Apart from the links, so that what an old state reads as goes when the last snapshot that holds it goes.
 */
export class DocumentState<V> {
  readonly link: Link | undefined
  /** What it reads as, when it was read or is known from writing it. A cache: it never changes what a state means. */
  value: V | undefined

  constructor(link: Link | undefined, value?: V) {
    this.link = link
    this.value = value
  }
}

/** The state of a text. */
export type TextState = DocumentState<string>

/** The state after one more update; the same state when `payload` is none. Cost: constant; the update is not decoded. */
export function appendUpdate<V>(state: DocumentState<V> | undefined, payload: Value, value?: V): DocumentState<V> {
  if (!(payload instanceof Uint8Array) || payload.length === 0) return state ?? new DocumentState<V>(undefined)
  const previous = state?.link
  // A view would keep the whole message alive that it was cut from.
  const update = payload.length === payload.buffer.byteLength ? payload : payload.slice()
  return new DocumentState(
    {
      previous,
      update,
      depth: (previous?.depth ?? 0) + 1,
      totalBytes: (previous?.totalBytes ?? 0) + update.length,
    },
    value,
  )
}

/** The updates after `base` up to `link`, in order; undefined when `base` is not an ancestor of `link`. */
export function updatesSince(base: Link | undefined, link: Link | undefined): readonly Uint8Array[] | undefined {
  const updates: Uint8Array[] = []
  const depth = base?.depth ?? 0
  let at = link
  while (at !== undefined && at.depth > depth) {
    updates.push(at.update)
    at = at.previous
  }
  return at === base ? updates.reverse() : undefined
}

/** Brings a fresh document to a state. Cost: one pass over its updates. */
export function load(doc: Y.Doc, content: Content<unknown>, link: Link | undefined, report: Report): Replica {
  const replica = new Replica(doc, content, report)
  for (const update of updatesSince(undefined, link) ?? []) replica.feed(update)
  return replica
}

/** What a state reads as, from its updates alone. */
export function replay<V>(state: DocumentState<V> | undefined, content: Content<V>, report: Report): V {
  if (state === undefined || state.link === undefined) return content.empty
  if (state.value === undefined) {
    const { doc } = load(content.create(), content, state.link, report)
    state.value = content.read(doc)
    doc.destroy()
  }
  return state.value
}

/** For what a store reports whenever it reads the same update. */
export function ignore(): void {}

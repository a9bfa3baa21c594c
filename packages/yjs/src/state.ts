import type { Value } from '@syncline/stm'
import * as Y from 'yjs'
import { Replica } from './replica.ts'
import type { Report } from './replica.ts'

/** One update in the history of a text, on top of another. Shared by all states that come after it. */
export interface Link {
  readonly previous: Link | undefined
  readonly update: Uint8Array
  /** How many updates there are up to this one. */
  readonly depth: number
  /** The bytes of all of them. */
  readonly totalBytes: number
}

/**
 * The immutable state of a text: its updates, and what they read as once somebody has asked.
 * Apart from the links, so that the string of an old state goes when the last snapshot that holds it goes.
 */
export class TextState {
  readonly link: Link | undefined
  /** The text, when it was read or is known from writing it. A cache: it never changes what a state means. */
  text: string | undefined

  constructor(link: Link | undefined, text?: string) {
    this.link = link
    this.text = text
  }
}

/** The state in which nobody has written. */
export const EMPTY: TextState = new TextState(undefined, '')

/** The state after one more update; the same state when `payload` is none. Cost: constant; the update is not decoded. */
export function appendUpdate(state: TextState | undefined, payload: Value, text?: string): TextState {
  if (!(payload instanceof Uint8Array) || payload.length === 0) return state ?? EMPTY
  const previous = state?.link
  // A view would keep the whole message alive that it was cut from.
  const update = payload.length === payload.buffer.byteLength ? payload : payload.slice()
  return new TextState(
    {
      previous,
      update,
      depth: (previous?.depth ?? 0) + 1,
      totalBytes: (previous?.totalBytes ?? 0) + update.length,
    },
    text,
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
export function load(doc: Y.Doc, link: Link | undefined, report: Report): Replica {
  const replica = new Replica(doc, report)
  for (const update of updatesSince(undefined, link) ?? []) replica.feed(update)
  return replica
}

/** The text of a state, from its updates alone. */
export function replay(state: TextState, report: Report): string {
  if (state.text === undefined) {
    const doc = new Y.Doc()
    state.text = load(doc, state.link, report).text.toString()
    doc.destroy()
  }
  return state.text
}

import { nobodys, type Distilled, type PolicyRef, type Stamp, type Value } from '@syncline/stm'
import type * as Y from 'yjs'
import type { Content } from './content.ts'
import { isMarked, KEPT, kindOf, readCut, RETIRED, RETIREMENT } from './generation-format.ts'
import { generationsIn, isSound } from './generations.ts'
import { REMOTE, Replica } from './replica.ts'
import type { Report } from './replica.ts'
import { noteStamp, stampFor } from './stamps.ts'

/**
 * One update in the history of a document, on top of another. Shared by all states that come after it. What a link means never changes; how it is
 * kept may: the updates up to it can be put together.
 */
export class Link {
  /** The bytes of all updates up to this one, as they came. */
  readonly totalBytes: number
  /** How many updates there are up to this one. */
  readonly depth: number
  #previous: Link | undefined
  #update: Uint8Array
  #loose: number
  #mergedBytes: number
  #isCut: boolean
  /** Whether lives were retired up to here: what comes may be a conflict copy, of which is told who has written it, and when. */
  readonly isLate: boolean

  constructor(previous: Link | undefined, update: Uint8Array) {
    this.#previous = previous
    this.#update = update
    this.depth = (previous?.depth ?? 0) + 1
    this.totalBytes = (previous?.totalBytes ?? 0) + update.length
    this.#loose = (previous === undefined ? 0 : previous.#loose) + 1
    this.#mergedBytes = previous === undefined ? 0 : previous.#mergedBytes
    this.#isCut = (previous !== undefined && previous.#isCut) || isWorthIt(update)
    this.isLate = (previous !== undefined && previous.isLate) || isOneOf(update, RETIREMENT, RETIRED)
  }

  get previous(): Link | undefined {
    return this.#previous
  }

  get update(): Uint8Array {
    return this.#update
  }

  /** How many updates up to this one lie there one by one. */
  get loose(): number {
    return this.#loose
  }

  /** How many bytes lie under these, put together. */
  get mergedBytes(): number {
    return this.#mergedBytes
  }

  /** Whether a new life has begun since updates were put together: what is before it is of no use to most. */
  get isCut(): boolean {
    return this.#isCut
  }

  /**
   * From now on this link holds all that is before it: one update, and under it what is kept beside it, as what still waits for something. What lies on top of it
   * stays as it is.
   */
  compact(merged: Uint8Array, beside: readonly Uint8Array[], newest: Link): void {
    this.#previous = undefined
    for (const update of beside) this.#previous = new Link(this.#previous, update)
    this.#update = merged
    this.#loose = 0
    this.#mergedBytes = merged.length
    this.#isCut = false
    const above: Link[] = []
    for (let at: Link | undefined = newest; at !== undefined && at !== this; at = at.#previous) above.push(at)
    let loose = 0
    let isCut = false
    for (const link of above.reverse()) {
      link.#isCut = isCut ||= isWorthIt(link.#update)
      link.#loose = loose += 1
      link.#mergedBytes = merged.length
    }
  }
}

function isOneOf(update: Uint8Array, ...kinds: readonly number[]): boolean {
  return kinds.includes(kindOf(update)!)
}

/** Whether much of what is before it is of no use to most: a cut with what the new life begins with, which is kept without once a state has that, or a retirement. */
function isWorthIt(update: Uint8Array): boolean {
  return kindOf(update) === RETIREMENT || (readCut(update)?.content.length ?? 0) > 0
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

  /** What a transaction has taken in that this is the state with. It becomes an operation as it is, and is applied as everybody applies it. */
  get taken(): Taken | undefined {
    return undefined
  }
}

/** Updates from elsewhere, as one. */
export interface Taken {
  readonly payload: Uint8Array
  /** Throws when the draft is written too. */
  refuse(ref: PolicyRef): never
}

/** The state of a text. */
export type TextState = DocumentState<string>

/** The state after one more update; the same state when `payload` is none. Cost: constant; the update is not decoded. */
export function appendUpdate<V>(state: DocumentState<V> | undefined, payload: Value, stamp: Stamp): DocumentState<V> {
  // What was put together counts only where it was: who has seen less would have it otherwise.
  const isNone =
    !(payload instanceof Uint8Array) ||
    payload.length === 0 ||
    (stamp.writer !== nobodys.writer && isOneOf(payload, KEPT, RETIRED))
  if (isNone) return state ?? new DocumentState<V>(undefined)
  // A view would keep the whole message alive that it was cut from.
  return appendOwn(state, payload.length === payload.buffer.byteLength ? payload : payload.slice(), stamp)
}

/**
 * The same of an update that was made here, and is no part of other bytes: small ones have no buffer before somebody asks for it. `value` is what the
 * state reads as, where that is known.
 */
export function appendOwn<V>(
  state: DocumentState<V> | undefined,
  update: Uint8Array,
  stamp: Stamp,
  value?: V,
): DocumentState<V> {
  if (state?.link?.isLate === true && stamp.writer !== nobodys.writer) noteStamp(update, stamp)
  return new DocumentState(new Link(state?.link, update), value)
}

/**
 * The updates after `base` up to `link`, in order; undefined when `base` is not an ancestor of `link`, or was put together with others that came
 * later.
 */
export function updatesSince(base: Link | undefined, link: Link | undefined): readonly Uint8Array[] | undefined {
  const updates: Uint8Array[] = []
  let at = link
  while (at !== base) {
    if (at === undefined || (base !== undefined && at.depth <= base.depth)) return undefined
    updates.push(at.update)
    at = at.previous
  }
  return updates.reverse()
}

/** The updates of a document, as they are put together by now. Nothing is decoded. */
export function distillUpdates({ link }: DocumentState<unknown>): readonly Distilled[] {
  return updatesSince(undefined, link)!.map((payload) => ({ payload, stamp: stampFor(payload) ?? nobodys }))
}

/** Brings a fresh document to a state. Cost: one pass over its updates. */
export function load(doc: Y.Doc, content: Content<unknown>, link: Link | undefined, report: Report): Replica {
  const { replica, updates } = begin(doc, content, updatesSince(undefined, link) ?? [], report)
  // As one transaction: what Yjs does at the end of each is done once.
  if (updates.length > 1) doc.transact(() => updates.forEach((update) => replica.feed(update)), REMOTE)
  else for (const update of updates) replica.feed(update)
  return replica
}

/** A fresh document in the life that `updates` come to, and those of them that it is to be given. */
export function begin(
  doc: Y.Doc,
  content: Content<unknown>,
  updates: readonly Uint8Array[],
  report: Report,
): { readonly replica: Replica; readonly updates: readonly Uint8Array[] } {
  if (!updates.some(isMarked)) return { replica: new Replica(doc, content, report), updates }
  const generations = generationsIn(updates, content)
  const replica = new Replica(doc, content, report, generations)
  return {
    replica,
    updates: [...(generations?.missed ?? []), ...updates.filter((update) => !isSound(update, content))],
  }
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

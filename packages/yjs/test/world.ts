import * as Y from 'yjs'
import { nobodys } from '@syncline/stm'
import type { AnyRef, EditContext, Intent, Policy, PolicyHost, Value } from '@syncline/stm'
import { text, textPolicy } from '../src/policy.ts'
import type { TextRef } from '../src/policy.ts'
import type { LiveText } from '../src/live-text.ts'
import type { BoundDocuments } from '../src/bound.ts'
import type { LiveDocument } from '../src/live.ts'
import type { DocumentState } from '../src/state.ts'

/** One edit on its way between the sites of a test. */
export interface Sent {
  readonly from: number
  readonly seq: number
  /** How many edits of each site the author had seen. */
  readonly deps: readonly number[]
  readonly address: string
  readonly payload: Value
}

/** The ids of the Yjs clients that an update holds structs of. */
export const clientsOf = (change: Sent): number[] => [
  ...new Set(Y.decodeUpdate(change.payload as Uint8Array).structs.map((struct) => struct.id.client)),
]

/** Waits until the direct edits of this task are handed over. */
export const task = (): Promise<void> => Promise.resolve()

/** The smallest store that a bound policy can live in: states by address, and edits that go out and come in causally. */
export class DocumentSite<V, L extends LiveDocument<V>> implements PolicyHost {
  // Drafts are passed on, never looked into.
  policy: BoundDocuments<V, any, L>
  readonly #plain: Policy<V>
  readonly states = new Map<string, DocumentState<V>>()
  readonly reports: unknown[] = []
  readonly sent: Sent[] = []
  readonly seen: number[]
  readonly index: number
  #held: Sent[] = []
  #random: number
  /** While it is set, direct edits are not taken. */
  refuses: Error | undefined

  constructor(policy: Policy<V>, index = 0, sites = 1) {
    this.index = index
    this.seen = Array.from({ length: sites }, () => 0)
    this.#random = index * 0x1000 + 1
    this.#plain = policy
    this.policy = policy.bind!(this) as BoundDocuments<V, any, L>
  }

  state(address: string): unknown {
    return this.states.get(address)
  }

  randomUint32(): number {
    return this.#random++
  }

  /** What was put off; run by `runLater`. */
  readonly laters: (() => void)[] = []

  later(work: () => void): void {
    this.laters.push(work)
  }

  report(error: unknown): void {
    this.reports.push(error)
  }

  get codes(): unknown[] {
    return this.reports.map((error) => (error as { code?: unknown }).code)
  }

  commit(address: string, payload: Value): void {
    if (this.refuses) throw this.refuses
    const change = { from: this.index, seq: this.seen[this.index]! + 1, deps: [...this.seen], address, payload }
    this.sent.push(change)
    this.#apply(change, 'local')
  }

  /** Runs a transaction of writes to one text, as a store does. */
  transact(ref: AnyRef, ...intents: readonly Intent[]): Value | undefined {
    this.policy.flush()
    let draft = this.policy.draft(this.states.get(ref.address), ref)
    for (const intent of intents) draft = this.policy.edit(draft, intent, ref, context)
    const size = this.policy.sizeBytes!(draft)
    const payload = this.policy.finish(draft, ref, context)
    if (payload !== undefined) {
      if ((payload as Uint8Array).length > size)
        throw new Error(`${(payload as Uint8Array).length} bytes, bound ${size}`)
      this.commit(ref.address, payload)
    }
    return payload
  }

  receive(change: Sent): void {
    this.policy.flush()
    this.#held.push(change)
    for (let ready = this.#nextReady(); ready !== undefined; ready = this.#nextReady()) this.#apply(ready, 'remote')
  }

  /** Takes out an edit whose author had seen no more than this site has; repeated ones fall away. */
  #nextReady(): Sent | undefined {
    this.#held = this.#held.filter((held) => held.seq > this.seen[held.from]!)
    return this.#held.find((held) => held.deps.every((seen, site) => seen <= this.seen[site]!))
  }

  #apply(change: Sent, origin: 'local' | 'remote'): void {
    const { address, payload, from, seq } = change
    this.states.set(address, this.policy.apply(this.states.get(address), payload, stamp))
    this.seen[from] = seq
    this.policy.settle(address, payload, origin)
  }

  read(ref: AnyRef): V {
    return this.policy.read(this.states.get(ref.address), ref)
  }

  /** The text by a replay of the updates, beside all live documents and caches. */
  replayed(ref: AnyRef): V {
    const link = this.states.get(ref.address)?.link
    let copy: DocumentState<V> | undefined
    const updates: Uint8Array[] = []
    for (let at = link; at !== undefined; at = at.previous) updates.unshift(at.update)
    for (const update of updates) copy = this.#plain.apply(copy, update, nobodys)
    return this.#plain.read(copy, ref)
  }

  open(ref: AnyRef): L {
    const live = this.policy.live(ref.address)
    live.handles++
    return live
  }
}

/** A site of texts. */
export class Site extends DocumentSite<string, LiveText> {
  constructor(index = 0, sites = 1) {
    super(textPolicy, index, sites)
  }
}

export const stamp = { at: 1, writer: '0'.repeat(32) }
export const context: EditContext = { stamp, seed: 'seed' }
export const note: TextRef = text('note')

export const insert = (index: number, content: unknown): Intent => ({ kind: 'insert', index, content })
export const remove = (index: number, length: number): Intent => ({ kind: 'remove', index, length })
export const set = (value: unknown): Intent => ({ kind: 'set', value })

import type { Stamp } from '@syncline/stm'
import { copiesIn } from '../src/conflict-copies.ts'
import type { ConflictCopy } from '../src/conflict-copies.ts'
import { cutText } from '../src/generation-cut.ts'
import { encodeDropped, encodeRetirement } from '../src/generation-format.ts'
import { retiredAt } from '../src/generation-retired.ts'
import type { Replica } from '../src/replica.ts'
import { textPolicy } from '../src/policy.ts'
import type { TextState } from '../src/state.ts'
import { note, Site } from './world.ts'
import type { Sent } from './world.ts'

/** A Change in the order of a relay. */
export interface Placed {
  readonly from: number
  readonly payload: Uint8Array
  readonly stamp: Stamp
}

/** A site that follows the order of a relay as a store does: what was ordered, and over it what is pending. */
export class OrderedSite extends Site {
  readonly relay: Placed[]
  readonly clock: { at: number }
  at = 0
  pending: Placed[] = []
  acknowledged: TextState | undefined
  rebuilt = 0

  constructor(relay: Placed[], clock: { at: number }, index: number, sites: number) {
    super(index, sites)
    this.relay = relay
    this.clock = clock
  }

  override commit(_address: string, payload: unknown): void {
    const update = payload as Uint8Array
    this.clock.at += 1
    const placed = { from: this.index, payload: update, stamp: { at: this.clock.at, writer: String(this.index) } }
    if (this.pending.length === 0) this.acknowledged = this.states.get(note.address)
    this.pending.push(placed)
    this.sent.push({ from: this.index, seq: this.sent.length + 1, deps: [], address: note.address, payload: update })
    this.#show(this.policy.apply(this.states.get(note.address), update, placed.stamp), update, 'local')
  }

  override receive(_change: Sent): void {
    throw new Error('It is told by the relay.')
  }

  /** The relay gets the next that is pending. */
  send(): void {
    this.policy.flush()
    const next = this.pending[this.relay.slice(this.at).filter(({ from }) => from === this.index).length]
    if (next !== undefined) this.relay.push(next)
  }

  /** The next of the relay's order comes. */
  follow(): void {
    this.policy.flush()
    const next = this.relay[this.at]
    if (next === undefined) return
    this.at += 1
    const isOwn = next.from === this.index
    const isDivided = [next, ...this.pending].some(({ payload }) => textPolicy.renaming!.divides!(payload))
    const isOver = this.pending.length > 0
    if (isOver) this.acknowledged = this.policy.apply(this.acknowledged, next.payload, next.stamp)
    if (isOwn) this.pending.shift()
    else this.#show(this.policy.apply(this.states.get(note.address), next.payload, next.stamp), next.payload, 'remote')
    if (!isOver || !isDivided || (isOwn && this.pending.length === 0)) return
    this.rebuilt += 1
    this.#over(this.acknowledged)
  }

  /** As after a reload: what was ordered, as it is kept, and over it what is pending. */
  reload(): void {
    this.policy.flush()
    const kept = this.pending.length > 0 ? this.acknowledged : this.states.get(note.address)
    let state: TextState | undefined
    for (const { payload, stamp } of kept === undefined ? [] : textPolicy.distill!(kept))
      state = this.policy.apply(state, (payload as Uint8Array).slice(), stamp)
    this.#over(state)
  }

  #over(base: TextState | undefined): void {
    let state = (this.acknowledged = base)
    for (const { payload, stamp } of this.pending) state = this.policy.apply(state, payload, stamp)
    if (state !== undefined) this.states.set(note.address, state)
    this.policy.reset(note.address, state)
  }

  #show(state: TextState, payload: Uint8Array, origin: 'local' | 'remote'): void {
    this.states.set(note.address, state)
    this.policy.settle(note.address, payload, origin)
  }

  get replica(): Replica {
    this.policy.flush()
    return this.policy.live(note.address).replica
  }

  cut(retentionMs: number): void {
    const { doc, generations } = this.replica
    const client = this.policy.freshClient(doc)
    const cutting = { client, base: generations?.lives.newest, at: this.clock.at + 1, retentionMs }
    this.commit(note.address, cutText(doc, cutting)!)
  }

  /** Retires what is due, unless something is pending. */
  retire(): boolean {
    const { generations } = this.replica
    const at = this.clock.at + 1
    if (this.pending.length > 0 || generations === undefined || retiredAt(generations.lives, at) === undefined)
      return false
    this.commit(note.address, encodeRetirement(at))
    return true
  }

  get copies(): readonly ConflictCopy[] {
    return copiesIn(this.replica)
  }

  drop({ writer, at }: ConflictCopy): void {
    this.commit(note.address, encodeDropped({ writer, at }))
  }
}

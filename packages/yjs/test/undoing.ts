import type { AnyRef, Folding, Past, Policy, Reversal, Undone, Value } from '@syncline/stm'
import type { BoundDocuments } from '../src/bound.ts'
import type { LiveText } from '../src/live-text.ts'
import type { LiveDocument } from '../src/live.ts'
import { textPolicy } from '../src/policy.ts'
import type { DocumentState } from '../src/state.ts'
import { DocumentSite, note } from './world.ts'
import type { Sent } from './world.ts'

/** One Change of a site, as far as undoing it needs it. */
interface Own {
  readonly sent: Sent
  readonly inverse: Value
}

/** What became of one undo or redo. */
export interface Taken {
  readonly step: readonly Own[]
  /** Undefined when nothing was left to do. */
  readonly sent: Sent | undefined
  readonly superseded: readonly string[]
}

/** A site whose edits of one document can be taken back, as a store does it. What it keeps has been through data, as what lies on a disk. */
export class UndoingDocumentSite<V, L extends LiveDocument<V>> extends DocumentSite<V, L> {
  readonly #policy: Policy<V>
  readonly #ref: AnyRef
  undos: Own[][] = []
  redos: Own[][] = []
  /** While it is set, edits join the newest step. */
  isGrouping = false
  #isTaking = false
  readonly #restorations: Value[] = []

  constructor(policy: Policy<V>, ref: AnyRef, index = 0, sites = 1) {
    super(policy, index, sites)
    this.#policy = policy
    this.#ref = ref
  }

  get reversal(): Reversal<DocumentState<V>> {
    return this.policy.reversal as Reversal<DocumentState<V>>
  }

  /** How many restorations a reversal was given. */
  given = 0
  #fold: { readonly folding: Folding<any>; readonly made: unknown; count: number } | undefined

  readonly past: Past = {
    now: (stamp) => stamp,
    restored: () => undefined,
    restorations: () => {
      this.given += this.#restorations.length
      return this.#restorations
    },
    // Some keep what was made of them, and some do not.
    ...(this.index % 2 === 0 && { folded: (folding) => this.#folded(folding) }),
  }

  #folded<T>(folding: Folding<T>): T {
    if (this.#fold?.folding !== folding) this.#fold = { folding, made: folding.begin(), count: 0 }
    for (; this.#fold.count < this.#restorations.length; this.#fold.count++) {
      folding.add(this.#fold.made as T, this.#restorations[this.#fold.count]!)
      this.given += 1
    }
    return this.#fold.made as T
  }

  override commit(address: string, payload: Value): void {
    const before = this.states.get(address)
    super.commit(address, payload)
    if (this.#isTaking) return
    const own = this.#own(before, payload)
    this.redos = []
    if (this.isGrouping && this.undos.length > 0) this.undos.at(-1)!.push(own)
    else this.undos.push([own])
  }

  undo(): Taken | undefined {
    return this.#take(this.undos, this.redos)
  }

  redo(): Taken | undefined {
    return this.#take(this.redos, this.undos)
  }

  /** As after a reload: other documents, other client ids. */
  reload(): void {
    this.policy.close()
    // Drafts are passed on, never looked into.
    this.policy = this.#policy.bind!(this) as BoundDocuments<V, any, L>
  }

  #own(before: DocumentState<V> | undefined, payload: Value): Own {
    const inverse = this.reversal.inverse(before, payload, this.past)
    if (inverse === undefined) throw new Error('An edit has no inverse.')
    // Asked of the bytes alone it must say the same, but for the order.
    const copied = this.reversal.inverse(before, (payload as Uint8Array).slice(), this.past)
    if (sorted(copied!) !== sorted(inverse)) throw new Error(`${sorted(inverse)} from notes, ${sorted(copied!)} anew`)
    return { sent: this.sent.at(-1)!, inverse: structuredClone(inverse) }
  }

  #take(from: Own[][], to: Own[][]): Taken | undefined {
    this.policy.flush()
    const step = from.pop()
    if (step === undefined) return undefined
    const state = this.states.get(this.#ref.address)
    const undone: Undone[] = step.toReversed().map(({ inverse }) => ({ inverse, stamp: stampOf(this) }))
    const { payload, restored, superseded } = this.reversal.revert(state, undone, this.past)
    if (payload === undefined) return { step, sent: undefined, superseded }
    this.#isTaking = true
    this.commit(this.#ref.address, payload)
    this.#isTaking = false
    to.push([this.#own(state, payload)])
    this.#restorations.push(structuredClone(restored))
    return { step, sent: this.sent.at(-1)!, superseded }
  }
}

/** A site whose edits of one text can be taken back. */
export class UndoingSite extends UndoingDocumentSite<string, LiveText> {
  constructor(index = 0, sites = 1) {
    super(textPolicy, note, index, sites)
  }
}

const stampOf = (site: { readonly sent: readonly Sent[]; readonly index: number }): { at: number; writer: string } => ({
  at: site.sent.length,
  writer: String(site.index),
})

/** An inverse character by character, so that it does not matter how they lie together. */
function sorted(inverse: Value): string {
  const [inserted, removed] = inverse as readonly [readonly number[], readonly (number | string)[]]
  // That of a doc has no characters.
  if (removed.every((one) => typeof one === 'number')) return JSON.stringify(inverse)
  const characters: string[] = []
  for (let i = 0; i < inserted.length; i += 3)
    for (let at = 0; at < inserted[i + 2]!; at++) characters.push(`+${inserted[i]} ${inserted[i + 1]! + at}`)
  for (let i = 0; i < removed.length; i += 3)
    for (const [at, unit] of (removed[i + 2] as string).split('').entries())
      characters.push(`-${removed[i]} ${(removed[i + 1] as number) + at} ${unit}`)
  return characters.sort().join(',')
}

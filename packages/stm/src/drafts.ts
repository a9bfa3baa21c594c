import type { Op } from './change.ts'
import { keepShape } from './shapes.ts'
import { locationOf, type AnyRef } from './ref.ts'
import type { DraftWrite } from './write.ts'

/** So few are looked through faster than a Map is made. */
const FEW = 8

/** Many writes, or operations, that are known to be on different refs. */
const distinct = new WeakSet<readonly unknown[]>()

/** Notes that operations were made of some writes, one of each or none. */
export function noteOps(ops: readonly Op[], writes: readonly DraftWrite[]): void {
  if (distinct.has(writes)) distinct.add(ops)
}

/**
 * Whether many operations are known to be on different refs: those that were made of the writes of one body are. Of a few nobody knows. Cost: constant.
 *
 * @example
 * import { areDistinct, createMemory, draft, sealPure } from '@syncline/stm'
 *
 * const context = { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' }
 * const { writes } = draft(createMemory(), (tx) => {
 *   for (let i = 0; i < 100; i++) tx.set(register(`n${i}`, 0), 1)
 * }, context)
 * const ops = sealPure(writes, context)
 * expect([areDistinct(ops), areDistinct([...ops])]).toEqual([true, false])
 */
export function areDistinct(ops: readonly Op[]): boolean {
  return distinct.has(ops)
}

/** The newest write to each ref, in the order of the first to each. Maps are made only where there are many. */
export class Drafts {
  #all: DraftWrite[] = none
  /** By what their keys begin with and by the rest, the place. */
  #places: Map<string, Map<string, number>> | undefined
  /** Where was looked last. */
  #prefix = ''
  #ids: Map<string, number> | undefined

  get all(): readonly DraftWrite[] {
    return this.#all
  }

  find(ref: AnyRef): DraftWrite | undefined {
    if (this.#all === none) return undefined
    const place = this.#place(ref)
    return place === undefined ? undefined : this.#all[place]
  }

  put(write: DraftWrite): void {
    const place = this.#place(write.ref)
    if (place === undefined) this.add(write)
    else this.#all[place] = write
  }

  /** The same of a ref that nobody has written yet. */
  add(write: DraftWrite): void {
    if (this.#all === none) {
      // An array that is pushed to gets room for sixteen more, and most transactions write one ref.
      this.#all = [write]
      return
    }
    const { length } = this.#all
    this.#all.push(write)
    if (this.#places !== undefined) this.#note(write.ref, length)
    else if (length === FEW) {
      distinct.add(this.#all)
      this.#places = new Map()
      this.#all.forEach(({ ref }, i) => this.#note(ref, i))
    }
  }

  #place(ref: AnyRef): number | undefined {
    const { prefix, id } = locationOf(ref)
    if (this.#places !== undefined) return this.#idsOf(prefix)?.get(id)
    for (let i = 0; i < this.#all.length; i++) {
      const other = this.#all[i]!.ref
      if (other === ref) return i
      const location = locationOf(other)
      if (location.id === id && location.prefix === prefix) return i
    }
    return undefined
  }

  #note(ref: AnyRef, place: number): void {
    const { prefix, id } = locationOf(ref)
    let ids = this.#idsOf(prefix)
    if (ids === undefined) {
      ids = this.#ids = new Map()
      this.#prefix = prefix
      this.#places!.set(prefix, ids)
    }
    ids.set(id, place)
  }

  #idsOf(prefix: string): Map<string, number> | undefined {
    if (this.#ids !== undefined && this.#prefix === prefix) return this.#ids
    const ids = this.#places!.get(prefix)
    if (ids === undefined) return undefined
    this.#prefix = prefix
    this.#ids = ids
    return ids
  }
}

const none: DraftWrite[] = []

keepShape(new Drafts())

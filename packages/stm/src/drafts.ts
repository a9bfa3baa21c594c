import { keepShape } from './shapes.ts'
import type { CellKey } from './ref.ts'
import type { DraftWrite } from './write.ts'

/** So few are looked through faster than a Map is made. */
const FEW = 8

/** The newest write to each ref, in the order of the first to each. A Map is made only where there are many. */
export class Drafts {
  #all: DraftWrite[] = none
  /** By key, the place. */
  #places: Map<CellKey, number> | undefined

  get all(): readonly DraftWrite[] {
    return this.#all
  }

  find(key: CellKey): DraftWrite | undefined {
    const place = this.#place(key)
    return place === undefined ? undefined : this.#all[place]
  }

  put(write: DraftWrite): void {
    const place = this.#place(write.ref.key)
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
    if (this.#places !== undefined) this.#places.set(write.ref.key, length)
    else if (length === FEW) this.#places = new Map(this.#all.map(({ ref }, i) => [ref.key, i]))
  }

  #place(key: CellKey): number | undefined {
    if (this.#places !== undefined) return this.#places.get(key)
    for (let i = 0; i < this.#all.length; i++) if (this.#all[i]!.ref.key === key) return i
    return undefined
  }
}

const none: DraftWrite[] = []

keepShape(new Drafts())

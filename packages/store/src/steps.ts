/** A step in its place: `order` says which is the newer one. */
interface Placed {
  readonly order: number
}

/** Steps by their order, the newest last. To take the oldest away costs nothing, as shifting an array would. */
export class Steps<S extends Placed> implements Iterable<S> {
  /** From `#first` on. */
  #items: (S | undefined)[]
  #first = 0

  constructor(steps: readonly S[] = []) {
    this.#items = [...steps]
  }

  get size(): number {
    return this.#items.length - this.#first
  }

  get last(): S | undefined {
    return this.size === 0 ? undefined : this.#items[this.#items.length - 1]
  }

  insert(step: S): void {
    if (this.size === 0 || this.last!.order <= step.order) {
      this.#items.push(step)
      return
    }
    let at = this.#items.length
    while (at > this.#first && this.#items[at - 1]!.order > step.order) at -= 1
    this.#items.splice(at, 0, step)
  }

  /** The newest one that is so, of those with this order at least. */
  find(isSo: (step: S) => boolean, since = 0): S | undefined {
    const at = this.#placeOf(isSo, since)
    return at === -1 ? undefined : this.#items[at]
  }

  /** Takes it out of where it is. */
  takeOut(isSo: (step: S) => boolean, since = 0): S | undefined {
    const at = this.#placeOf(isSo, since)
    return at === -1 ? undefined : this.#items.splice(at, 1)[0]
  }

  /** Takes the oldest away. */
  shift(): S | undefined {
    if (this.size === 0) return undefined
    const oldest = this.#items[this.#first]
    this.#items[this.#first] = undefined
    this.#first += 1
    if (this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return oldest
  }

  *[Symbol.iterator](): Iterator<S> {
    // What is before the first has been taken away.
    for (let i = this.#first; i < this.#items.length; i++) yield this.#items[i]!
  }

  #placeOf(isSo: (step: S) => boolean, since: number): number {
    for (let i = this.#items.length - 1; i >= this.#first && this.#items[i]!.order >= since; i--) {
      if (isSo(this.#items[i]!)) return i
    }
    return -1
  }
}

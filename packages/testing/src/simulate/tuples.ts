/** Tuples of small whole numbers, each numbered once, in the order in which they came. */
export class Tuples {
  readonly width: number
  /** All of them, one after the other. */
  items: Int32Array
  size = 0
  /** By hash: the number of a tuple plus one, 0 for nothing. Never more than half full. */
  #table = new Int32Array(1024)

  constructor(width: number) {
    this.width = width
    this.items = new Int32Array(512 * width)
  }

  /** The number of a tuple, -1 when it is not here. */
  find(tuple: Int32Array): number {
    const { width, items } = this
    const mask = this.#table.length - 1
    for (let at = hashOf(tuple, 0, width) & mask; ; at = (at + 1) & mask) {
      const number = this.#table[at]! - 1
      if (number < 0) return -1
      let i = 0
      while (i < width && items[number * width + i] === tuple[i]) i++
      if (i === width) return number
    }
  }

  /** Adds a tuple that is not here. */
  add(tuple: Int32Array): number {
    const number = this.size++
    if (this.size * this.width > this.items.length) this.items = grown(this.items)
    this.items.set(tuple, number * this.width)
    if (this.size * 2 > this.#table.length) this.#spread()
    else this.#enter(number)
    return number
  }

  #enter(number: number): void {
    const mask = this.#table.length - 1
    let at = hashOf(this.items, number * this.width, this.width) & mask
    while (this.#table[at] !== 0) at = (at + 1) & mask
    this.#table[at] = number + 1
  }

  #spread(): void {
    this.#table = new Int32Array(this.#table.length * 4)
    for (let number = 0; number < this.size; number++) this.#enter(number)
  }
}

function hashOf(items: Int32Array, from: number, width: number): number {
  let hash = 0x9e3779b9
  for (let i = from; i < from + width; i++) {
    hash = Math.imul(hash ^ items[i]!, 0x85ebca6b)
    hash ^= hash >>> 15
  }
  return hash ^ (hash >>> 11)
}

/** A list of whole numbers that grows. */
export class Numbers {
  items: Int32Array = new Int32Array(1024)
  size = 0

  push(item: number): number {
    if (this.size === this.items.length) this.items = grown(this.items)
    this.items[this.size] = item
    return this.size++
  }
}

function grown(items: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(items.length * 2)
  larger.set(items)
  return larger
}

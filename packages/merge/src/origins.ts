import { compareStamps, type Past, type Stamp, type Value } from '@syncline/stm'

/** Stamps as data, each of them once: what was written together shares its stamp, and a writer id is long. */
export class StampTable {
  /** `at, writer` of each stamp, one after the other. */
  readonly data: (number | string)[] = []
  readonly #places = new Map<string, number>()

  /** The place of a stamp in the table; -1 for where nobody has written. */
  place(stamp: Stamp | undefined): number {
    if (stamp === undefined) return -1
    const key = keyOf(stamp)
    let place = this.#places.get(key)
    if (place === undefined) {
      this.#places.set(key, (place = this.#places.size))
      this.data.push(stamp.at, stamp.writer)
    }
    return place
  }
}

/** Finds the stamp at a place of a table that was read; throws {@link Malformed} where there is none. */
export function readStamps(data: Value | undefined): (place: Value | undefined) => Stamp | undefined {
  if (!Array.isArray(data)) throw new Malformed()
  return (place) => {
    if (place === -1) return undefined
    const at: unknown = typeof place === 'number' ? data[place * 2] : undefined
    const writer: unknown = typeof place === 'number' ? data[place * 2 + 1] : undefined
    if (typeof at !== 'number' || typeof writer !== 'string') throw new Malformed()
    return { at, writer }
  }
}

/** Thrown and caught inside a reversal: the data of an inverse makes no sense. */
export class Malformed extends Error {}

/** What `read` gives, or undefined when the data that it reads makes no sense. */
export function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

/** What one operation put back: which life of a member, and, by path, which writes (undefined: that nobody had written). */
interface PutBack {
  readonly life: number | undefined
  readonly writes: ReadonlyMap<string, Stamp | undefined>
}

const nothingPutBack: PutBack = { life: undefined, writes: new Map() }

/**
 * Which write really stands somewhere. A write that takes others back has a stamp of its own and stands for what it put back; so what was
 * written before those can still be taken back after them, and what was taken back can be done again.
 */
export class Origins {
  readonly #past: Past
  readonly #putBack = new Map<string, PutBack>()

  constructor(past: Past) {
    this.#past = past
  }

  /** The write that stands at a path where this stamp does; undefined when it is as if nobody had written. */
  of(stamp: Stamp | undefined, path: string): Stamp | undefined {
    if (stamp === undefined) return undefined
    const now = this.#past.now(stamp)
    const { writes } = this.#by(now)
    if (!writes.has(path)) return now
    const origin = writes.get(path)
    return origin && this.#past.now(origin)
  }

  /** Whether the same write stands behind both. */
  same(a: Stamp | undefined, b: Stamp | undefined, path: string): boolean {
    const first = this.of(a, path)
    const second = this.of(b, path)
    if (first === undefined || second === undefined) return first === second
    return compareStamps(first, second) === 0
  }

  /** The life that a member goes on with since the write with this stamp; undefined when that began none again. */
  life(stamp: Stamp | undefined): number | undefined {
    return stamp === undefined ? undefined : this.#by(this.#past.now(stamp)).life
  }

  #by(stamp: Stamp): PutBack {
    const key = keyOf(stamp)
    let known = this.#putBack.get(key)
    if (known === undefined) {
      const data = this.#past.restored(stamp)
      known = (data === undefined ? undefined : unlessMalformed(() => readPutBack(data))) ?? nothingPutBack
      this.#putBack.set(key, known)
    }
    return known
  }
}

/** Gathers what an operation puts back, as the data that {@link Origins} reads: `[stamps, life or null, path, place, …]`. */
export class Restoration {
  life: number | null = null
  readonly #stamps = new StampTable()
  readonly #entries: (string | number)[] = []

  add(path: string, origin: Stamp | undefined): void {
    this.#entries.push(path, this.#stamps.place(origin))
  }

  data(): Value {
    return [this.#stamps.data, this.life, ...this.#entries]
  }
}

function readPutBack(data: Value): PutBack {
  if (!Array.isArray(data)) throw new Malformed()
  const [stamps, life, ...entries] = data as readonly Value[]
  const stampAt = readStamps(stamps)
  const writes = new Map<string, Stamp | undefined>()
  for (let i = 0; i < entries.length; i += 2) {
    const path = entries[i]
    if (typeof path !== 'string') throw new Malformed()
    writes.set(path, stampAt(entries[i + 1]))
  }
  return { life: typeof life === 'number' ? life : undefined, writes }
}

function keyOf({ at, writer }: Stamp): string {
  return `${at} ${writer}`
}

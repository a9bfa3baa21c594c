import type { Subscription } from './subscription.ts'

/** The spaces that one session follows, by the numbers of their channels and by their names. Most follow one: that stands there without maps, which would weigh as much as the session. */
export class Channels {
  #held: Subscription | Many | undefined

  get size(): number {
    return isMany(this.#held) ? this.#held.byNumber.size : this.#held === undefined ? 0 : 1
  }

  get(channel: number): Subscription | undefined {
    const held = this.#held
    if (isMany(held)) return held.byNumber.get(channel)
    return held?.channel === channel ? held : undefined
  }

  /** The one of a space. */
  of(space: string): Subscription | undefined {
    const held = this.#held
    if (isMany(held)) return held.bySpace.get(space)
    return held?.room.space === space ? held : undefined
  }

  /** Takes one whose number and space are free. */
  add(subscription: Subscription): void {
    if (this.#held === undefined) {
      this.#held = subscription
      return
    }
    if (!isMany(this.#held)) {
      const first = this.#held
      this.#held = { byNumber: new Map(), bySpace: new Map() }
      this.add(first)
    }
    this.#held.byNumber.set(subscription.channel, subscription)
    this.#held.bySpace.set(subscription.room.space, subscription)
  }

  delete(subscription: Subscription): void {
    if (isMany(this.#held)) {
      this.#held.byNumber.delete(subscription.channel)
      this.#held.bySpace.delete(subscription.room.space)
    } else if (this.#held === subscription) this.#held = undefined
  }

  values(): Iterable<Subscription> {
    const held = this.#held
    if (held === undefined) return none
    return isMany(held) ? held.byNumber.values() : [held]
  }
}

interface Many {
  readonly byNumber: Map<number, Subscription>
  readonly bySpace: Map<string, Subscription>
}

function isMany(held: Subscription | Many | undefined): held is Many {
  return held !== undefined && 'byNumber' in held
}

const none: readonly never[] = []

import type { Subscription } from './subscription.ts'

/** The spaces that one session follows, by the numbers of their channels. Most follow one: that stands there without a map, which would weigh as much as the session. */
export class Channels {
  #held: Subscription | Map<number, Subscription> | undefined

  get size(): number {
    return this.#held instanceof Map ? this.#held.size : this.#held === undefined ? 0 : 1
  }

  get(channel: number): Subscription | undefined {
    const held = this.#held
    if (held instanceof Map) return held.get(channel)
    return held?.channel === channel ? held : undefined
  }

  /** Takes one whose number is free. */
  add(subscription: Subscription): void {
    const held = this.#held
    if (held === undefined) this.#held = subscription
    else if (held instanceof Map) held.set(subscription.channel, subscription)
    else {
      this.#held = new Map([
        [held.channel, held],
        [subscription.channel, subscription],
      ])
    }
  }

  delete(subscription: Subscription): void {
    if (this.#held instanceof Map) this.#held.delete(subscription.channel)
    else if (this.#held === subscription) this.#held = undefined
  }

  values(): Iterable<Subscription> {
    const held = this.#held
    if (held === undefined) return none
    return held instanceof Map ? held.values() : [held]
  }
}

const none: readonly never[] = []

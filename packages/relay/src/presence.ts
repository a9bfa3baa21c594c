import { encodeFrameBody, frameFromBody } from '@syncline/protocol'
import type { RelayLimits } from './limits.ts'
import type { Clock } from './ports.ts'
import type { Subscription } from './subscription.ts'

/** What presence needs of the relay around it. */
export interface PresenceHost {
  readonly clock: Clock
  readonly limits: RelayLimits
  flush(): void
}

/** Something that is shown, ready for each channel number that somebody follows the space under. */
interface News {
  readonly session: string
  readonly slot: number
  readonly sizeBytes: number
  frame(channel: number): Uint8Array
}

const nothing = new Uint8Array(0)
const none: readonly never[] = []

/**
 * Who shows what of itself among `subscriptions`, which are those that follow one space: only what is newest, only in memory, only while
 * connected. Where these are many, what is shown waits for a moment in which there may be more: a hundred people who move make a write for
 * each of them and each other otherwise. A class, as there are many spaces.
 */
export class Presence {
  readonly #subscriptions: ReadonlySet<Subscription>
  readonly #host: PresenceHost
  /** The newest of each session and slot, while it waits. */
  #waiting: Map<string, News> | undefined

  constructor(subscriptions: ReadonlySet<Subscription>, host: PresenceHost) {
    this.#subscriptions = subscriptions
    this.#host = host
  }

  /** Whether anybody shows anything, or something is still to be told. */
  get isShown(): boolean {
    if (this.#waiting !== undefined) return true
    for (const { presence } of this.#subscriptions) if (presence !== undefined && presence.size > 0) return true
    return false
  }

  /** Tells the newcomer about everybody, and everybody about what the newcomer has shown already. */
  introduce(newcomer: Subscription): void {
    for (const other of this.#subscriptions) {
      if (other === newcomer) continue
      for (const [slot, payload] of other.presence ?? none) this.#tell(newcomer, [newsOf(other.session, slot, payload)])
    }
    for (const [slot, payload] of newcomer.presence ?? none) this.#tellOthers(newcomer, slot, payload)
  }

  /** Takes what a session shows in a slot (nothing: gone) and tells the others. */
  show(subscription: Subscription, slot: number, payload: Uint8Array): void {
    if (payload.length === 0) {
      if (!subscription.presence?.delete(slot)) return
    } else (subscription.presence ??= new Map()).set(slot, payload)
    if (this.#subscriptions.has(subscription)) this.#tellOthers(subscription, slot, payload)
  }

  /** Tells the others that nothing of this session is left. It must not be among the subscriptions any more. */
  remove(subscription: Subscription): void {
    for (const [slot] of subscription.presence ?? none) this.#tellOthers(subscription, slot, nothing)
    subscription.presence = undefined
  }

  #tellOthers({ session }: Subscription, slot: number, payload: Uint8Array): void {
    const { clock, limits } = this.#host
    const news = newsOf(session, slot, payload)
    if (this.#waiting === undefined) {
      if (this.#subscriptions.size < limits.busyPresence) {
        for (const other of this.#subscriptions) if (other.session !== session) this.#tell(other, [news])
        return
      }
      clock.setTimer(limits.presenceWindowMs, () => this.#tellAll())
    }
    ;(this.#waiting ??= new Map()).set(keyOf(session, slot), news)
  }

  #tellAll(): void {
    const all = [...(this.#waiting?.values() ?? none)]
    this.#waiting = undefined
    const authors = new Set(all.map(({ session }) => session))
    // Those who are told the same directly after one another are sent the same bytes.
    for (const other of this.#subscriptions) if (!authors.has(other.session)) this.#tell(other, all)
    for (const other of this.#subscriptions) {
      if (!authors.has(other.session)) continue
      const news = all.filter(({ session }) => session !== other.session)
      this.#tell(other, news)
    }
    this.#host.flush()
  }

  #tell(other: Subscription, news: readonly News[]): void {
    const { outbox, channel } = other
    for (const one of news) {
      if (outbox.takes(one.sizeBytes)) outbox.queue(one.frame(channel))
      else this.#postpone(other, one)
    }
  }

  /** A client that reads slowly gets the newest state once, when it has drained, and nothing of what was in between. */
  #postpone(other: Subscription, { session, slot }: News): void {
    if (other.unseen === undefined) other.outbox.onDrained(() => this.#catchUp(other))
    ;(other.unseen ??= new Map()).set(keyOf(session, slot), [session, slot])
  }

  #catchUp(other: Subscription): void {
    const unseen = [...(other.unseen?.values() ?? none)]
    other.unseen = undefined
    if (!this.#subscriptions.has(other)) return
    const bySession = new Map([...this.#subscriptions].map((subscription) => [subscription.session, subscription]))
    this.#tell(
      other,
      unseen.map(([session, slot]) => newsOf(session, slot, bySession.get(session)?.presence?.get(slot) ?? nothing)),
    )
  }
}

const keyOf = (session: string, slot: number): string => `${session} ${slot}`

/** Encoded once, and once more for each channel number. */
function newsOf(session: string, slot: number, payload: Uint8Array): News {
  const body = encodeFrameBody({ type: 'presence', channel: 1, session, slot, payload })
  const byChannel = new Map<number, Uint8Array>()
  return {
    session,
    slot,
    sizeBytes: body.length,
    frame(channel) {
      let frame = byChannel.get(channel)
      if (frame === undefined) byChannel.set(channel, (frame = frameFromBody('presence', channel, body)))
      return frame
    },
  }
}

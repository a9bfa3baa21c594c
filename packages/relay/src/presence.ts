import { encodeFrameBody, frameFromBody } from '@syncline/protocol'
import type { RelayLimits } from './limits.ts'
import type { Clock } from './ports.ts'
import type { Subscription } from './subscription.ts'

/** Who shows what of itself in one space: only what is newest, only in memory, only while connected. */
export interface Presence {
  /** Tells the newcomer about everybody, and everybody about what the newcomer has shown already. */
  introduce(newcomer: Subscription): void
  /** Takes what a session shows in a slot (nothing: gone) and tells the others. */
  show(subscription: Subscription, slot: number, payload: Uint8Array): void
  /** Tells the others that nothing of this session is left. It must not be among the subscriptions any more. */
  remove(subscription: Subscription): void
}

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
 * Presence among `subscriptions`, which are those that have joined. Where these are many, what is shown waits for a moment in which there may be more: a hundred people who
 * move make a write for each of them and each other otherwise.
 */
export function createPresence(
  subscriptions: ReadonlySet<Subscription>,
  { clock, limits, flush }: PresenceHost,
): Presence {
  /** The newest of each session and slot, while it waits. */
  const waiting = new Map<string, News>()

  function tellOthers({ session }: Subscription, slot: number, payload: Uint8Array): void {
    const news = newsOf(session, slot, payload)
    if (waiting.size === 0 && subscriptions.size < limits.busyPresence) {
      for (const other of subscriptions) if (other.session !== session) tell(other, [news])
      return
    }
    if (waiting.size === 0) clock.setTimer(limits.presenceWindowMs, tellAll)
    waiting.set(keyOf(session, slot), news)
  }

  function tellAll(): void {
    const all = [...waiting.values()]
    waiting.clear()
    const authors = new Set(all.map(({ session }) => session))
    // Those who are told the same directly after one another are sent the same bytes.
    for (const other of subscriptions) if (!authors.has(other.session)) tell(other, all)
    for (const other of subscriptions) {
      if (authors.has(other.session))
        tell(
          other,
          all.filter(({ session }) => session !== other.session),
        )
    }
    flush()
  }

  function tell(other: Subscription, news: readonly News[]): void {
    for (const one of news) {
      if (other.outbox.takes(one.sizeBytes)) other.outbox.queue(one.frame(other.channel))
      else postpone(other, one)
    }
  }

  /** A client that reads slowly gets the newest state once, when it has drained, and nothing of what was in between. */
  function postpone(other: Subscription, { session, slot }: News): void {
    if (other.unseen === undefined) other.outbox.onDrained(() => catchUp(other))
    ;(other.unseen ??= new Map()).set(keyOf(session, slot), [session, slot])
  }

  function catchUp(other: Subscription): void {
    const unseen = [...(other.unseen?.values() ?? [])]
    other.unseen = undefined
    if (!subscriptions.has(other)) return
    const bySession = new Map([...subscriptions].map((subscription) => [subscription.session, subscription]))
    tell(
      other,
      unseen.map(([session, slot]) => newsOf(session, slot, bySession.get(session)?.presence?.get(slot) ?? nothing)),
    )
  }

  return {
    introduce(newcomer) {
      for (const other of subscriptions) {
        if (other === newcomer) continue
        for (const [slot, payload] of other.presence ?? none) tell(newcomer, [newsOf(other.session, slot, payload)])
      }
      for (const [slot, payload] of newcomer.presence ?? none) tellOthers(newcomer, slot, payload)
    },
    show(subscription, slot, payload) {
      if (payload.length === 0) {
        if (!subscription.presence?.delete(slot)) return
      } else (subscription.presence ??= new Map()).set(slot, payload)
      if (subscriptions.has(subscription)) tellOthers(subscription, slot, payload)
    },
    remove(subscription) {
      for (const [slot] of subscription.presence ?? none) tellOthers(subscription, slot, nothing)
      subscription.presence = undefined
    },
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

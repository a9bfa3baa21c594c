import { encodeFrameBody, frameFromBody } from '@syncline/protocol'
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

const nothing = new Uint8Array(0)

/** Presence among `subscriptions`, which are those that have joined. */
export function createPresence(subscriptions: ReadonlySet<Subscription>): Presence {
  function bodyOf(session: string, slot: number, payload: Uint8Array): Uint8Array {
    return encodeFrameBody({ type: 'presence', channel: 1, session, slot, payload })
  }

  function tellOthers({ session }: Subscription, slot: number, payload: Uint8Array): void {
    const body = bodyOf(session, slot, payload)
    for (const other of subscriptions) if (other.session !== session) tell(other, session, slot, body)
  }

  function tell(other: Subscription, session: string, slot: number, body: Uint8Array): void {
    if (other.outbox.takes(body.length)) other.outbox.queue(frameFromBody('presence', other.channel, body))
    else postpone(other, session, slot)
  }

  /** A client that reads slowly gets the newest state once, when it has drained, and nothing of what was in between. */
  function postpone(other: Subscription, session: string, slot: number): void {
    if (other.unseen.size === 0) other.outbox.onDrained(() => catchUp(other))
    other.unseen.set(`${session} ${slot}`, [session, slot])
  }

  function catchUp(other: Subscription): void {
    const unseen = [...other.unseen.values()]
    other.unseen.clear()
    if (!subscriptions.has(other)) return
    const bySession = new Map([...subscriptions].map((subscription) => [subscription.session, subscription]))
    for (const [session, slot] of unseen) {
      tell(other, session, slot, bodyOf(session, slot, bySession.get(session)?.presence.get(slot) ?? nothing))
    }
  }

  return {
    introduce(newcomer) {
      for (const other of subscriptions) {
        if (other === newcomer) continue
        for (const [slot, payload] of other.presence) {
          tell(newcomer, other.session, slot, bodyOf(other.session, slot, payload))
        }
      }
      for (const [slot, payload] of newcomer.presence) tellOthers(newcomer, slot, payload)
    },
    show(subscription, slot, payload) {
      if (payload.length === 0) {
        if (!subscription.presence.delete(slot)) return
      } else subscription.presence.set(slot, payload)
      if (subscriptions.has(subscription)) tellOthers(subscription, slot, payload)
    },
    remove(subscription) {
      for (const slot of subscription.presence.keys()) tellOthers(subscription, slot, nothing)
      subscription.presence.clear()
    },
  }
}

import { epochAt, type FailureCode, type Stretch } from '@syncline/protocol'
import type { Basis, WriterId } from '@syncline/stm'
import { createDelivery, type Delivery } from './delivery.ts'
import { RelayError } from './errors.ts'
import type { RelayLimits } from './limits.ts'
import type { Outbox } from './outbox.ts'
import type { LogStorage } from './ports.ts'

/** One client following one space: its place in the log, and what is its own there. */
export interface Subscription {
  readonly channel: number
  /** The session that it belongs to. */
  readonly session: string
  /** Who acts, also in what is looked at when the session has ended. */
  readonly principal: string
  readonly outbox: Outbox
  readonly basis: Basis
  /** Up to which seq each writer's Changes are this client's own: it gets acknowledgements in place of them. */
  readonly own: Map<WriterId, number>
  /** Writers that this client was told have ended, and from which seq on. */
  readonly told: Map<WriterId, number>
  /** What it shows of itself, by slot. */
  readonly presence: Map<number, Uint8Array>
  /** Whose presence it must be shown when it has drained, as session and slot. */
  readonly unseen: Map<string, readonly [string, number]>
  /** Nothing is said on this channel any more. */
  isLeft: boolean
  /** What is still in the inbox is not to be looked at: the client was sent away and will send it again. */
  isDropped: boolean
  /** Starts the stream after the basis, from the log up to what is live. */
  start(log: Followed): void
  /** What has just become durable, directly after what was delivered before. */
  deliver(delivery: Delivery): void
  /** Ends this channel with the reason. */
  fail(code: FailureCode, message: string): void
  /** Ends the whole session: the client is to come back. */
  sendAway(code: FailureCode, message: string): void
}

/** The log that a subscription follows. */
export interface Followed {
  readonly space: string
  /** The relaySeq up to which Changes may be told. */
  readonly durableHead: number
  /** Those of the log, at least up to there. */
  readonly stretches: readonly Stretch[]
}

/** What a subscription needs of the relay and of its session. */
export interface SubscriptionHost {
  readonly storage: LogStorage
  readonly limits: RelayLimits
  readonly outbox: Outbox
  readonly session: string
  readonly principal: string
  flush(): void
  fail(code: FailureCode, message: string): void
  sendAway(code: FailureCode, message: string): void
}

export function createSubscription(channel: number, basis: Basis, host: SubscriptionHost): Subscription {
  const { storage, limits, outbox } = host
  let log: Followed | undefined
  /** The last relaySeq that was sent. */
  let cursor = basis.relaySeq
  /** The epoch in which the client knows that to stand. */
  let epoch = cursor === 0 ? null : basis.epoch
  /** Whether what becomes durable is sent directly. Otherwise the log is being read, or waited with until the client has taken more. */
  let isLive = false

  /** Says in which epoch the next relaySeq stands, where it is another one. */
  function tellEpoch(stretches: readonly Stretch[]): void {
    const next = epochAt(stretches, cursor + 1)
    if (next === epoch || next === null) return
    epoch = next
    outbox.say({ type: 'epoch', channel, epoch })
  }

  /** Sends from the log what is missing. The client's own pace decides how far it reads ahead. */
  async function catchUp(): Promise<void> {
    if (log === undefined) return
    const { space, stretches } = log
    // The head moves while a stretch is read. It is looked at again in the same step that turns live, so there is no gap.
    while (!subscription.isLeft) {
      if (outbox.isFull) return outbox.onDrained(() => void catchUp())
      if (cursor === log.durableHead) {
        isLive = true
        return
      }
      let records
      try {
        // What is sent together stands in one epoch.
        const next = stretches.find(({ first }) => first > cursor + 1)?.first ?? Infinity
        records = await storage.read(space, cursor, Math.min(log.durableHead, next - 1), limits.maxFrameBytes)
        if (records.length === 0) throw new RelayError('damaged', 'There is no Change there.', { relaySeq: cursor + 1 })
      } catch (error) {
        const where = (error instanceof RelayError ? error.relaySeq : undefined) ?? cursor + 1
        host.fail(
          'storage-failed',
          `The relay cannot read Change ${where} of its log of this space: ${String(error)} What you have is safe. The relay's operator must restore it.`,
        )
        break
      }
      if (subscription.isLeft) break
      tellEpoch(stretches)
      createDelivery(cursor + 1, records, limits.maxFrameBytes, subscription.own.size === 0 ? [] : undefined).to(
        outbox,
        channel,
        subscription.own,
      )
      cursor += records.length
      outbox.flush()
    }
    host.flush()
  }

  const subscription: Subscription = {
    channel,
    session: host.session,
    principal: host.principal,
    outbox,
    basis,
    own: new Map(basis.writers),
    told: new Map(),
    presence: new Map(),
    unseen: new Map(),
    isLeft: false,
    isDropped: false,
    start(followed) {
      log = followed
      void catchUp()
    },
    deliver(delivery) {
      if (!isLive || log === undefined) return
      if (outbox.takes(delivery.sizeBytes)) {
        tellEpoch(log.stretches)
        delivery.to(outbox, channel, subscription.own)
        cursor = delivery.last
      } else {
        isLive = false
        void catchUp()
      }
    },
    fail: host.fail,
    sendAway: host.sendAway,
  }
  return subscription
}

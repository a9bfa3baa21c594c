import { epochAt, type FailureCode, type Stretch } from '@syncline/protocol'
import type { Basis, Epoch, WriterId } from '@syncline/stm'
import type { Joined } from './basis-flaw.ts'
import type { Delivery } from './delivery.ts'
import { RelayError } from './errors.ts'
import { isBefore } from './joining.ts'
import type { LogReading } from './log-reading.ts'
import type { Newcomers } from './newcomers.ts'
import type { Outbox } from './outbox.ts'
import type { Actor, Rights } from './rights.ts'
import type { Room } from './room.ts'

/** The log that a subscription follows. */
export interface Followed {
  readonly space: string
  /** The relaySeq up to which Changes may be told. */
  readonly durableHead: number
  /** Those of the log, at least up to there. */
  readonly stretches: readonly Stretch[]
  /** What was joined to it last, and is durable. */
  readonly joined: Joined | undefined
}

/** What a subscription needs of the relay. */
export interface SubscriptionHost {
  readonly reading: LogReading
  readonly newcomers: Newcomers
  flush(): void
}

/** The session that a subscription belongs to. */
export interface Subscriber extends Actor {
  readonly id: string
  readonly outbox: Outbox
  /** Counts a channel by its roll, in which the client stands at that relaySeq. False when it has none. */
  giveBack(subscription: Subscription, relaySeq: number): boolean
  /** The protocol version that was agreed upon. */
  readonly protocol: number
  /** Ends a channel with the reason. */
  fail(subscription: Subscription, code: FailureCode, message: string): void
  /** Ends the whole session: the client is to come back. */
  end(code: FailureCode, message: string): void
}

/** From these protocol versions on. */
const KNOWS_JOINS = 2
const KNOWS_ADOPTIONS = 3

/** What a client has of a log, and of whom it has more that is not there. */
export type Standing = Pick<Basis, 'relaySeq'> & Partial<Basis>

/** One client following one space: its place in the log, and what is its own there. A class, as there are many, of which most only look. */
export class Subscription {
  readonly channel: number
  readonly room: Room
  /** Whether the client has nothing of the space, and takes a checkpoint. */
  readonly isNew: boolean
  /** Up to which seq each writer's Changes are this client's own: it gets acknowledgements in place of them. */
  own: Map<WriterId, number> | undefined
  /** Writers that this client was told have ended, and from which seq on. */
  told: Map<WriterId, number> | undefined
  /** What it shows of itself, by slot. */
  presence: Map<number, Uint8Array> | undefined
  /** Whose presence it must be shown when it has drained, as session and slot. */
  unseen: Map<string, readonly [string, number]> | undefined
  /** Nothing is said on this channel any more. */
  isLeft = false
  /** The client may not follow the space: it is told what becomes of its Changes, and that. */
  isBarred = false
  /** What is still in the inbox is not to be looked at: the client was sent away and will send it again. */
  isDropped = false
  readonly #subscriber: Subscriber
  readonly #host: SubscriptionHost
  #log: Followed | undefined
  /** The last relaySeq that was sent. */
  #cursor: number
  /** The epoch in which the client knows that to stand; undefined: that of the log. */
  #epoch: Epoch | null | undefined
  /** Whether what becomes durable is sent directly. Otherwise the log is being read, or waited with until the client has taken more. */
  #isLive = false
  /** How much of the log who has come new was told, until all of it is. */
  #newsBytes: number | undefined
  /** The join that it is being told, or was. */
  #joined: Joined | undefined

  /** `standing` is what the client has of the log; without an epoch it is known to be right. */
  constructor(
    channel: number,
    standing: Standing,
    room: Room,
    subscriber: Subscriber,
    host: SubscriptionHost,
    isNew: boolean,
  ) {
    this.isNew = isNew
    this.channel = channel
    this.room = room
    const { relaySeq, epoch, writers } = standing
    if (writers !== undefined && writers.size > 0) this.own = new Map(writers)
    this.#subscriber = subscriber
    this.#host = host
    this.#cursor = relaySeq
    this.#epoch = relaySeq === 0 ? null : epoch
  }

  /** The session that it belongs to. */
  get session(): string {
    return this.#subscriber.id
  }

  /** Who acts, also in what is looked at when the session has ended. */
  get principal(): string {
    return this.#subscriber.principal
  }

  /** What they may do; undefined where all may do everything. */
  get rights(): Rights | undefined {
    return this.#subscriber.rights
  }

  get outbox(): Outbox {
    return this.#subscriber.outbox
  }

  /** Ends this channel with the reason. */
  fail(code: FailureCode, message: string): void {
    this.#subscriber.fail(this, code, message)
  }

  /** Ends the whole session: the client is to come back. */
  sendAway(code: FailureCode, message: string): void {
    this.#subscriber.end(code, message)
  }

  /** Whether all that the relay knows of it is that it stands at the end of the log, so that it need not be kept. Its own Changes are there, and acknowledged. */
  isResting(log: Followed): boolean {
    const isPlain = this.told === undefined && this.unseen === undefined && (this.presence?.size ?? 0) === 0
    return isPlain && this.#isLive && this.#cursor === log.durableHead
  }

  /** Counts it by the roll that it came from. False when it came from none. */
  giveBack(): boolean {
    return this.#subscriber.giveBack(this, this.#cursor)
  }

  /** Whether it understands what was joined to a log. */
  get knowsJoins(): boolean {
    return this.#subscriber.protocol >= KNOWS_JOINS
  }

  /** Starts the stream after the basis, from the log up to what is live. With `isApart` that is not in the log, but in what was joined to it. Who has nothing may be brought a checkpoint first. */
  start(log: Followed, isApart: boolean, takesCheckpoint: boolean): void {
    this.#log = log
    if (isApart) {
      this.#cursor = 0
      this.#epoch = null
    } else if (this.#epoch === undefined) this.#epoch = epochAt(log.stretches, this.#cursor)
    void (takesCheckpoint ? this.#bring(log) : this.#catchUp(log))
  }

  /** What has just become durable, directly after what was delivered before. */
  deliver(delivery: Delivery): void {
    const log = this.#log
    if (!this.#isLive || log === undefined) return
    const { outbox } = this
    if (outbox.takes(delivery.sizeBytes)) {
      this.#tellEpoch(log.stretches)
      delivery.to(outbox, this.channel, this.own)
      this.#cursor = delivery.last
    } else {
      this.#isLive = false
      void this.#catchUp(log)
    }
  }

  /** Something was joined to the log: what has just become durable is told from there. */
  join(): void {
    const log = this.#log
    if (!this.#isLive || log === undefined) return
    this.#isLive = false
    void this.#catchUp(log)
  }

  async #bring(log: Followed): Promise<void> {
    const checkpoint = await this.#host.newcomers.find(log)
    if (this.isLeft) return
    this.#newsBytes = 0
    if (checkpoint === undefined) return this.#catchUp(log)
    this.#cursor = checkpoint.relaySeq
    this.#send(log, checkpoint.on(this.channel), 0)
  }

  /** Sends what is packed already, from one message on, at the client's own pace, and then the log. */
  #send(log: Followed, messages: readonly Uint8Array[], from: number): void {
    const { outbox } = this
    for (let next = from; next < messages.length; next++) {
      if (this.isLeft) return
      if (outbox.isFull) return outbox.onDrained(() => this.#send(log, messages, next))
      outbox.pass(messages[next]!)
    }
    void this.#catchUp(log)
  }

  /** Sends from the log what is missing. The client's own pace decides how far it reads ahead. */
  async #catchUp(log: Followed): Promise<void> {
    const { space, stretches } = log
    const { outbox } = this
    const { reading } = this.#host
    // The head moves while a stretch is read. It is looked at again in the same step that turns live, so there is no gap.
    while (!this.isLeft) {
      if (outbox.isFull) return outbox.onDrained(() => void this.#catchUp(log))
      const { joined } = log
      const isJoining = isBefore(joined, this.#cursor)
      if (isJoining && this.#joined !== joined) this.#beginJoin(joined, stretches)
      if (this.isLeft) return
      const cursor = this.#cursor
      if (cursor === log.durableHead) {
        this.#isLive = true
        if (this.#newsBytes !== undefined) this.room.told(this.#newsBytes)
        this.#newsBytes = undefined
        return
      }
      let delivery
      try {
        // What is sent together stands in one epoch.
        const next = isJoining
          ? joined.last + 1
          : (stretches.find(({ first }) => first > cursor + 1)?.first ?? Infinity)
        const found = reading.after(space, cursor, Math.min(log.durableHead, next - 1))
        // Where it is there it leaves together with what was said before.
        delivery = found instanceof Promise ? await found : found
      } catch (error) {
        const where = (error instanceof RelayError ? error.relaySeq : undefined) ?? cursor + 1
        this.fail(
          'storage-failed',
          `The relay cannot read Change ${where} of its log of this space: ${String(error)} What you have is safe. The relay's operator must restore it.`,
        )
        break
      }
      if (this.isLeft) break
      // Another one that came meanwhile is told from its beginning.
      if (isJoining && log.joined !== joined) continue
      if (!isJoining) this.#tellEpoch(stretches)
      // In place of what a join has seen nothing need be acknowledged.
      delivery.to(outbox, this.channel, isJoining ? undefined : this.own)
      this.#cursor = delivery.last
      if (this.#newsBytes !== undefined) this.#newsBytes += delivery.sizeBytes
      outbox.flush()
    }
    this.#host.flush()
  }

  /** Tells that a join comes, and goes back to where the log is no more that of the one who joined. */
  #beginJoin(joined: Joined, stretches: readonly Stretch[]): void {
    if (this.#subscriber.protocol < (joined.decided === undefined ? KNOWS_JOINS : KNOWS_ADOPTIONS)) {
      const message =
        'What the relay had lost was joined to it again, and this app is too old to take that up. Reload to get the newer one.'
      return this.fail('epoch-changed', message)
    }
    this.#joined = joined
    this.#cursor = joined.base
    const { first, last } = joined
    // The log has it, so it stands in some epoch.
    this.#epoch = epochAt(stretches, last)!
    this.outbox.say({ type: 'join', channel: this.channel, epoch: this.#epoch, first, last })
  }

  /** Says in which epoch the next relaySeq stands, where it is another one. */
  #tellEpoch(stretches: readonly Stretch[]): void {
    const next = epochAt(stretches, this.#cursor + 1)
    if (next === this.#epoch || next === null) return
    this.#epoch = next
    this.outbox.say({ type: 'epoch', channel: this.channel, epoch: next })
  }
}

import {
  agreeProtocol,
  CLOSE_CODES,
  createFrameReader,
  isSpaceName,
  MAX_PACKET_BYTES,
  MAX_ROLL_SPACES,
  ProtocolError,
  SPACE_NAME_RULE,
} from '@syncline/protocol'
import type { FailureCode, Frame, FrameReader } from '@syncline/protocol'
import { arrivalOf } from './arrival.ts'
import { Channels } from './channels.ts'
import { Following, type Follower } from './following.ts'
import { Outbox, type OutboxHost, type OutboxOwner } from './outbox.ts'
import { Pace } from './pace.ts'
import type { LimitName } from './limits.ts'
import type { Connection, ConnectionEvents, RelayLog } from './ports.ts'
import type { Rights } from './rights.ts'
import type { Roll } from './roll.ts'
import type { Rolls } from './rolls.ts'
import type { Room } from './room.ts'
import type { Silence, Speaker } from './silence.ts'
import { Standing, type Admission, type ClientDetails, type Member, type StandingHost } from './standing.ts'
import { Subscription, type Subscriber, type SubscriptionHost } from './subscription.ts'
import type { AuditEvent, Watching } from './watching.ts'

/** What a session needs of the relay around it. */
export interface SessionHost extends OutboxHost, SubscriptionHost, StandingHost {
  readonly log: RelayLog
  readonly watching: Watching
  readonly silence: Silence
  /** How often somebody's rights were withdrawn. */
  readonly revocations: number
  readonly rolls: Rolls
  /** Milliseconds by a clock that is never set. */
  elapsedMs(): number
  room(space: string): Room
  /** Whether somebody shows something of themselves in a space. */
  isShown(space: string): boolean
  /** The session has ended. */
  forget(session: Session): void
}

/** What an abort counts for until it is dealt with: about what it takes in memory. */
const ABORT_BYTES = 256

const NO_RIGHT = 'You have no right to this space. Ask who runs it for that.'

const nothing = new Uint8Array(0)
const none: readonly never[] = []

/** One connection's lifetime. A class, as there are thousands: a closure for each of its methods would weigh more than what it holds. */
export class Session implements ConnectionEvents, OutboxOwner, Subscriber, Follower, Speaker, Member {
  readonly id: string
  readonly outbox: Outbox
  /** Who acts, once that is known. */
  #standing: Standing | undefined
  protocol = 0
  heardAtMs = 0
  earlier: Speaker | undefined
  later: Speaker | undefined
  readonly #connection: Connection
  /** Where it comes from, as the listener knows. */
  readonly address: string
  readonly #pace: Pace | undefined
  readonly #host: SessionHost
  /** Who acts, where the listener knows it. */
  readonly #known: string | undefined
  readonly #reader: FrameReader
  readonly #channels = new Channels()
  #followings: Following[] | undefined
  #phase: 'new' | 'authenticating' | 'open' | 'asking' | 'ended' = 'new'
  #isDeaf = false
  /** What came behind hello in its message, and the messages that came while the credential was looked at, or what it allows: as bytes, for frames take many times as much. */
  #rest: readonly Frame[] | undefined
  #held: Uint8Array[] | undefined
  #heldBytes = 0
  /** What came, but for the message that is being read. */
  #heardBytes = 0
  /** The token of the last ping that waits for its answer. */
  #asked: number | undefined
  /** The channel of who has said last that they are new. */
  #newcomer = 0
  #unstoredBytes = 0
  #isReading = true
  #cancelTimer: (() => void) | undefined

  constructor(id: string, connection: Connection, address: string, host: SessionHost, known?: string) {
    const { clock, limits } = host
    this.id = id
    this.#known = known
    this.#connection = connection
    this.address = address
    if (limits.maxMessagesPerSecond + limits.maxBytesPerSecond > 0) this.#pace = new Pace()
    this.#host = host
    this.#reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES, isLending: true })
    this.outbox = new Outbox(connection, host, this)
    this.#cancelTimer = clock.setTimer(limits.helloTimeoutMs, () => {
      this.end('unauthenticated', `You have not said hello within ${limits.helloTimeoutMs} ms.`, 'helloTimeoutMs')
    })
  }

  get principal(): string {
    return this.#standing?.principal ?? ''
  }

  /** Whether it is a principal's, who is known. */
  isOf(principal: string): boolean {
    return this.#phase !== 'new' && this.#phase !== 'authenticating' && this.principal === principal
  }

  get rights(): Rights | undefined {
    return this.#standing?.rights
  }

  onMessage(message: Uint8Array): void {
    if (this.#phase === 'ended' || this.#isDeaf) return
    const { limits, silence, elapsedMs } = this.#host
    if (this.#phase === 'open') silence.heard(this)
    try {
      const excess = this.#pace?.take(message.length, elapsedMs(), limits)
      if (excess !== undefined) return this.#endTooFast(excess)
      if (message.length > limits.maxMessageBytes) {
        const found = `A message of ${message.length} bytes is longer than the ${limits.maxMessageBytes} allowed.`
        return this.end('too-large', `${found} Send it in parts.`, 'maxMessageBytes')
      }
      if (!this.#isHolding) return this.#hear(message)
      this.#heldBytes += message.length
      if (this.#heldBytes > limits.maxUnstoredBytes)
        return this.end('too-busy', 'You are sending before you are known.', 'maxUnstoredBytes')
      ;(this.#held ??= []).push(message)
    } catch (error) {
      this.#endBecause(error)
    } finally {
      this.#host.flush()
    }
  }

  #hear(message: Uint8Array): void {
    if (this.#phase === 'ended') return
    this.#takeAll(this.#reader.push(message))
    this.#heardBytes += message.length
  }

  #endTooFast(limit: 'maxMessagesPerSecond' | 'maxBytesPerSecond'): void {
    const what = limit === 'maxMessagesPerSecond' ? 'messages' : 'bytes'
    const message = `You say more than ${this.#host.limits[limit]} ${what} a second. Come back, and be slower.`
    this.end('too-busy', message, limit)
  }

  get #isHolding(): boolean {
    return this.#phase === 'authenticating' || this.#phase === 'asking'
  }

  #takeAll(frames: readonly Frame[]): void {
    for (const [i, frame] of frames.entries()) {
      if (this.#phase === 'open' && this.rights !== undefined) this.#askAbout(frame, this.rights)
      if (this.#isHolding) {
        this.#rest = frames.slice(i)
        return
      }
      this.#take(frame)
    }
  }

  /** Goes on with what was held. */
  #goOn(): void {
    const [rest, held = []] = [this.#rest, this.#held]
    this.#rest = this.#held = undefined
    this.#heldBytes = 0
    try {
      if (rest !== undefined) this.#takeAll(rest)
      for (const message of held) {
        if (!this.#isHolding) this.#hear(message)
        else {
          ;(this.#held ??= []).push(message)
          this.#heldBytes += message.length
        }
      }
    } catch (error) {
      this.#endBecause(error)
    }
  }

  /** Finds out whether the client may say a frame, where that is not known; what it says waits for the answer. */
  #askAbout(frame: Frame, rights: Rights): void {
    let asked: Promise<unknown> | undefined
    try {
      asked = this.#find(frame, rights)
    } catch (error) {
      // What the operator's function throws is no defect of the relay.
      asked = Promise.reject(error as Error)
    }
    if (asked === undefined) return
    this.#phase = 'asking'
    this.#listen()
    const { clock, limits, log } = this.#host
    this.#cancelTimer = clock.setTimer(limits.helloTimeoutMs, () => {
      log.error({ session: this.id }, 'What a client may do is being looked at for too long.')
      this.#endUnsure()
      this.#host.flush()
    })
    asked
      .then(() => {
        if (this.#phase !== 'asking') return
        this.#cancelTimer?.()
        this.#cancelTimer = undefined
        this.#phase = 'open'
        this.#listen()
        this.#goOn()
      })
      .catch((error: unknown) => {
        log.error({ session: this.id, err: error }, 'What a client may do could not be looked at.')
        this.#endUnsure()
      })
      .finally(() => this.#host.flush())
  }

  #endUnsure(): void {
    this.end('too-busy', 'The relay could not find out what you may do. Nothing is lost; come back later.')
  }

  #find(frame: Frame, rights: Rights): Promise<unknown> | undefined {
    if (frame.type === 'open') return isSpaceName(frame.space) ? rights.find([frame.space], 'read') : undefined
    if (frame.type !== 'changes' && frame.type !== 'abort' && frame.type !== 'presence') return undefined
    const subscription = this.#channels.get(frame.channel)
    const space = subscription?.room.space ?? this.#followingOf(frame.channel)?.spaceOn(frame.channel)
    if (space === undefined) return undefined
    if (frame.type === 'presence') return rights.find([space], 'presence')
    const asked = rights.find([space], 'write')
    if (subscription?.room.isJoining(subscription) !== true) return asked
    const more = rights.find([space], 'admin')
    return asked === undefined || more === undefined ? (asked ?? more) : Promise.all([asked, more])
  }

  /** Faulty bytes end the session. Anything else is a defect of the relay; it must not reach other sessions. */
  #endBecause(error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.#host.log.error({ session: this.id, err: error }, 'A session is ended by a defect of the relay.')
      return this.end('too-busy', 'The relay could not deal with what you sent. Nothing is lost; come back later.')
    }
    const code =
      error.code === 'too-large' ? 'too-large' : error.code === 'newer-version' ? 'protocol-version' : 'malformed'
    this.end(code, error.message)
  }

  #take(frame: Frame): void {
    if (this.#phase === 'ended') return
    if (this.#phase === 'new') {
      if (frame.type === 'hello') return this.#hello(frame)
      return this.end('malformed', `The first frame is "${frame.type}", where "hello" belongs.`)
    }
    switch (frame.type) {
      case 'open':
        return this.#open(frame)
      case 'newcomer':
        this.#newcomer = frame.channel
        return
      case 'changes':
        return this.#changes(frame)
      case 'abort':
        return this.#abort(frame)
      case 'presence':
        return this.#present(frame)
      case 'roll':
        return this.#roll(frame)
      case 'names':
        return this.#following(frame)?.name(frame.names)
      case 'below':
        return this.#following(frame)?.tellBelow(frame.level, frame.nodes)
      case 'stand':
        return this.#following(frame)?.stand()
      case 'leave':
        return this.#leave(frame.channel)
      case 'ping':
        return this.#answer(frame.token)
      case 'pong':
        return
      case 'sent':
        return this.#compare(frame.bytes)
      case 'credential':
        // Where nobody is asked who they are, all stay who they were.
        if (this.#known === undefined) void this.#standing?.renew(frame.credential.slice())
        return
      default:
        return this.end('malformed', `A "${frame.type}" frame does not belong here.`)
    }
  }

  #hello(frame: Frame & { type: 'hello' }): void {
    const agreed = agreeProtocol(frame)
    if ('message' in agreed) return this.end('protocol-version', agreed.message)
    const { agent, schema, credential } = frame
    this.#phase = 'authenticating'
    this.#identify(credential, { agent, schema, address: this.address }, agreed.protocol)
  }

  #identify(credential: Uint8Array, client: ClientDetails, protocol: number): void {
    const { clock, limits, log, revocations } = this.#host
    const { stopwatch } = this.#host.watching
    const askedAt = stopwatch?.now() ?? 0
    const answer = this.#known === undefined ? this.#host.authenticate(credential, client) : { principal: this.#known }
    if (!(answer instanceof Promise)) return this.#admit(answer, client, protocol)
    this.#cancelTimer?.()
    this.#cancelTimer = clock.setTimer(limits.helloTimeoutMs, () => {
      log.error({ session: this.id }, 'The credential of a client is being looked at for too long.')
      this.end(
        'too-busy',
        `The relay could not find out within ${limits.helloTimeoutMs} ms who you are. Come back later.`,
      )
    })
    answer
      .then((admission) => {
        stopwatch?.took('authentication', askedAt, true, {})
        // What was found out may be what was withdrawn meanwhile.
        if (revocations === this.#host.revocations || this.#phase !== 'authenticating')
          this.#admit(admission, client, protocol)
        else this.#identify(credential, client, protocol)
      })
      .catch((error: unknown) => {
        stopwatch?.took('authentication', askedAt, false, {})
        this.#host.log.error({ session: this.id, err: error }, 'The credential of a client could not be looked at.')
        this.end('too-busy', 'The relay could not find out who you are. Come back later.')
      })
      .finally(this.#host.flush)
  }

  #admit(admission: Admission, client: ClientDetails, protocol: number): void {
    if (this.#phase !== 'authenticating') return
    const { clock, limits, log, silence } = this.#host
    if ('denied' in admission) return this.end('unauthenticated', admission.denied)
    if (admission.untilMs !== undefined && admission.untilMs <= clock.nowMs())
      return this.end('unauthenticated', 'Your credential is over. Connect again with a new one.')
    // Where all are the same, and may do the same, nothing of that is kept for each.
    const isPlain = admission.principal === '' && admission.untilMs === undefined
    if (!isPlain || this.#host.authorize !== undefined)
      this.#standing = new Standing(admission, client, this, this.#host)
    this.#audit({ what: 'login', outcome: 'ok' })
    this.protocol = protocol
    this.#phase = 'open'
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    silence.heard(this)
    const { maxMessageBytes, maxChangeBytes, leastRoll, maxChannels } = limits
    const most = Math.min(maxChannels, MAX_ROLL_SPACES)
    if (leastRoll <= most) this.outbox.say({ type: 'rolls', least: leastRoll, most })
    const timeMs = clock.nowMs()
    this.outbox.say({ type: 'welcome', protocol, timeMs, session: this.id, maxMessageBytes, maxChangeBytes })
    this.#standing?.begin()
    log.debug({ session: this.id, address: this.address }, 'A session is open.')
    this.#goOn()
  }

  say(frame: Frame): void {
    this.outbox.say(frame)
  }

  /** What it follows, and shows of itself, and may not any more, ends. */
  onRights(): void {
    for (const following of this.#rolled) {
      if (following.names.every((space) => this.#standing!.may(space, 'read'))) continue
      return this.end('unauthenticated', 'What you may read has changed. Connect again.')
    }
    for (const subscription of [...this.#channels.values()]) {
      const { room, presence } = subscription
      if (!this.#standing!.may(room.space, 'read')) this.fail(subscription, 'forbidden', NO_RIGHT)
      else if (presence !== undefined && !this.#standing!.may(room.space, 'presence'))
        for (const slot of [...presence.keys()]) room.present(subscription, slot, nothing)
    }
  }

  mayRead(spaces: readonly string[]): boolean | Promise<boolean> {
    const { rights } = this
    if (rights === undefined) return true
    const may = (): boolean => spaces.every((space) => rights.has(space, 'read'))
    return rights.find(spaces, 'read')?.then(may) ?? may()
  }

  /** Who asks again and again and takes no answer is answered when it has taken what there is, and the last time only. */
  #answer(token: number): void {
    if (this.#asked === undefined && !this.outbox.isFull) return this.#sayHere(token)
    if (this.#asked === undefined) {
      this.outbox.onDrained(() => {
        this.#sayHere(this.#asked!)
        this.#asked = undefined
      })
    }
    this.#asked = token
  }

  /** Answers a ping, and says how much the client must have got by then. */
  #sayHere(token: number): void {
    const { outbox } = this
    outbox.flush()
    outbox.say({ type: 'sent', bytes: outbox.sentBytes })
    outbox.say({ type: 'pong', token })
  }

  /** What it has sent and never came would be missing from its writers, whoever comes next. */
  #compare(sentBytes: number): void {
    const bytes = this.#heardBytes
    if (sentBytes !== bytes)
      this.end('malformed', `You have sent ${sentBytes} bytes, of which ${bytes} came. Connect again.`)
  }

  endSilent(silentMs: number): void {
    this.end('too-busy', `You have said nothing for ${silentMs} ms. Connect again.`, 'silenceTimeoutMs')
  }

  #open({ channel, space, basis }: Frame & { type: 'open' }): void {
    const following = this.#followingOf(channel)
    if (this.#channels.get(channel) !== undefined || following?.open(channel) === false)
      return this.end('malformed', `Channel ${channel} is open already. Leave it first.`)
    const flaw = this.#flawOf(space, basis)
    if (flaw !== undefined) return this.#failChannel(channel, flaw.code, flaw.message, flaw.limit)
    const isBarred = this.rights?.has(space, 'read') === false
    if (isBarred && basis.writers.size === 0) return this.#failChannel(channel, 'forbidden', NO_RIGHT)
    const room = this.#host.room(space)
    const isNew = this.#newcomer === channel && basis.relaySeq === 0
    this.#newcomer = 0
    const subscription = new Subscription(channel, basis, room, this, this.#host, isNew)
    subscription.isBarred = isBarred
    this.#channels.add(subscription)
    room.open(subscription, basis)
  }

  #roll(frame: Frame & { type: 'roll' }): void {
    const { channel, count } = frame
    const { leastRoll, maxChannels } = this.#host.limits
    if (count < leastRoll || this.#count() + count > maxChannels) {
      const message = `A roll has ${leastRoll} spaces or more, and a connection ${maxChannels} at most; this one would have ${this.#count()} and a roll of ${count}.`
      return this.end('malformed', message)
    }
    if (channel > Number.MAX_SAFE_INTEGER - count || this.#isTaken(channel, count))
      return this.end('malformed', `From ${channel} on there are no ${count} channels that are free.`)
    const following = new Following(frame, this, this.#host.rolls)
    ;(this.#followings ??= []).push(following)
    following.begin()
  }

  #isTaken(first: number, count: number): boolean {
    for (const { channel } of this.#channels.values()) if (channel >= first && channel < first + count) return true
    return this.#rolled.some(({ channel, count: size }) => channel < first + count && first < channel + size)
  }

  get #rolled(): readonly Following[] {
    return this.#followings ?? none
  }

  /** How many spaces it follows. */
  #count(): number {
    return this.#rolled.reduce((sum, { size }) => sum + size, this.#channels.size)
  }

  #channelOf(space: string): number | undefined {
    const { channel } = this.#channels.of(space) ?? {}
    if (channel !== undefined || this.#followings === undefined) return channel
    for (const following of this.#followings) {
      const found = following.channelOf(space)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The roll whose channels begin there. */
  #following({ type, channel }: { readonly type: string; readonly channel: number }): Following | undefined {
    const following = this.#rolled.find((each) => each.channel === channel)
    if (following === undefined)
      this.end('malformed', `A "${type}" frame is on channel ${channel}, where no roll begins.`)
    return following
  }

  /** The roll that has a channel. */
  #followingOf(channel: number): Following | undefined {
    return this.#rolled.find((following) => following.has(channel))
  }

  clashOf(roll: Roll, following: Following): string | undefined {
    for (const { channel, room } of this.#channels.values()) {
      if (following.channelOf(room.space) !== undefined)
        return `A space of roll ${roll.id} is open on channel ${channel} already.`
    }
    for (const other of this.#rolled) {
      if (other !== following && roll.names.some((space) => other.channelOf(space) !== undefined))
        return `Spaces of roll ${roll.id} are among those of another roll already.`
    }
    return undefined
  }

  follow(channel: number, space: string, relaySeq: number): Subscription {
    const subscription = new Subscription(channel, { relaySeq }, this.#host.room(space), this, this.#host, false)
    this.#channels.add(subscription)
    return subscription
  }

  enter(channel: number, space: string, relaySeq: number): void {
    const subscription = this.follow(channel, space, relaySeq)
    subscription.room.enter(subscription)
  }

  giveBack(subscription: Subscription, relaySeq: number): boolean {
    const { channel } = subscription
    if (!this.#rolled.some((following) => following.takeBack(channel, relaySeq))) return false
    this.#channels.delete(subscription)
    return true
  }

  isShown(space: string): boolean {
    return this.#host.isShown(space)
  }

  flush(): void {
    this.#host.flush()
  }

  /** What a channel is followed by; undefined when it is not open. */
  #subscription(channel: number): Subscription | undefined {
    const following = this.#followings === undefined ? undefined : this.#followingOf(channel)
    if (following === undefined) return this.#channels.get(channel)
    const subscription = following.claim(channel - following.channel)
    subscription?.room.enter(subscription)
    return subscription
  }

  /** Ends a channel with the reason. */
  fail(subscription: Subscription, code: FailureCode, message: string): void {
    const { channel } = subscription
    // The number may have been given to another space since.
    if (this.#channels.get(channel) !== subscription) return
    this.#leave(channel)
    this.#failChannel(channel, code, message)
  }

  #flawOf(
    space: string,
    basis: (Frame & { type: 'open' })['basis'],
  ): { readonly code: FailureCode; readonly message: string; readonly limit?: LimitName } | undefined {
    const { limits } = this.#host
    if (this.#count() >= limits.maxChannels) {
      return {
        code: 'forbidden',
        message: `One connection may follow ${limits.maxChannels} spaces at a time. Leave one first.`,
        limit: 'maxChannels',
      }
    }
    if (!isSpaceName(space)) {
      const name = JSON.stringify(space.slice(0, 100))
      return { code: 'malformed', message: `${name} cannot name a space. Use ${SPACE_NAME_RULE}.` }
    }
    const channel = this.#channelOf(space)
    if (channel !== undefined)
      return { code: 'malformed', message: `This space is open on channel ${channel} already. Use that.` }
    if (basis.epoch === null && basis.relaySeq > 0) {
      return { code: 'malformed', message: `The basis has relaySeq ${basis.relaySeq} and no epoch.` }
    }
    if (basis.writers.size > limits.maxNamedWriters) {
      return {
        code: 'forbidden',
        message: `The basis names ${basis.writers.size} writers; ${limits.maxNamedWriters} are allowed.`,
        limit: 'maxNamedWriters',
      }
    }
    return undefined
  }

  #audit(event: Pick<AuditEvent, 'what' | 'outcome' | 'message' | 'space' | 'limit'>): void {
    const { id: session, principal } = this
    this.#host.watching.audit({ ...event, session, principal, address: this.address })
  }

  #failChannel(channel: number, code: FailureCode, message: string, limit?: LimitName): void {
    this.#audit({ what: 'refusal', outcome: code, message, ...(limit && { limit }) })
    const retryAfterMs = code === 'storage-failed' ? this.#host.limits.retryAfterMs : 0
    this.outbox.say({ type: 'failure', channel, code, message, retryAfterMs })
  }

  /** What comes for a channel that has ended was sent before the client knew. */
  #changes({ channel, records }: Frame & { type: 'changes' }): void {
    const subscription = this.#subscription(channel)
    if (subscription === undefined) return
    let bytes = 0
    for (const record of records) bytes += record.length
    subscription.room.receive(subscription, records.map(arrivalOf), this.#hold(bytes))
  }

  #abort({ channel, writer, seq }: Frame & { type: 'abort' }): void {
    if (seq !== 1) {
      const message = `Change ${seq} of a writer cannot be called off: only what is decided about can, which is the first of its writer.`
      return this.end('malformed', message)
    }
    const subscription = this.#subscription(channel)
    if (subscription === undefined) return
    subscription.room.abort(subscription, { writer, seq }, this.#hold(ABORT_BYTES))
  }

  /** Counts bytes as not stored yet, until the function that it returns is called. */
  #hold(sizeBytes: number): () => void {
    this.#unstoredBytes += sizeBytes
    this.#breathe()
    return () => {
      this.#unstoredBytes -= sizeBytes
      this.#breathe()
    }
  }

  /** The client feels the relay's disk: it is read from only as fast as its Changes are stored. */
  #breathe(): void {
    const { maxUnstoredBytes } = this.#host.limits
    const shouldRead = this.#unstoredBytes <= (this.#isReading ? maxUnstoredBytes : maxUnstoredBytes / 2)
    if (shouldRead === this.#isReading || this.#phase === 'ended') return
    this.#isReading = shouldRead
    // A client that cannot be heard is not silent.
    if (this.#phase === 'open') this.#host.silence.heard(this)
    this.#listen()
  }

  #listen(): void {
    this.#connection.setReading?.(this.#isReading && this.#phase !== 'asking')
  }

  #present({ channel, slot, payload }: Frame & { type: 'presence' }): void {
    const subscription = this.#subscription(channel)
    if (subscription === undefined) return
    const { limits } = this.#host
    const { space } = subscription.room
    if (this.rights?.has(space, 'presence') === false)
      return this.#audit({ what: 'refusal', outcome: 'forbidden', message: 'No right to presence.', space })
    if (payload.length > limits.maxPresenceBytes) {
      const found = `Your presence of ${payload.length} bytes was dropped; ${limits.maxPresenceBytes} are allowed.`
      return this.#failChannel(
        channel,
        'too-large',
        `${found} Show less, and keep the rest in refs.`,
        'maxPresenceBytes',
      )
    }
    const shown = subscription.presence
    const isNew = payload.length > 0 && !shown?.has(slot)
    if (isNew && shown !== undefined && shown.size >= limits.maxPresenceSlots) {
      return this.#failChannel(
        channel,
        'too-busy',
        `Your presence was dropped: you show ${limits.maxPresenceSlots} slots already.`,
        'maxPresenceSlots',
      )
    }
    // Kept for long, and what it came in is not.
    subscription.room.present(subscription, slot, new Uint8Array(payload))
  }

  #leave(channel: number): void {
    const subscription = this.#channels.get(channel)
    if (subscription === undefined) return this.#followingOf(channel)?.leave(channel)
    this.#channels.delete(subscription)
    subscription.room.leave(subscription)
  }

  /** Says why, and ends the connection. */
  end(code: FailureCode, message: string, limit?: LimitName): void {
    if (this.#phase === 'ended') return
    const retryAfterMs =
      code === 'storage-failed' || code === 'too-busy' || code === 'stopping' ? this.#host.limits.retryAfterMs : 0
    this.outbox.say({ type: 'failure', channel: 0, code, message, retryAfterMs })
    // What was taken from it and not looked at yet must not be: the client will send it again, from its first one on.
    for (const subscription of this.#channels.values()) subscription.isDropped = true
    this.#host.log.debug({ session: this.id, code, reason: message }, 'A session is ended.')
    // A relay that stops says goodbye to everybody, whoever they are.
    if (code !== 'stopping')
      this.#audit({
        what: this.#phase === 'open' || this.#phase === 'asking' ? 'cut' : 'login',
        outcome: code,
        message,
        ...(limit && { limit }),
      })
    this.#phase = 'ended'
    this.outbox.flush()
    this.#connection.close(code === 'epoch-changed' ? CLOSE_CODES.malformed : CLOSE_CODES[code], code)
    this.#finish()
  }

  #finish(): void {
    this.#phase = 'ended'
    this.#cancelTimer?.()
    this.#standing?.end()
    this.#host.silence.forget(this)
    for (const following of this.#rolled) following.end()
    this.#followings = undefined
    for (const { channel } of [...this.#channels.values()]) this.#leave(channel)
    this.outbox.close()
    this.#rest = this.#held = undefined
    this.#host.forget(this)
  }

  onClose(): void {
    if (this.#phase === 'ended') return
    this.#finish()
    this.#host.flush()
  }

  /** Takes no more from the client, while what came in is stored. */
  deafen(): void {
    this.#isDeaf = true
  }
}

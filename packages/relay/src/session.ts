import {
  agreeProtocol,
  CLOSE_CODES,
  createFrameReader,
  isSpaceName,
  MAX_PACKET_BYTES,
  ProtocolError,
  SPACE_NAME_RULE,
} from '@syncline/protocol'
import type { FailureCode, Frame } from '@syncline/protocol'
import { arrivalOf } from './arrival.ts'
import type { RelayLimits } from './limits.ts'
import { createOutbox, type OutboxHost } from './outbox.ts'
import type { Clock, Connection, ConnectionEvents, LogStorage, RelayLog } from './ports.ts'
import type { Room } from './room.ts'
import { createSubscription, type Subscription } from './subscription.ts'

/** Who acts, or why not. */
export type Admission = { readonly principal: string } | { readonly denied: string }

/** What is known of a client when it says who it is. */
export interface ClientDetails {
  /** What the client says it is. */
  readonly agent: string
  /** The version of the app's schema. */
  readonly schema: number
  /** Where it comes from, as the listener knows. */
  readonly address: string
}

/** One connection's lifetime. */
export interface Session extends ConnectionEvents {
  readonly id: string
  /** Takes no more from the client, while what came in is stored. */
  deafen(): void
  /** Says why, and ends the connection. */
  end(code: FailureCode, message: string): void
}

/** What a session needs of the relay around it. */
export interface SessionHost extends OutboxHost {
  readonly clock: Clock
  readonly limits: RelayLimits
  readonly storage: LogStorage
  readonly log: RelayLog
  authenticate(credential: Uint8Array, client: ClientDetails): Admission | Promise<Admission>
  room(space: string): Room
  /** The session has ended. */
  forget(session: Session): void
}

/** What an abort counts for until it is dealt with: about what it takes in memory. */
const ABORT_BYTES = 256

/** A space that this session follows. */
interface Followed {
  readonly space: string
  readonly room: Room
  readonly subscription: Subscription
}

export function createSession(id: string, connection: Connection, address: string, host: SessionHost): Session {
  const { clock, limits, log } = host
  const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
  const outbox = createOutbox(connection, host, end)
  const channels = new Map<number, Followed>()
  let phase: 'new' | 'authenticating' | 'open' | 'ended' = 'new'
  let isDeaf = false
  let principal = ''
  /** Frames that came while the credential was looked at. */
  let held: Frame[] = []
  let heldBytes = 0
  let unstoredBytes = 0
  let isReading = true
  let heardAtMs = clock.nowMs()
  let cancelTimer = clock.setTimer(limits.helloTimeoutMs, () => {
    end('unauthenticated', `You have not said hello within ${limits.helloTimeoutMs} ms.`)
  })

  function onMessage(message: Uint8Array): void {
    if (phase === 'ended' || isDeaf) return
    heardAtMs = clock.nowMs()
    try {
      if (message.length > limits.maxMessageBytes) {
        const found = `A message of ${message.length} bytes is longer than the ${limits.maxMessageBytes} allowed.`
        return end('too-large', `${found} Send it in parts.`)
      }
      for (const frame of reader.push(message)) {
        if (phase !== 'authenticating') take(frame)
        else if ((heldBytes += message.length) > limits.maxUnstoredBytes)
          end('too-busy', 'You are sending before you are known.')
        else held.push(frame)
      }
    } catch (error) {
      endBecause(error)
    } finally {
      host.flush()
    }
  }

  /** Faulty bytes end the session. Anything else is a defect of the relay; it must not reach other sessions. */
  function endBecause(error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      log.error({ session: id, err: error }, 'A session is ended by a defect of the relay.')
      return end('too-busy', 'The relay could not deal with what you sent. Nothing is lost; come back later.')
    }
    const code =
      error.code === 'too-large' ? 'too-large' : error.code === 'newer-version' ? 'protocol-version' : 'malformed'
    end(code, error.message)
  }

  function take(frame: Frame): void {
    if (phase === 'ended') return
    if (phase === 'new') {
      if (frame.type === 'hello') return hello(frame)
      return end('malformed', `The first frame is "${frame.type}", where "hello" belongs.`)
    }
    switch (frame.type) {
      case 'open':
        return open(frame)
      case 'changes':
        return changes(frame)
      case 'abort':
        return abort(frame)
      case 'presence':
        return present(frame)
      case 'leave':
        return leave(frame.channel)
      case 'ping':
        return outbox.say({ type: 'pong', token: frame.token })
      case 'pong':
        return
      default:
        return end('malformed', `A "${frame.type}" frame does not belong here.`)
    }
  }

  function hello(frame: Frame & { type: 'hello' }): void {
    const agreed = agreeProtocol(frame)
    if ('message' in agreed) return end('protocol-version', agreed.message)
    const { agent, schema, credential } = frame
    phase = 'authenticating'
    const answer = host.authenticate(credential, { agent, schema, address })
    if (!(answer instanceof Promise)) return admit(answer, agreed.protocol)
    answer
      .then((admission) => admit(admission, agreed.protocol))
      .catch((error: unknown) => {
        log.error({ session: id, err: error }, 'The credential of a client could not be looked at.')
        end('too-busy', 'The relay could not find out who you are. Come back later.')
      })
      .finally(host.flush)
  }

  function admit(admission: Admission, protocol: number): void {
    if (phase !== 'authenticating') return
    if ('denied' in admission) return end('unauthenticated', admission.denied)
    principal = admission.principal
    phase = 'open'
    cancelTimer()
    cancelTimer = clock.setTimer(limits.silenceTimeoutMs, endIfSilent)
    const { maxMessageBytes, maxChangeBytes } = limits
    outbox.say({ type: 'welcome', protocol, timeMs: clock.nowMs(), session: id, maxMessageBytes, maxChangeBytes })
    log.debug({ session: id, address }, 'A session is open.')
    const frames = held
    held = []
    try {
      for (const frame of frames) take(frame)
    } catch (error) {
      endBecause(error)
    }
  }

  function endIfSilent(): void {
    const silentMs = clock.nowMs() - heardAtMs
    // A clock that was set back must not keep a dead connection for ever, nor end a living one.
    if (silentMs < 0) heardAtMs = clock.nowMs()
    if (silentMs >= limits.silenceTimeoutMs)
      return end('too-busy', `You have said nothing for ${silentMs} ms. Connect again.`)
    cancelTimer = clock.setTimer(limits.silenceTimeoutMs - Math.max(0, silentMs), endIfSilent)
  }

  function open({ channel, space, basis }: Frame & { type: 'open' }): void {
    if (channels.has(channel)) return end('malformed', `Channel ${channel} is open already. Leave it first.`)
    const flaw = flawOf(space, basis)
    if (flaw !== undefined) return failChannel(channel, flaw.code, flaw.message)
    const room = host.room(space)
    const subscription = createSubscription(channel, basis, {
      storage: host.storage,
      limits,
      outbox,
      session: id,
      principal,
      flush: host.flush,
      fail(code, message) {
        // The number may have been given to another space since.
        if (channels.get(channel)?.subscription !== subscription) return
        leave(channel)
        failChannel(channel, code, message)
      },
      sendAway: end,
    })
    channels.set(channel, { space, room, subscription })
    room.open(subscription)
  }

  function flawOf(
    space: string,
    basis: (Frame & { type: 'open' })['basis'],
  ): { readonly code: FailureCode; readonly message: string } | undefined {
    if (channels.size >= limits.maxChannels) {
      return {
        code: 'forbidden',
        message: `One connection may follow ${limits.maxChannels} spaces at a time. Leave one first.`,
      }
    }
    if (!isSpaceName(space)) {
      const name = JSON.stringify(space.slice(0, 100))
      return { code: 'malformed', message: `${name} cannot name a space. Use ${SPACE_NAME_RULE}.` }
    }
    for (const [channel, followed] of channels) {
      if (followed.space === space)
        return { code: 'malformed', message: `This space is open on channel ${channel} already. Use that.` }
    }
    if (basis.epoch === null && basis.relaySeq > 0) {
      return { code: 'malformed', message: `The basis has relaySeq ${basis.relaySeq} and no epoch.` }
    }
    if (basis.writers.size > limits.maxNamedWriters) {
      return {
        code: 'forbidden',
        message: `The basis names ${basis.writers.size} writers; ${limits.maxNamedWriters} are allowed.`,
      }
    }
    return undefined
  }

  function failChannel(channel: number, code: FailureCode, message: string): void {
    const retryAfterMs = code === 'storage-failed' ? limits.retryAfterMs : 0
    outbox.say({ type: 'failure', channel, code, message, retryAfterMs })
  }

  /** What comes for a channel that has ended was sent before the client knew. */
  function changes({ channel, records }: Frame & { type: 'changes' }): void {
    const followed = channels.get(channel)
    if (followed === undefined) return
    const arrivals = records.map(arrivalOf)
    const release = hold(records.reduce((sum, record) => sum + record.length, 0))
    followed.room.receive(followed.subscription, arrivals, release)
  }

  function abort({ channel, writer, seq }: Frame & { type: 'abort' }): void {
    if (seq !== 1) {
      const message = `Change ${seq} of a writer cannot be called off: only what is decided about can, which is the first of its writer.`
      return end('malformed', message)
    }
    const followed = channels.get(channel)
    if (followed === undefined) return
    followed.room.abort(followed.subscription, { writer, seq }, hold(ABORT_BYTES))
  }

  /** Counts bytes as not stored yet, until the function that it returns is called. */
  function hold(sizeBytes: number): () => void {
    unstoredBytes += sizeBytes
    breathe()
    return () => {
      unstoredBytes -= sizeBytes
      breathe()
    }
  }

  /** The client feels the relay's disk: it is read from only as fast as its Changes are stored. */
  function breathe(): void {
    const shouldRead = isReading
      ? unstoredBytes <= limits.maxUnstoredBytes
      : unstoredBytes <= limits.maxUnstoredBytes / 2
    if (shouldRead === isReading || phase === 'ended') return
    isReading = shouldRead
    // A client that cannot be heard is not silent.
    heardAtMs = clock.nowMs()
    connection.setReading?.(isReading)
  }

  function present({ channel, slot, payload }: Frame & { type: 'presence' }): void {
    const followed = channels.get(channel)
    if (followed === undefined) return
    const { room, subscription } = followed
    if (payload.length > limits.maxPresenceBytes) {
      const found = `Your presence of ${payload.length} bytes was dropped; ${limits.maxPresenceBytes} are allowed.`
      return failChannel(channel, 'too-large', `${found} Show less, and keep the rest in refs.`)
    }
    const isNew = payload.length > 0 && !subscription.presence.has(slot)
    if (isNew && subscription.presence.size >= limits.maxPresenceSlots) {
      return failChannel(
        channel,
        'too-busy',
        `Your presence was dropped: you show ${limits.maxPresenceSlots} slots already.`,
      )
    }
    room.present(subscription, slot, payload)
  }

  function leave(channel: number): void {
    const followed = channels.get(channel)
    if (followed === undefined) return
    channels.delete(channel)
    followed.room.leave(followed.subscription)
  }

  function end(code: FailureCode, message: string): void {
    if (phase === 'ended') return
    const retryAfterMs =
      code === 'storage-failed' || code === 'too-busy' || code === 'stopping' ? limits.retryAfterMs : 0
    outbox.say({ type: 'failure', channel: 0, code, message, retryAfterMs })
    // What was taken from it and not looked at yet must not be: the client will send it again, from its first one on.
    for (const { subscription } of channels.values()) subscription.isDropped = true
    log.debug({ session: id, code, reason: message }, 'A session is ended.')
    phase = 'ended'
    outbox.flush()
    connection.close(code === 'epoch-changed' ? CLOSE_CODES.malformed : CLOSE_CODES[code], code)
    finish()
  }

  function finish(): void {
    phase = 'ended'
    cancelTimer()
    for (const channel of [...channels.keys()]) leave(channel)
    outbox.close()
    held = []
    host.forget(session)
  }

  const session: Session = {
    id,
    onMessage,
    onClose() {
      if (phase === 'ended') return
      finish()
      host.flush()
    },
    deafen() {
      isDeaf = true
    },
    end,
  }
  return session
}

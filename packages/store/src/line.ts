import {
  createFrameReader,
  encodeFrames,
  MAX_PACKET_BYTES,
  OLDEST_PROTOCOL_VERSION,
  PROTOCOL_VERSION,
  ProtocolError,
  type Frame,
} from '@syncline/protocol'
import type { Basis } from '@syncline/stm'
import { createBackoff } from './backoff.ts'
import { randomUint32 } from './identity.ts'
import type { Chance, Clock, Connection, Transport } from './ports.ts'
import { createRollCall, openingOf, type Opening, type RollCall } from './roll-call.ts'
import type { StoreOptions } from './options.ts'
import type { Problem } from './status.ts'

/**
 * One connection to a relay, shared by all stores that were opened with the same transport object; each has a channel on it.
 *
 * Keeps trying: after a failure it waits, see {@link createBackoff}. Notices a dead peer by silence.
 */
export interface Line {
  /**
   * Takes part in the line, which is up while anybody does. A connection follows a space once: who comes second for the same space is
   * told that it is taken, and has its turn when the first has left.
   */
  join(space: string, member: LineMember): LineChannel
}

type HelloFrame = Extract<Frame, { readonly type: 'hello' }>

/** A party on a line. */
export interface LineMember {
  /** The relay has answered: frames can be sent now. */
  onUp(welcome: Welcome): void
  onFrame(frame: Frame): void
  onDown(): void
  onState(state: LineState): void
}

/** What a member has of its space, when its channel is opened. */
export interface Standing {
  readonly basis: Basis
  /** What was seen of the log, which may be more than the basis says. */
  readonly seenSeq: number
  /** Whether a checkpoint does as well as the log. */
  readonly isNew: boolean
}

/** A member's place on a line. */
export interface LineChannel {
  /** The number of this member's channel on the wire. */
  readonly number: number
  /** Bytes that were sent and have not reached the network. */
  readonly bufferedBytes: number
  /**
   * Asks for what comes after where this member stands: together with the others on the line where these are many, have all come up and none has more to say than where it stands. The relay's answer is a `basis` or a `failure`. Ignored while the line is down.
   */
  open(standing: Standing): void
  /** Sends frames; ignored while the line is down. */
  send(frames: readonly Frame[]): void
  /** Ends the channel for the relay and takes another number: what is still under way to the old one reaches nobody. */
  renew(): void
  /** Makes the connection anew, for all members: the relay tells its time only at the start of one. */
  reconnect(problem: Problem): void
  leave(): void
}

/** What the relay said when it answered. */
export type Welcome = Extract<Frame, { type: 'welcome' }>

/** How a line is doing. */
export interface LineState {
  readonly phase: 'off' | 'connecting' | 'up' | 'waiting'
  readonly problem: Problem | undefined
  readonly retryAtMs: number | undefined
}

/** How a line introduces itself. */
export interface LineOptions {
  readonly clock: Clock
  readonly chance: Chance
  /** The name and version of the software, for the relay's log. */
  readonly agent: string
  readonly schema: number
  readonly credential: NonNullable<StoreOptions['credential']>
}

/** How long an attempt may take until the relay has answered. */
const ANSWER_MS = 10_000
/** So often at least we ask whether the relay is there; after three times as much silence we believe that it is not. */
const SILENCE_MS = 15_000

const lines = new WeakMap<Transport, Line>()

/** The line over a transport: the one that exists, or a new one with these options. */
export function lineOver(transport: Transport, options: LineOptions): Line {
  let line = lines.get(transport)
  if (line === undefined) lines.set(transport, (line = createLine(transport, options)))
  return line
}

function createLine(transport: Transport, { clock, chance, agent, schema, credential }: LineOptions): Line {
  /** Who has a channel, by its number; and who waits until another one has left the space. */
  const seats = new Map<number, Seat>()
  const seatOf = new Map<string, Seat>()
  const queue: Seat[] = []
  const backoff = createBackoff(clock, chance)
  let nextNumber = 1
  let state: LineState = { phase: 'off', problem: undefined, retryAtMs: undefined }
  let connection: Connection | undefined
  let welcome: Welcome | undefined
  /** Of how many spaces the relay takes a roll, if it knows what that is. */
  let rolls: Extract<Frame, { type: 'rolls' }> | undefined
  /** What is to be opened, while all come up. */
  let gathering: Asked[] | undefined
  /** The roll that is being called. */
  let call: RollCall | undefined
  let cancelTimer: (() => void) | undefined
  let cancelRenewal: (() => void) | undefined
  let stopNudges: (() => void) | undefined
  let heardAtMs = 0
  /** What was sent on this connection. */
  let sentBytes = 0
  let askedToWaitMs = 0
  /** Why the connection is about to end, when we or the relay said so. */
  let reason: Problem | undefined

  function setState(next: LineState): void {
    state = next
    for (const { member } of [...seats.values()]) member.onState(next)
  }

  function setTimer(delayMs: number, fn: () => void): void {
    cancelTimer?.()
    cancelTimer = clock.setTimer(delayMs, fn)
  }

  function attempt(): void {
    reason = rolls = undefined
    askedToWaitMs = sentBytes = 0
    /** What came on it, but for the message that is being read. */
    let gotBytes = 0
    setState({ phase: 'connecting', problem: state.problem, retryAtMs: undefined })
    const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
    const current: Connection = transport.connect({
      onOpen() {
        if (connection !== current) return
        const versions = { protocol: PROTOCOL_VERSION, oldest: OLDEST_PROTOCOL_VERSION }
        void identify({ type: 'hello', ...versions, agent, schema })
      },
      onMessage(message) {
        if (connection !== current) return
        heardAtMs = clock.nowMs()
        let frames: Frame[]
        try {
          frames = reader.push(message)
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error
          drop({
            code: error.code === 'newer-version' ? 'protocol-version' : 'malformed',
            message: `The relay sent something this app cannot read. ${error.message}`,
          })
          return
        }
        for (const frame of frames) {
          if (connection !== current) return
          if (frame.type !== 'sent') receive(frame)
          // Nothing that is still to come need show what is missing.
          else if (frame.bytes !== gotBytes) drop(broken)
        }
        gotBytes += message.length
      },
      onClose(code, closeReason) {
        if (connection === current) down(reason ?? closed(code, closeReason))
      },
    })
    connection = current
    setTimer(ANSWER_MS, () =>
      drop({
        code: 'no-answer',
        message: 'The relay does not answer. Check that it is running and that its address is right; we keep trying.',
      }),
    )
  }

  /** Says who we are, which the app may need a while for. Where it does not know, there is no connection, or it ends with the credential that it has. */
  async function identify(saying: Omit<HelloFrame, 'credential'> | { readonly type: 'credential' }): Promise<void> {
    const to = connection!
    try {
      const frame = { ...saying, credential: await credential() }
      if (to === connection) post(to, [frame])
    } catch (error) {
      if (to === connection && welcome === undefined)
        drop({ code: 'unauthenticated', message: `No credential: ${String(error)}` })
    }
  }

  function receive(frame: Frame): void {
    switch (frame.type) {
      case 'welcome': {
        if (welcome !== undefined) return
        welcome = frame
        backoff.succeed()
        setTimer(SILENCE_MS, listen)
        setState({ phase: 'up', problem: undefined, retryAtMs: undefined })
        const asked: Asked[] = (gathering = [])
        for (const { member } of [...seats.values()]) member.onUp(frame)
        gathering = undefined
        openAll(asked.filter(({ seat }) => seats.has(seat.number)))
        return
      }
      case 'rolls':
        rolls = frame
        return
      case 'expires':
        cancelRenewal?.()
        // Early enough to try again: the relay says when.
        cancelRenewal = clock.setTimer(frame.inMs * 0.8, () => void identify({ type: 'credential' }))
        return
      case 'unnamed':
      case 'marks':
      case 'stand':
      case 'singly':
        if (frame.channel === call?.channel) answer(call, frame)
        return
      case 'ping':
        send([{ type: 'pong', token: frame.token }])
        return
      case 'failure':
        if (frame.channel !== 0) break
        reason = { code: frame.code, message: frame.message }
        askedToWaitMs = frame.retryAfterMs
        return
    }
    if ('channel' in frame) seats.get(frame.channel)?.member.onFrame(frame)
  }

  /** Opens what is to be opened at the same time. */
  function openAll(asked: readonly Asked[]): void {
    const [many, few]: [Asked[], Asked[]] = [[], []]
    // Who is asked about its writers, or has seen more than it has, says so by itself.
    for (const each of asked)
      (each.basis.writers.size === 0 && each.basis.relaySeq === each.seenSeq ? many : few).push(each)
    const isRoll = rolls !== undefined && many.length >= rolls.least && many.length <= rolls.most
    const openingFor = ({ seat, ...standing }: Asked): Opening => ({
      channel: seat.number,
      space: seat.space,
      ...standing,
    })
    send((isRoll ? few : asked).flatMap((each) => openingOf(openingFor(each))))
    if (!isRoll) return
    many.sort((one, other) => (one.seat.space < other.seat.space ? -1 : 1))
    // In a row, and on a new connection any number is free.
    for (const { seat } of many) renumber(seat)
    const up = welcome
    call = createRollCall(many.map(openingFor), {
      send,
      isTaken: (channel) => seats.has(channel),
      // One that hears it may have the connection made anew.
      onOpen: (answer) => welcome === up && seats.get(answer.channel)?.member.onFrame(answer),
      onEnd: () => (call = undefined),
    })
    call.begin()
  }

  function answer(about: RollCall, frame: Frame): void {
    try {
      about.receive(frame)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      drop({
        code: 'malformed',
        message: `The relay contradicts itself; the connection is made anew. ${error.message}`,
      })
    }
  }

  function renumber(seat: Seat): void {
    seats.delete(seat.number)
    seat.number = nextNumber++
    seats.set(seat.number, seat)
  }

  /** Watches over the silence of the other side. */
  function listen(): void {
    // A clock that was set back must not keep a dead connection for as long as it was set back.
    heardAtMs = Math.min(heardAtMs, clock.nowMs())
    const silentMs = clock.nowMs() - heardAtMs
    if (silentMs >= 3 * SILENCE_MS) {
      drop({ code: 'silence', message: 'The relay has gone silent. The connection is made anew.' })
      return
    }
    // However much is said: who only listens must be heard, and nothing else shows that the last message has come.
    send([
      { type: 'sent', bytes: sentBytes },
      { type: 'ping', token: randomUint32(chance) },
    ])
    // Not from now on: what was heard came later than this looked, by as much as the way takes.
    setTimer(SILENCE_MS - (silentMs % SILENCE_MS), listen)
  }

  function drop(problem: Problem): void {
    const current = connection
    if (current === undefined) return
    // A close that is never answered must not keep us waiting.
    down(problem)
    current.close(1000, problem.code)
  }

  function down(problem: Problem): void {
    const wasUp = welcome !== undefined
    connection = undefined
    welcome = undefined
    gathering = call = undefined
    cancelRenewal?.()
    const delayMs = backoff.fail(askedToWaitMs)
    if (wasUp) for (const { member } of [...seats.values()]) member.onDown()
    if (seats.size === 0) return
    setTimer(delayMs, attempt)
    setState({ phase: 'waiting', problem, retryAtMs: clock.nowMs() + delayMs })
  }

  function send(frames: readonly Frame[]): void {
    if (connection !== undefined && welcome !== undefined) post(connection, frames)
  }

  function post(to: Connection, frames: readonly Frame[]): void {
    for (const message of encodeFrames(frames, maxMessageBytes())) {
      sentBytes += message.length
      to.send(message)
    }
  }

  function maxMessageBytes(): number {
    return welcome?.maxMessageBytes ?? 64 * 1024
  }

  function start(): void {
    backoff.reset()
    stopNudges = transport.onNudge?.(() => {
      if (state.phase === 'waiting') attempt()
      // After a long sleep the other side may be gone without a word.
      else if (state.phase === 'up') listen()
    })
    attempt()
  }

  function stop(): void {
    cancelTimer?.()
    cancelTimer = undefined
    stopNudges?.()
    stopNudges = undefined
    const current = connection
    connection = undefined
    welcome = undefined
    gathering = call = undefined
    cancelRenewal?.()
    state = { phase: 'off', problem: undefined, retryAtMs: undefined }
    current?.close(1000, 'done')
  }

  /** Not inside the call that asked: the member does not know its channel yet. */
  function bringUp(seat: Seat): void {
    queueMicrotask(() => {
      if (seats.get(seat.number) !== seat) return
      seat.member.onState(state)
      if (welcome !== undefined) seat.member.onUp(welcome)
    })
  }

  function join(seat: Seat): void {
    if (seatOf.has(seat.space)) {
      queue.push(seat)
      queueMicrotask(() => {
        if (queue.includes(seat)) seat.member.onState(taken(seat.space))
      })
      return
    }
    take(seat)
    if (seats.size === 1) start()
    else bringUp(seat)
  }

  function take(seat: Seat): void {
    seats.set(seat.number, seat)
    seatOf.set(seat.space, seat)
  }

  function leave(seat: Seat): void {
    const place = queue.indexOf(seat)
    if (place >= 0) queue.splice(place, 1)
    if (!seats.delete(seat.number)) return
    seatOf.delete(seat.space)
    const next = queue.findIndex(({ space }) => space === seat.space)
    if (next < 0 && seats.size === 0) {
      stop()
      return
    }
    send([{ type: 'leave', channel: seat.number }])
    for (const heir of queue.splice(next, next < 0 ? 0 : 1)) {
      take(heir)
      bringUp(heir)
    }
  }

  return {
    join(space, member) {
      const seat: Seat = { number: nextNumber++, space, member }
      join(seat)
      return {
        get number() {
          return seat.number
        },
        get bufferedBytes() {
          return connection?.bufferedBytes ?? 0
        },
        open(standing) {
          if (gathering !== undefined) gathering.push({ seat, ...standing })
          else if (seats.get(seat.number) === seat)
            send(openingOf({ channel: seat.number, space: seat.space, ...standing }))
        },
        send(frames) {
          if (seats.get(seat.number) === seat) send(frames)
        },
        renew() {
          if (!seats.has(seat.number)) return
          send([{ type: 'leave', channel: seat.number }])
          renumber(seat)
        },
        reconnect: drop,
        leave: () => leave(seat),
      }
    },
  }
}

/** Whose channel is to be opened, and from where on. */
interface Asked extends Standing {
  readonly seat: Seat
}

/** A member's place. */
interface Seat {
  number: number
  readonly space: string
  readonly member: LineMember
}

function taken(space: string): LineState {
  const message =
    `Another store has ${JSON.stringify(space)} open over the same transport, and they share no locks. ` +
    'This one is linked when that one closes; or give it a transport of its own.'
  return { phase: 'waiting', problem: { code: 'space-taken', message }, retryAtMs: undefined }
}

const broken: Problem = {
  code: 'unreachable',
  message: 'The relay cannot be reached, or the connection broke. We keep trying.',
}

/** What a closed connection means, in words. */
function closed(code: number, reason: string): Problem {
  if (code === 1006 || code === 1005) return broken
  const said = reason === '' ? '' : `: ${reason}`
  return { code: `closed-${code}`, message: `The relay closed the connection (${code}${said}). We keep trying.` }
}

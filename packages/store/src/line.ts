import {
  createFrameReader,
  encodeFrames,
  MAX_PACKET_BYTES,
  OLDEST_PROTOCOL_VERSION,
  PROTOCOL_VERSION,
  ProtocolError,
  type Frame,
} from '@syncline/protocol'
import { randomUint32 } from './identity.ts'
import type { Chance, Clock, Connection, Transport } from './ports.ts'
import type { Problem } from './store.ts'

/**
 * One connection to a relay, shared by all stores that were opened with the same transport object; each has a channel on it.
 *
 * Keeps trying: after a failure it waits a random time up to a limit that doubles from one attempt to the next ("full jitter"; Marc
 * Brooker, "Exponential Backoff And Jitter", AWS 2015), at least as long as the relay asked for. Notices a dead peer by silence.
 */
export interface Line {
  /** Takes part in the line, which is up while anybody does. */
  join(member: LineMember): LineChannel
}

/** A party on a line. */
export interface LineMember {
  /** The relay has answered: frames can be sent now. */
  onUp(welcome: Welcome): void
  onFrame(frame: Frame): void
  onDown(): void
  onState(state: LineState): void
}

/** A member's place on a line. */
export interface LineChannel {
  /** The number of this member's channel on the wire. */
  readonly number: number
  /** Sends frames; ignored while the line is down. */
  send(frames: readonly Frame[]): void
  /** Drops the connection; another attempt follows as after any failure. */
  drop(problem: Problem): void
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
  readonly credential: () => Uint8Array
}

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 30_000
/** A connection that lived this long was a good one: the next failure starts with short delays again. */
const STABLE_MS = 10_000
/** How long an attempt may take until the relay has answered. */
const ANSWER_MS = 10_000
/** After this much silence we ask whether the relay is there; after twice as much more we believe that it is not. */
const SILENCE_MS = 15_000

const lines = new WeakMap<Transport, Line>()

/** The line over a transport: the one that exists, or a new one with these options. */
export function lineOver(transport: Transport, options: LineOptions): Line {
  let line = lines.get(transport)
  if (line === undefined) lines.set(transport, (line = createLine(transport, options)))
  return line
}

function createLine(transport: Transport, { clock, chance, agent, schema, credential }: LineOptions): Line {
  const members = new Map<number, LineMember>()
  let nextNumber = 1
  let state: LineState = { phase: 'off', problem: undefined, retryAtMs: undefined }
  let connection: Connection | undefined
  let welcome: Welcome | undefined
  let failures = 0
  let cancelTimer: (() => void) | undefined
  let stopNudges: (() => void) | undefined
  let heardAtMs = 0
  let upAtMs = 0
  let askedToWaitMs = 0
  /** Why the connection is about to end, when we or the relay said so. */
  let reason: Problem | undefined

  function setState(next: LineState): void {
    state = next
    for (const member of [...members.values()]) member.onState(next)
  }

  function setTimer(delayMs: number, fn: () => void): void {
    cancelTimer?.()
    cancelTimer = clock.setTimer(delayMs, fn)
  }

  function attempt(): void {
    reason = undefined
    askedToWaitMs = 0
    setState({ phase: 'connecting', problem: state.problem, retryAtMs: undefined })
    const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
    const current: Connection = transport.connect({
      onOpen() {
        if (connection !== current) return
        current.send(
          encodeFrames(
            [
              {
                type: 'hello',
                protocol: PROTOCOL_VERSION,
                oldest: OLDEST_PROTOCOL_VERSION,
                agent,
                schema,
                credential: credential(),
              },
            ],
            maxMessageBytes(),
          )[0]!,
        )
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
        for (const frame of frames) if (connection === current) receive(frame)
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

  function receive(frame: Frame): void {
    switch (frame.type) {
      case 'welcome':
        if (welcome !== undefined) return
        welcome = frame
        upAtMs = clock.nowMs()
        setTimer(SILENCE_MS, listen)
        setState({ phase: 'up', problem: undefined, retryAtMs: undefined })
        for (const member of [...members.values()]) member.onUp(frame)
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
    if ('channel' in frame) members.get(frame.channel)?.onFrame(frame)
  }

  /** Watches over the silence of the other side. */
  function listen(): void {
    const silentMs = clock.nowMs() - heardAtMs
    if (silentMs >= 3 * SILENCE_MS) {
      drop({ code: 'silence', message: 'The relay has gone silent. The connection is made anew.' })
      return
    }
    if (silentMs >= SILENCE_MS) send([{ type: 'ping', token: randomUint32(chance) }])
    setTimer(SILENCE_MS, listen)
  }

  function drop(problem: Problem): void {
    const current = connection
    if (current === undefined) return
    // A close that is never answered must not keep us waiting.
    down(problem)
    current.close(1000, problem.code)
  }

  function down(problem: Problem): void {
    const nowMs = clock.nowMs()
    const wasUp = welcome !== undefined
    if (wasUp && nowMs - upAtMs >= STABLE_MS) failures = 0
    connection = undefined
    welcome = undefined
    failures += 1
    const limitMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1))
    const delayMs = Math.max(askedToWaitMs, Math.ceil(chance.fraction() * limitMs))
    if (wasUp) for (const member of [...members.values()]) member.onDown()
    if (members.size === 0) return
    setTimer(delayMs, attempt)
    setState({ phase: 'waiting', problem, retryAtMs: nowMs + delayMs })
  }

  function send(frames: readonly Frame[]): void {
    if (connection === undefined || welcome === undefined) return
    for (const message of encodeFrames(frames, maxMessageBytes())) connection.send(message)
  }

  function maxMessageBytes(): number {
    return welcome?.maxMessageBytes ?? 64 * 1024
  }

  function start(): void {
    failures = 0
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
    state = { phase: 'off', problem: undefined, retryAtMs: undefined }
    current?.close(1000, 'done')
  }

  return {
    join(member) {
      const number = nextNumber++
      let joined = true
      members.set(number, member)
      if (members.size === 1) start()
      else {
        // Not inside this call: the member does not know its channel yet.
        queueMicrotask(() => {
          if (!joined) return
          member.onState(state)
          if (welcome !== undefined) member.onUp(welcome)
        })
      }
      return {
        number,
        send: (frames) => {
          if (joined) send(frames)
        },
        drop,
        leave() {
          if (!joined) return
          joined = false
          if (members.size > 1) send([{ type: 'leave', channel: number }])
          members.delete(number)
          if (members.size === 0) stop()
        },
      }
    },
  }
}

/** What a closed connection means, in words. */
function closed(code: number, reason: string): Problem {
  if (code === 1006 || code === 1005) {
    return { code: 'unreachable', message: 'The relay cannot be reached, or the connection broke. We keep trying.' }
  }
  const said = reason === '' ? '' : `: ${reason}`
  return { code: `closed-${code}`, message: `The relay closed the connection (${code}${said}). We keep trying.` }
}

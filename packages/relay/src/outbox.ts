import { encodeFrameBody, frameFromBody } from '@syncline/protocol'
import type { FailureCode, Frame } from '@syncline/protocol'
import type { RelayLimits } from './limits.ts'
import type { Clock, Connection } from './ports.ts'

/** What is on its way to one client. Frames gather while one event is dealt with and leave together, in one message if they fit. */
export interface Outbox {
  say(frame: Frame): void
  /** As `say`, of a frame that is bytes already. */
  queue(frame: Uint8Array): void
  flush(): void
  /** Whether so many bytes more stay below the high-water mark. What is larger than the mark never does: it comes from the log. */
  takes(sizeBytes: number): boolean
  /** Whether nothing more should be added until it has drained. */
  readonly isFull: boolean
  /** Calls `fn` once when it is no longer full: later, never inside this call. */
  onDrained(fn: () => void): void
  /** Forgets everything. */
  close(): void
}

/** What an outbox needs of the relay around it. */
export interface OutboxHost {
  readonly clock: Clock
  readonly limits: RelayLimits
  /** Something waits to be flushed, where nothing did. */
  wake(outbox: Outbox): void
  /** Flushes all that wait. */
  flush(): void
  /** Messages that say frames. */
  pack(frames: readonly Uint8Array[]): readonly Uint8Array[]
}

export function createOutbox(
  connection: Connection,
  host: OutboxHost,
  giveUp: (code: FailureCode, message: string) => void,
): Outbox {
  const { clock, limits } = host
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  let sentBytes = 0
  let isClosed = false
  let drained: (() => void)[] = []
  let cancelPoll: (() => void) | undefined
  let progress = { handedBytes: 0, atMs: 0 }

  const handedBytes = (): number => sentBytes - connection.bufferedBytes

  function poll(): void {
    cancelPoll = undefined
    if (!outbox.isFull) {
      const told = drained
      drained = []
      for (const fn of told) fn()
      host.flush()
      return
    }
    const handed = handedBytes()
    const nowMs = clock.nowMs()
    if (handed > progress.handedBytes || nowMs < progress.atMs) progress = { handedBytes: handed, atMs: nowMs }
    if (nowMs - progress.atMs < limits.stuckTimeoutMs) cancelPoll = clock.setTimer(limits.drainPollMs, poll)
    else
      giveUp(
        'too-busy',
        `You have taken nothing for ${limits.stuckTimeoutMs} ms. Connect again; what you miss is in the log.`,
      )
  }

  const outbox: Outbox = {
    get isFull() {
      return connection.bufferedBytes + waitingBytes > limits.highWaterBytes
    },
    takes: (sizeBytes) => connection.bufferedBytes + waitingBytes + sizeBytes <= limits.highWaterBytes,
    say: (frame) =>
      outbox.queue(frameFromBody(frame.type, 'channel' in frame ? frame.channel : 0, encodeFrameBody(frame))),
    queue(frame) {
      if (isClosed) return
      if (waiting.length === 0) host.wake(outbox)
      waiting.push(frame)
      waitingBytes += frame.length
    },
    flush() {
      if (isClosed || waiting.length === 0) return
      const frames = waiting
      waiting = []
      waitingBytes = 0
      for (const message of host.pack(frames)) {
        sentBytes += message.length
        connection.send(message)
      }
      if (connection.bufferedBytes > limits.maxBufferedBytes) {
        giveUp(
          'too-busy',
          `${connection.bufferedBytes} bytes wait for you to read them. Connect again; what you miss is in the log.`,
        )
      }
    },
    onDrained(fn) {
      if (isClosed) return
      drained.push(fn)
      if (cancelPoll !== undefined) return
      progress = { handedBytes: handedBytes(), atMs: clock.nowMs() }
      cancelPoll = clock.setTimer(limits.drainPollMs, poll)
    },
    close() {
      isClosed = true
      cancelPoll?.()
      waiting = []
      waitingBytes = 0
      drained = []
    },
  }
  return outbox
}

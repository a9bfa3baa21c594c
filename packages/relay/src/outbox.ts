import { encodeFrame } from '@syncline/protocol'
import type { FailureCode, Frame } from '@syncline/protocol'
import type { LimitName, RelayLimits } from './limits.ts'
import type { Clock, Connection } from './ports.ts'

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

/** Whose client it is that takes what is in the outbox. */
export interface OutboxOwner {
  /** Ends the connection, and says why. */
  end(code: FailureCode, message: string, limit?: LimitName): void
}

/** There while an outbox is full and somebody waits until it is not. */
interface Draining {
  readonly waiting: (() => void)[]
  /** What the client had taken when it was last seen to take anything, and when that was. */
  handedBytes: number
  atMs: number
  cancelPoll(): void
}

/**
 * What is on its way to one client. Frames gather while one event is dealt with and leave together, in one message if they fit. A class, as
 * each client has one, and holds nothing while nothing is on its way.
 */
export class Outbox {
  readonly #connection: Connection
  readonly #host: OutboxHost
  readonly #owner: OutboxOwner
  #waiting: Uint8Array[] | undefined
  #waitingBytes = 0
  #sentBytes = 0
  #isClosed = false
  #draining: Draining | undefined

  constructor(connection: Connection, host: OutboxHost, owner: OutboxOwner) {
    this.#connection = connection
    this.#host = host
    this.#owner = owner
  }

  /** Whether nothing more should be added until it has drained. */
  get isFull(): boolean {
    return this.#connection.bufferedBytes + this.#waitingBytes > this.#host.limits.highWaterBytes
  }

  /** Whether so many bytes more stay below the high-water mark. What is larger than the mark never does: it comes from the log. */
  takes(sizeBytes: number): boolean {
    return this.#connection.bufferedBytes + this.#waitingBytes + sizeBytes <= this.#host.limits.highWaterBytes
  }

  /** What was handed to the connection, for good. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  say(frame: Frame): void {
    this.queue(encodeFrame(frame))
  }

  /** As `say`, of a frame that is bytes already. */
  queue(frame: Uint8Array): void {
    if (this.#isClosed) return
    this.#waitingBytes += frame.length
    if (this.#waiting !== undefined) {
      this.#waiting.push(frame)
      return
    }
    this.#waiting = [frame]
    this.#host.wake(this)
  }

  /** Sends a message that is packed already, behind all that waits. It is the same for many, so it must not be written to. */
  pass(message: Uint8Array): void {
    this.flush()
    if (this.#isClosed) return
    this.#sentBytes += message.length
    this.#connection.send(message)
  }

  flush(): void {
    const frames = this.#waiting
    if (frames === undefined) return
    this.#waiting = undefined
    this.#waitingBytes = 0
    const connection = this.#connection
    for (const message of this.#host.pack(frames)) {
      this.#sentBytes += message.length
      connection.send(message)
    }
    if (connection.bufferedBytes > this.#host.limits.maxBufferedBytes) {
      const message = `${connection.bufferedBytes} bytes wait for you to read them. Connect again; what you miss is in the log.`
      this.#owner.end('too-busy', message, 'maxBufferedBytes')
    }
  }

  /** Calls `fn` once when it is no longer full: later, never inside this call. */
  onDrained(fn: () => void): void {
    if (this.#isClosed) return
    if (this.#draining === undefined) {
      const atMs = this.#host.clock.nowMs()
      this.#draining = { waiting: [fn], handedBytes: this.#handedBytes(), atMs, cancelPoll: this.#pollLater() }
    } else this.#draining.waiting.push(fn)
  }

  /** Forgets everything. */
  close(): void {
    this.#isClosed = true
    this.#draining?.cancelPoll()
    this.#waiting = undefined
    this.#waitingBytes = 0
    this.#draining = undefined
  }

  #pollLater(): () => void {
    return this.#host.clock.setTimer(this.#host.limits.drainPollMs, () => this.#poll())
  }

  #poll(): void {
    const { clock, limits } = this.#host
    const draining = this.#draining
    if (draining === undefined) return
    if (!this.isFull) {
      this.#draining = undefined
      for (const fn of draining.waiting) fn()
      this.#host.flush()
      return
    }
    const handedBytes = this.#handedBytes()
    const nowMs = clock.nowMs()
    if (handedBytes > draining.handedBytes || nowMs < draining.atMs) {
      draining.handedBytes = handedBytes
      draining.atMs = nowMs
    }
    if (nowMs - draining.atMs < limits.stuckTimeoutMs) {
      draining.cancelPoll = this.#pollLater()
      return
    }
    const message = `You have taken nothing for ${limits.stuckTimeoutMs} ms. Connect again; what you miss is in the log.`
    this.#owner.end('too-busy', message, 'stuckTimeoutMs')
    // What its end makes the relay tell others is no part of another event.
    this.#host.flush()
  }

  #handedBytes(): number {
    return this.#sentBytes - this.#connection.bufferedBytes
  }
}

import type { RawData, WebSocket } from 'ws'
import type { YLimits } from './limits.ts'
import type { Shower } from './presence.ts'
import { presenceWord, type Shown } from './words.ts'

/** What becomes of what a client sends. */
export interface ClientEvents {
  onFrame(client: Client, frame: Uint8Array): void
  onEnd(client: Client): void
}

const nobody = presenceWord([])

/** The connection of somebody else's Yjs client. */
export class Client implements Shower {
  readonly principal: string | undefined
  readonly #socket: WebSocket
  readonly #limits: YLimits
  readonly #events: ClientEvents
  /** Of what is on its way. */
  #longest = 0
  #toldAtMs = Date.now()
  #heardAtMs = Date.now()
  #askedAtMs: number | undefined
  #asking: ((isThere: boolean) => void)[] = []
  #isEnded = false

  constructor(socket: WebSocket, principal: string | undefined, limits: YLimits, events: ClientEvents) {
    this.#socket = socket
    this.principal = principal
    this.#limits = limits
    this.#events = events
    socket.on('error', () => undefined)
    socket.on('message', (data, isBinary) => {
      this.#heard()
      if (isBinary && !this.#isEnded) events.onFrame(this, bytesOf(data))
    })
    socket.on('pong', () => this.#heard())
    socket.on('close', () => this.#end())
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Whether so much is on its way that what is asked for waits. */
  get isFull(): boolean {
    return this.#socket.bufferedAmount > this.#limits.highWaterBytes
  }

  send(word: Uint8Array): void {
    if (this.#isEnded) return
    const { bufferedAmount } = this.#socket
    if (bufferedAmount === 0) this.#longest = 0
    // Whatever is longer than that by itself has to be told too, and the news after it.
    if (bufferedAmount > this.#limits.maxBufferedBytes + this.#longest) {
      return this.close(1013, 'You read more slowly than there is news. Come back.')
    }
    this.#longest = Math.max(this.#longest, word.length)
    this.#toldAtMs = Date.now()
    this.#socket.send(word)
  }

  say(shown: readonly Shown[]): void {
    this.send(presenceWord(shown))
  }

  ask(then: (isThere: boolean) => void): void {
    this.#asking.push(then)
    this.#ping()
  }

  /** Looks whether somebody is there. To be called every now and then. */
  beat(nowMs: number): void {
    const { quietMs, answerTimeoutMs } = this.#limits
    if (this.#askedAtMs !== undefined && nowMs - this.#askedAtMs > answerTimeoutMs) {
      this.#answer(false)
      return this.end()
    }
    if (nowMs - this.#toldAtMs >= quietMs) this.send(nobody)
    if (nowMs - this.#heardAtMs >= quietMs) this.#ping()
  }

  setReading(isReading: boolean): void {
    if (isReading) this.#socket.resume()
    else this.#socket.pause()
  }

  close(code: number, reason: string): void {
    if (this.#isEnded) return
    // A reason has 123 bytes at most.
    this.#socket.close(code, Buffer.from(reason).subarray(0, 120).toString('utf8').replaceAll('\ufffd', ''))
    this.#socket.resume()
    // Who does not take even that.
    const cut = setTimeout(() => this.#socket.terminate(), this.#limits.answerTimeoutMs).unref()
    this.#socket.once('close', () => clearTimeout(cut))
    this.#end()
  }

  end(): void {
    this.#socket.terminate()
    this.#end()
  }

  #ping(): void {
    if (this.#askedAtMs !== undefined || this.#isEnded) return
    this.#askedAtMs = Date.now()
    this.#socket.ping()
  }

  #heard(): void {
    this.#heardAtMs = Date.now()
    if (this.#askedAtMs === undefined) return
    this.#askedAtMs = undefined
    this.#answer(true)
  }

  #answer(isThere: boolean): void {
    for (const then of this.#asking.splice(0)) then(isThere)
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#events.onEnd(this)
    this.#answer(false)
  }
}

/** With the binary type that `ws` has by default, a message is one buffer. */
function bytesOf(data: RawData): Uint8Array {
  if (data instanceof Uint8Array) return data
  return data instanceof ArrayBuffer ? new Uint8Array(data) : Buffer.concat(data)
}

import type { Chance, Clock } from './ports.ts'

/** The parts of the platform that are the same in browsers and Node. */
interface Platform {
  readonly crypto: { getRandomValues(array: Uint8Array): Uint8Array }
  setTimeout(fn: () => void, delayMs: number): unknown
  clearTimeout(timer: unknown): void
  setImmediate?(fn: () => void): unknown
  MessageChannel: new () => { readonly port1: MessagePort; readonly port2: MessagePort }
  reportError?(error: unknown): void
  readonly console: { error(...words: unknown[]): void }
}

interface MessagePort {
  onmessage: (() => void) | null
  postMessage(message: null): void
}

const platform = globalThis as unknown as Platform

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  setTimer(delayMs, fn) {
    const timer = platform.setTimeout(fn, delayMs)
    return () => platform.clearTimeout(timer)
  },
  nextTask(fn) {
    // Browsers let timers that follow each other wait for 4 ms; a message comes at once, after what waits already.
    if (platform.setImmediate !== undefined) {
      platform.setImmediate(fn)
      return
    }
    tasks.push(fn)
    if (doorbell === undefined) {
      const { port1, port2 } = new platform.MessageChannel()
      port1.onmessage = () => tasks.shift()!()
      doorbell = port2
    }
    doorbell.postMessage(null)
  },
}

/** What is to be done in tasks of their own, in order. */
const tasks: (() => void)[] = []
/** Each message is the turn of one. One channel serves all: to make one takes longer than the turn. */
let doorbell: MessagePort | undefined

/** The platform's cryptographic random numbers. */
export const systemChance: Chance = {
  bytes(count) {
    const bytes = new Uint8Array(count)
    // One call gives 65,536 bytes at most; identities need 16.
    platform.crypto.getRandomValues(bytes)
    return bytes
  },
  fraction() {
    const [a, b, c, d] = platform.crypto.getRandomValues(new Uint8Array(4))
    return (((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0) / 2 ** 32
  },
}

/** Says that a listener threw, without breaking anything: `window.onerror` in browsers, the console elsewhere. */
export function reportToPlatform(error: unknown): void {
  if (platform.reportError !== undefined) platform.reportError(error)
  else platform.console.error(error)
}

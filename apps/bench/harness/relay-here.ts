import { createMemoryStorage, createRelay } from '@syncline/relay'
import type { Transport } from '@syncline/store'

/** A relay in this page, which keeps nothing when the page ends, and the way to it. */
export function relayHere(): Transport & { close(): Promise<void> } {
  const relay = createRelay({ storage: createMemoryStorage() })
  return {
    connect(events) {
      const side = relay.accept({
        bufferedBytes: 0,
        send: (message) => later(() => events.onMessage(message)),
        close: (code, reason) => later(() => events.onClose(code, reason)),
      })
      later(() => events.onOpen())
      return {
        bufferedBytes: 0,
        send: (message) => later(() => side.onMessage(message)),
        close: () => later(() => (side.onClose(), events.onClose(1000, ''))),
      }
    },
    close: () => relay.close(),
  }
}

/** As what comes from a socket: in a task of its own, and sooner than a timer. */
const channel = new MessageChannel()
const waiting: (() => void)[] = []
channel.port1.onmessage = () => waiting.shift()!()

function later(fn: () => void): void {
  waiting.push(fn)
  channel.port2.postMessage(0)
}

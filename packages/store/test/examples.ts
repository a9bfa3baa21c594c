// What the examples in this package's docstrings may use without importing it.
import { createMemoryStorage, createRelay, type RelayOptions } from '@syncline/relay'
import type { Transport } from '../src/index.ts'

/** A relay in this process, and the way to it. */
export function relayHere(options: Partial<RelayOptions> = {}): Transport & { readonly close: () => Promise<void> } {
  const relay = createRelay({ storage: createMemoryStorage(), ...options })
  const later = (fn: () => void): void => void setTimeout(fn)
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

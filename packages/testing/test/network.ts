import { createMemoryStorage, createRelay } from '@syncline/relay'
import type { Clock, Transport } from '@syncline/store'
import type { Schedule } from './schedule.ts'

/** A relay, and ways to it on which the schedule decides when a message arrives. */
export interface Network {
  /** What stores are to be given: in it nobody loses patience, as here time does not pass by waiting. */
  readonly clock: Clock
  /** A way to the relay: one browser. */
  wire(): Transport
  close(): Promise<void>
}

/** Heartbeats and time-outs are longer than this, back-off and turns are not. */
const PATIENCE_MS = 1000

export function createNetwork(schedule: Schedule): Network {
  const clock: Clock = {
    nowMs: schedule.clock.nowMs,
    setTimer: (delayMs, fn) => (delayMs > PATIENCE_MS ? () => undefined : schedule.clock.setTimer(delayMs, fn)),
  }
  const relay = createRelay({ storage: createMemoryStorage(), clock, chance: schedule.chance })

  /** Does things in order, each when the schedule says so. */
  function inOrder(): (what: () => void) => void {
    let before = Promise.resolve()
    return (what) => void (before = before.then(() => schedule.pause()).then(what))
  }

  return {
    clock,
    wire: () => ({
      connect(events) {
        const [up, down] = [inOrder(), inOrder()]
        const side = relay.accept({
          bufferedBytes: 0,
          send: (message) => down(() => events.onMessage(message.slice())),
          close: (code, reason) => down(() => events.onClose(code, reason)),
        })
        down(() => events.onOpen())
        return {
          bufferedBytes: 0,
          send(message) {
            const copy = message.slice()
            up(() => side.onMessage(copy))
          },
          close: () => up(() => side.onClose()),
        }
      },
    }),
    close: () => relay.close(),
  }
}

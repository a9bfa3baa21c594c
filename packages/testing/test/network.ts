import { createMemoryStorage, createRelay } from '@syncline/relay'
import type { Transport } from '@syncline/store'
import type { Schedule } from './schedule.ts'

/** A relay, and ways to it on which the schedule decides when a message arrives. */
export interface Network {
  /** A way to the relay: one browser. */
  wire(): Wire
  /** Ends the relay without a word, and with it what was under way, and starts another one on the same disk. */
  restart(): void
  close(): Promise<void>
}

/** A way that can be cut: what is under way is lost then, and nobody is told but by the end of the connection. */
export interface Wire extends Transport {
  cut(): void
  mend(): void
}

export function createNetwork(schedule: Schedule): Network {
  const storage = createMemoryStorage()
  const { clock, chance } = schedule
  const connections = new Set<() => void>()
  let relay = createRelay({ storage, clock, chance })

  function wire(): Wire {
    const own = new Set<() => void>()
    let isWhole = true
    return {
      cut() {
        isWhole = false
        for (const end of [...own]) end()
      },
      mend() {
        isWhole = true
      },
      connect(events) {
        let side: ReturnType<typeof relay.accept> | undefined
        let isOver = false
        const [up, down] = [inOrder(), inOrder()]
        const breakOff = (): void => end(1006, '')
        own.add(breakOff)
        connections.add(breakOff)

        function end(code: number, reason: string): void {
          if (isOver) return
          isOver = true
          own.delete(breakOff)
          connections.delete(breakOff)
          side?.onClose()
          events.onClose(code, reason)
        }

        /** Does things in order, each when the schedule says so, as long as there is a connection. */
        function inOrder(): (what: () => void) => void {
          let before = Promise.resolve()
          return (what) =>
            void (before = before
              .then(() => schedule.pause())
              .then(() => {
                if (!isOver) what()
              }))
        }

        up(() => {
          if (!isWhole) {
            breakOff()
            return
          }
          side = relay.accept({
            bufferedBytes: 0,
            send(message) {
              const copy = message.slice()
              down(() => events.onMessage(copy))
            },
            close: (code, reason) => down(() => end(code, reason)),
          })
          events.onOpen()
        })
        return {
          bufferedBytes: 0,
          send(message) {
            const copy = message.slice()
            up(() => side!.onMessage(copy))
          },
          close: (code = 1000, reason = '') => up(() => end(code, reason)),
        }
      },
    }
  }

  return {
    wire,
    restart() {
      for (const breakOff of [...connections]) breakOff()
      relay = createRelay({ storage, clock, chance })
    },
    close: () => relay.close(),
  }
}

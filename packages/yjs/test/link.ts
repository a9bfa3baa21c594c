import type { Relay } from '@syncline/relay'
import type { Transport } from '@syncline/store'

/** A way to a relay in the same process, that can be cut. */
export interface Link extends Transport {
  cut(): void
  mend(): void
}

export function linkTo(relay: Relay): Link {
  const ends = new Set<() => void>()
  let isWhole = true
  return {
    cut() {
      isWhole = false
      for (const end of [...ends]) end()
    },
    mend() {
      isWhole = true
    },
    connect(events) {
      let side: ReturnType<Relay['accept']> | undefined
      let isOver = false
      const end = (code = 1006, reason = ''): void => {
        if (isOver) return
        isOver = true
        ends.delete(end)
        side?.onClose()
        events.onClose(code, reason)
      }
      const soon = (what: () => void): void => queueMicrotask(() => (isOver ? undefined : what()))
      ends.add(end)
      soon(() => {
        if (!isWhole) {
          end()
          return
        }
        side = relay.accept({
          bufferedBytes: 0,
          send: (message) => {
            const copy = message.slice()
            soon(() => events.onMessage(copy))
          },
          close: (code, reason) => soon(() => end(code, reason)),
        })
        events.onOpen()
      })
      return {
        bufferedBytes: 0,
        send(message) {
          const copy = message.slice()
          soon(() => side?.onMessage(copy))
        },
        close: (code = 1000, reason = '') => soon(() => end(code, reason)),
      }
    },
  }
}

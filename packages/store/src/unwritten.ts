import type { Journal, JournalEvents } from './journal.ts'

/**
 * The journal of a store without storage. There is no log that anybody could read, so nothing is encoded and kept for one: what is handed
 * over is as safe as it will ever be when the running task is over.
 */
export function createUnwrittenJournal({
  onDurable,
  onOrdered,
}: Pick<JournalEvents, 'onDurable' | 'onOrdered'>): Journal {
  let scheduled = false
  let closed = false

  /** Nothing is answered inside the call that asked, as when there is a log. */
  async function later(then: () => void): Promise<void> {
    await Promise.resolve()
    if (!closed) then()
  }

  return {
    isWritten: false,
    commit() {
      if (scheduled) return
      scheduled = true
      void later(() => {
        scheduled = false
        onDurable([])
      })
    },
    order(epoch, first, items) {
      void later(() => onOrdered(epoch, first + items.length - 1))
    },
    join({ epoch, relaySeq }) {
      void later(() => onOrdered(epoch, relaySeq))
    },
    async claim(offer) {
      await Promise.resolve()
      return { kind: offer() === undefined ? 'nothing' : 'stored' }
    },
    settle: (_entry, again) => later(() => onDurable([...again.values()])),
    write: () => later(() => undefined),
    isDurable: () => true,
    isUnheard: () => true,
    unsaved: () => 0,
    failure: () => undefined,
    delay: () => undefined,
    isStuck: () => false,
    quiet: () => undefined,
    cut: () => Promise.resolve(undefined),
    readUpTo: () => 0,
    settled: () => Promise.resolve(),
    durable: () => Promise.resolve(),
    flush: () => undefined,
    pull: () => Promise.resolve(),
    async close() {
      closed = true
    },
  }
}

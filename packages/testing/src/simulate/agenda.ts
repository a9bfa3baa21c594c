import type { PendingEvent } from './kernel.ts'

/** Events that wait, the one that is due first in front; of several at the same time the one that was made first. */
export interface Agenda {
  add(event: PendingEvent): void
  /** False when it was not there, or not any more. */
  remove(event: PendingEvent): boolean
  first(): PendingEvent | undefined
  /** Those that have none of their channel before them, in the order in which they were made. */
  enabled(): readonly PendingEvent[]
}

/** A binary heap, in which what was removed stays until it comes to the front. */
export function createAgenda(): Agenda {
  const heap: PendingEvent[] = []
  const waiting = new Set<PendingEvent>()

  const isBefore = (a: PendingEvent, b: PendingEvent): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.id < b.id)

  function rise(event: PendingEvent): void {
    let at = heap.push(event) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(event, heap[above]!)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = event
  }

  function dropFirst(): void {
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
      if (!isBefore(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
  }

  return {
    add(event) {
      waiting.add(event)
      rise(event)
    },
    remove: (event) => waiting.delete(event),
    first() {
      while (heap.length > 0 && !waiting.has(heap[0]!)) dropFirst()
      return heap[0]
    },
    enabled() {
      const channels = new Set<string>()
      return [...waiting].filter(({ channel }) => {
        if (channel === undefined) return true
        if (channels.has(channel)) return false
        channels.add(channel)
        return true
      })
    },
  }
}

import { encodeValue } from '@syncline/protocol'
import { valueSizeBytes } from '@syncline/stm'
import type { Value } from '@syncline/stm'
import type { LiveDoc } from './live-doc.ts'

/** How much may still be written into a live doc. */
export interface DocRoom {
  /** Bytes that fit, as the limit counts them; negative where there are more than may be, `Infinity` without a limit. */
  readonly roomBytes: number
  /** Calls `listener` when there is no room any more, and when there is again, once for each task. Returns `unsubscribe`. */
  onFull(listener: (isFull: boolean) => void): () => void
  close(): void
}

/**
 * Follows how full a doc is. What listeners throw goes to `report`. Cost: nothing without a limit; with one a walk over what the doc reads as,
 * once for each task that edits it.
 */
export function openDocRoom(live: LiveDoc, maxBytes: number | undefined, report: (error: unknown) => void): DocRoom {
  if (maxBytes === undefined) return { roomBytes: Infinity, onFull: () => () => undefined, close: () => undefined }
  const limit = maxBytes
  const listeners = new Set<(isFull: boolean) => void>()
  let isFull = isFullNow()
  let isScheduled = false
  let isClosed = false
  let { doc } = live

  function valueNow(): Value {
    // What a doc reads as is plain data.
    return live.read() as unknown as Value
  }

  function roomNow(): number {
    return limit - encodeValue(valueNow()).length
  }

  function isFullNow(): boolean {
    // The bound is cheap; what is above it is measured.
    return valueSizeBytes(valueNow()) >= limit && roomNow() <= 0
  }

  function look(): void {
    isScheduled = false
    if (isClosed || isFull === isFullNow()) return
    isFull = !isFull
    for (const listener of [...listeners]) {
      try {
        listener(isFull)
      } catch (error) {
        report(error)
      }
    }
  }

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    queueMicrotask(look)
  }

  doc.on('update', schedule)
  const stop = live.onReset(() => {
    ;({ doc } = live)
    doc.on('update', schedule)
    schedule()
  })

  return {
    get roomBytes() {
      return roomNow()
    },
    onFull(listener) {
      const one = (now: boolean): void => listener(now)
      listeners.add(one)
      return () => listeners.delete(one)
    },
    close() {
      isClosed = true
      stop()
      doc.off('update', schedule)
      listeners.clear()
    },
  }
}

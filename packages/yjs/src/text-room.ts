import type { LiveText } from './live-text.ts'
import { utf8Bytes } from './utf8.ts'

/** How much may still be written into a live text. */
export interface TextRoom {
  /** Bytes of UTF-8 that fit; negative where there is more already than may be, `Infinity` without a limit. */
  readonly roomBytes: number
  /** Calls `listener` when there is none any more, and when there is again. Returns `unsubscribe`. */
  onFull(listener: (isFull: boolean) => void): () => void
  close(): void
}

/**
 * Follows how full a text is. What listeners throw goes to `report`. Cost: nothing without a limit; with one a count of the characters for each
 * edit, as soon as the text could have too many.
 */
export function openRoom(live: LiveText, maxBytes: number | undefined, report: (error: unknown) => void): TextRoom {
  if (maxBytes === undefined) return { roomBytes: Infinity, onFull: () => () => undefined, close: () => undefined }
  /** What a text may take at most, apart from what tells that it is a text, and its length. */
  const most = maxBytes - 1 - lengthBytes(maxBytes)
  const listeners = new Set<(isFull: boolean) => void>()
  let isFull = roomIn() <= 0
  let { text } = live

  function roomIn(): number {
    return most - utf8Bytes(live.text.toString())
  }

  function look(): void {
    // A code unit takes three bytes at most.
    const isNow = live.text.length * 3 >= most && roomIn() <= 0
    if (isNow === isFull) return
    isFull = isNow
    for (const listener of [...listeners]) {
      try {
        listener(isFull)
      } catch (error) {
        report(error)
      }
    }
  }

  text.observe(look)
  const stop = live.onReset(() => {
    ;({ text } = live)
    text.observe(look)
    look()
  })

  return {
    get roomBytes() {
      return roomIn()
    },
    onFull(listener) {
      const one = (now: boolean): void => listener(now)
      listeners.add(one)
      return () => listeners.delete(one)
    },
    close() {
      stop()
      text.unobserve(look)
      listeners.clear()
    },
  }
}

/** The bytes of a length as a varuint. */
function lengthBytes(length: number): number {
  return length < 0x80 ? 1 : 1 + lengthBytes(length / 0x80)
}

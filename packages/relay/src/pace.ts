import type { RelayLimits } from './limits.ts'

/** Whoever was quiet may be so much faster for a moment: as much as they may say in this time. */
const BURST_MS = 2000

/** How fast a client talks: two buckets that run over. Each is one number, the moment until which what came has been paid for. */
export class Pace {
  #messagesMs = 0
  #bytesMs = 0

  /** Counts a message that comes now, by a clock that is never set; the limit that it passes, if it does. */
  take(
    bytes: number,
    nowMs: number,
    { maxMessagesPerSecond, maxBytesPerSecond }: Pick<RelayLimits, 'maxMessagesPerSecond' | 'maxBytesPerSecond'>,
  ): 'maxMessagesPerSecond' | 'maxBytesPerSecond' | undefined {
    if (maxMessagesPerSecond > 0) {
      this.#messagesMs = Math.max(this.#messagesMs, nowMs) + 1000 / maxMessagesPerSecond
      if (this.#messagesMs - nowMs > BURST_MS) return 'maxMessagesPerSecond'
    }
    if (maxBytesPerSecond > 0) {
      this.#bytesMs = Math.max(this.#bytesMs, nowMs) + (1000 * bytes) / maxBytesPerSecond
      if (this.#bytesMs - nowMs > BURST_MS) return 'maxBytesPerSecond'
    }
    return undefined
  }
}

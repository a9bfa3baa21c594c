import type { Change } from '@syncline/stm'

/** What became of one transaction. Not a promise: ignoring it is fine. Take from it what you need by name; what is spread into another object lacks the functions. */
export interface Receipt<T> {
  /** What the body returned. */
  readonly value: T
  /** The Change that was committed; undefined when nothing changed. */
  readonly change: Change | undefined
  /** Resolves when the Change is in this device's storage; at once when nothing changed. Rejects when it cannot be stored, or on `close()`. */
  durable(): Promise<void>
  /** Resolves when the relay has stored the Change; at once when nothing changed. Rejects on refusal, on `close()`, or with the signal's reason. */
  synced(options?: { readonly signal?: AbortSignal }): Promise<void>
}

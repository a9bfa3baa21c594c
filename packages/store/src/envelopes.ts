import type { Change, WriterId } from '@syncline/stm'

/** What the relay has decided about an envelope. */
export type Outcome =
  | { readonly kind: 'accepted'; readonly change: Change }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }

/** The envelopes that this tab waits for, each known by the writer that was made for it. */
export interface Envelopes {
  /** Resolves when the relay has decided. */
  wait(writer: WriterId): Promise<Outcome>
  /** Whether this tab made it, and waits. */
  isOurs(writer: WriterId): boolean
  /** Tells who waits for it, if this tab does. */
  decide(writer: WriterId, outcome: Outcome): void
  /** Nobody waits for it any more. */
  forget(writer: WriterId): void
}

/** Makes an empty set of envelopes. */
export function createEnvelopes(): Envelopes {
  const waiting = new Map<WriterId, (outcome: Outcome) => void>()
  return {
    wait: (writer) => new Promise((resolve) => waiting.set(writer, resolve)),
    isOurs: (writer) => waiting.has(writer),
    decide(writer, outcome) {
      waiting.get(writer)?.(outcome)
      waiting.delete(writer)
    },
    forget: (writer) => void waiting.delete(writer),
  }
}

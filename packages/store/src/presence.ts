/** Short-lived state of the people who are here. Never stored. Structural, so that hooks need not know who implements it. */
export interface Presence {
  /** This session's own id among the peers. */
  readonly self: number
  /** Everybody who is here, ourselves included, by session. The same map until somebody changes. */
  peers(): ReadonlyMap<number, PresenceState>
  /** Merges `patch` into our own state and tells the others. */
  set(patch: PresenceState): void
  /** Calls `listener` whenever `peers()` changed. */
  subscribe(listener: () => void): () => void
  /** Says good-bye and stops. Called by `store.close()`. */
  close(): void
}

/** What one session shows of itself: a name, a colour, a cursor. Plain data. */
export type PresenceState = Readonly<Record<string, unknown>>

/** What a store gives to a presence implementation: bytes to and from every other session in the space. */
export interface PresencePort {
  /** Sends our newest state to everybody, or `null` for good-bye. Only the newest counts; while offline it waits. */
  publish(payload: Uint8Array | null): void
  /** Payloads of the others. `peer` names the session they came from; `null` means that it is gone. */
  onPayload(listener: (peer: string, payload: Uint8Array | null) => void): () => void
  /** A fresh random 32-bit number. */
  randomUint32(): number
  nowMs(): number
  setTimer(delayMs: number, fn: () => void): () => void
}

/** Makes the presence of a store. */
export type PresenceMaker = (port: PresencePort) => Presence

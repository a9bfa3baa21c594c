import type { Removed } from './text-inverse.ts'

class Given {
  constructor(update: Uint8Array) {
    // What a constructor returns is where a class that extends this one puts its private fields.
    return update
  }
}

/** A private field on the bytes themselves. An entry in a WeakMap takes two microseconds, more than to encode a keystroke. */
class Noted extends Given {
  readonly #removed: readonly Removed[]

  constructor(update: Uint8Array, removed: readonly Removed[]) {
    super(update)
    this.#removed = removed
  }

  static of(update: object): readonly Removed[] | undefined {
    return #removed in update ? update.#removed : undefined
  }
}

/** What an update has deleted, with the characters; undefined when that was not noted. */
export const removedBy: (update: Uint8Array) => readonly Removed[] | undefined = Noted.of

/** Notes what an update that was just made here has deleted: its bytes have only the ids. Once for each update. */
export function noteRemoved(update: Uint8Array, removed: readonly Removed[]): void {
  void new Noted(update, removed)
}

/** Notes that an update does what several did. */
export function noteMerged(update: Uint8Array, merged: readonly Uint8Array[]): void {
  if (merged.length < 2) return
  const removed = merged.flatMap((one) => removedBy(one) ?? [])
  if (removed.length > 0) noteRemoved(update, removed)
}

import type { Removed } from './text-inverse.ts'

/**
 * What was known of an update when it was made here: to find out who has written it would be to decode it, and of what it deletes its bytes have
 * only the ids.
 */
export class Known {
  /** The Yjs clients whose structs it brings. */
  writers: readonly number[] | undefined = undefined
  /** What it deletes, with the characters; undefined when that was nothing, or was not noted. */
  removed: readonly Removed[] | undefined = undefined
  /** What a state made of it reads as, if it is made on this one. */
  reads: { readonly on: object | undefined; readonly value: unknown } | undefined = undefined
}

class Given {
  constructor(update: Uint8Array) {
    // What a constructor returns is where a class that extends this one puts its private fields.
    return update
  }
}

/** A private field on the bytes themselves. An entry in a WeakMap for each keystroke takes two microseconds, more than to encode it. */
class Mark extends Given {
  readonly #known: Known

  constructor(update: Uint8Array, known: Known) {
    super(update)
    this.#known = known
  }

  static of(update: object): Known | undefined {
    return #known in update ? update.#known : undefined
  }
}

/** What is known of an update; undefined when nothing is. */
export const knownOf: (update: Uint8Array) => Known | undefined = Mark.of

/** What is known of an update, to be added to. */
export function know(update: Uint8Array): Known {
  const found = Mark.of(update)
  if (found !== undefined) return found
  const known = new Known()
  void new Mark(update, known)
  return known
}

/** Notes that an update does what several did. */
export function noteMerged(update: Uint8Array, merged: readonly Uint8Array[]): void {
  if (merged.length < 2) return
  const removed = merged.flatMap((one) => knownOf(one)?.removed ?? [])
  if (removed.length > 0) know(update).removed = removed
}

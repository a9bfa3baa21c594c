import type { Stamp } from '@syncline/stm'

const stamps = new WeakMap<Uint8Array, Stamp>()

/** Remembers when and by whom an update was written, for whoever may have to tell. */
export function noteStamp(update: Uint8Array, stamp: Stamp): void {
  stamps.set(update, stamp)
}

/** When and by whom an update was written, if that was noted. */
export function stampFor(update: Uint8Array): Stamp | undefined {
  return stamps.get(update)
}

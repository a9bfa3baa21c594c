import type { Stamp } from '@syncline/stm'

/** The stamp of a Change. */
export function stampOf({ at, writer }: Stamp): Stamp {
  return { at, writer }
}

/** A stamp as the key of a map. */
export function stampText({ at, writer }: Stamp): string {
  return `${at} ${writer}`
}

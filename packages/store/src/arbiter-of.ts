import type { AnyCollection, AnyList, AnyRef, Arbiter, Range, Readable } from '@syncline/stm'

/** Who serialises the commits of what is behind a readable. */
export function arbiterOf(readable: Readable<unknown>): Arbiter {
  // The kind tells which of the readables it is.
  switch (readable.kind) {
    case 'ref':
      return (readable as AnyRef).arbiter
    case 'collection':
      return (readable as AnyCollection).options.arbiter ?? 'local'
    case 'list':
      return arbiterOf((readable as AnyList).collection)
    case 'range':
      return arbiterOf((readable as Range).of)
  }
}

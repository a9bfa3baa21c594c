import { behindOf, setBehind } from './behind.ts'
import type { Readable } from './ref.ts'
import { itemsOf, type Snapshot } from './snapshot.ts'
import { speculate } from './speculation.ts'

/**
 * A Snapshot that reads as another one and tells `note` of everything that is read from it, also by way of `with`: what a body reads
 * and writes there, and what is read from the Snapshot that it gives.
 *
 * @example
 * import { createMemory, noting } from '@syncline/stm'
 *
 * const title = register('title', '')
 * const noted: string[] = []
 * const snapshot = noting(createMemory().snapshot, ({ key }) => noted.push(key))
 * expect(snapshot.get(title)).toBe('')
 * expect(noted).toEqual([title.key])
 */
export function noting(snapshot: Snapshot, note: (readable: Readable<unknown>, value: unknown) => void): Snapshot {
  const reader: Snapshot = {
    basis: snapshot.basis,
    isSpeculative: snapshot.isSpeculative,
    get<V>(readable: Readable<V>): V {
      const value = snapshot.get(readable)
      note(readable, value)
      return value
    },
    read(ref) {
      reader.get(ref)
      return snapshot.read(ref)
    },
    items: (collection) => itemsOf(reader, collection),
    with(body) {
      // One that another function has made reads as it says, and what its bodies read is not known.
      if (behindOf(snapshot) === undefined)
        return noting(snapshot.with(body), (readable) => note(readable, snapshot.get(readable)))
      const { snapshot: made, reads } = speculate(snapshot, body)
      for (const readable of reads) note(readable, snapshot.get(readable))
      return noting(made, (readable) => note(readable, snapshot.get(readable)))
    },
  }
  const behind = behindOf(snapshot)
  if (behind !== undefined) setBehind(reader, behind)
  return reader
}

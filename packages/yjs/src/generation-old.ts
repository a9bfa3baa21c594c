import * as Y from 'yjs'
import { itemOf } from './foreign-update.ts'
import type { ForeignStruct } from './foreign-update.ts'
import { writeStructs } from './foreign-writing.ts'
import { TEXT_KEY } from './text-key.ts'
import type { Lives } from './generation-lives.ts'
import { decodePlaces } from './generation-places.ts'
import { listIn } from './stretches.ts'
import type { Range } from './stretches.ts'

/** All that stood in old lives, as an update: under the names it had, deleted, and nowhere in particular. What was retired is in it whole. */
export function oldIn({ chain, retired }: Lives): Uint8Array {
  const byClient = new Map<number, Range[]>()
  for (const { cut } of chain) for (const one of decodePlaces(cut)) listIn(byClient, one.client).push(one)
  for (const [client, length] of retired?.clocks ?? []) {
    const rest = (byClient.get(client) ?? []).filter(({ clock }) => clock >= length)
    if (length > 0) byClient.set(client, [{ client, clock: 0, length }, ...rest])
  }
  const runs = [...byClient].map(([client, ranges]) => {
    let at = 0
    return ranges
      .sort((a, b) => a.clock - b.clock)
      .flatMap(({ clock, length }): readonly ForeignStruct[] => {
        const gone = clock > at ? [new Y.GC(Y.createID(client, at), clock - at)] : []
        at = clock + length
        const item = itemOf(Y.createID(client, clock), null, null, TEXT_KEY, null, new Y.ContentDeleted(length))
        return [...gone, item]
      })
  })
  return writeStructs(
    runs,
    [...byClient.values()].flat().map(({ client, clock, length }) => ({ client, clock, length })),
  )
}

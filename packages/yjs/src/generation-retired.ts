import type { Retired } from './generation-format.ts'
import { raise } from './generation-lives.ts'
import type { Lives } from './generation-lives.ts'
import { lengthOf } from './generation-places.ts'
import type { Id, ParsedUpdate } from './update.ts'

/** What comes of lives when those are retired whose time has come at a stamp; undefined when none are. */
export function retiredAt({ chain, others, cuts, retired, newest }: Lives, at: number): Retired | undefined {
  let life: number | undefined
  const clocks = new Map(retired?.clocks)
  for (const { cut } of chain) {
    if (cut.at + cut.retentionMs * 1000 > at) break
    life = cut.client
    raise(clocks, cut.clocks)
  }
  if (life === undefined) return undefined
  const left = new Set([life])
  for (let size = 0; size < left.size;) {
    size = left.size
    for (const { client, base } of cuts) if (left.has(base!)) left.add(client)
  }
  // Also one that began with nothing has a name.
  for (const { cut } of [...chain, ...others.values()])
    if (!left.has(cut.client)) raise(clocks, new Map([[cut.client, Math.max(1, lengthOf(cut))]]))
  return { life, fixed: newest!, clocks }
}

/**
 * Whether something of an update that comes after a retirement is beside what was retired: where that would be nobody knows any more. Of what has come over with a cut that was
 * retired since, up to `known`, it need not be known.
 */
export function isBesideRetired(
  retired: ReadonlyMap<number, number>,
  { runs, deletes }: ParsedUpdate,
  known: ReadonlyMap<number, number>,
): boolean {
  const isRetired = (id: Id | undefined): boolean => id !== undefined && id.clock < (retired.get(id.client) ?? 0)
  return (
    deletes.some(isRetired) ||
    runs.some(({ client, structs }) =>
      structs.some(
        ({ clock, length, origin, rightOrigin }) =>
          clock + length > (known.get(client) ?? 0) && (isRetired(origin) || isRetired(rightOrigin)),
      ),
    )
  )
}

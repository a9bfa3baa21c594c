import * as Y from 'yjs'
import { readCounted } from './codec-reading.ts'
import { readForeign } from './foreign-update.ts'
import type { ForeignStruct } from './foreign-update.ts'
import { parentIn, rerooted, writeStructs } from './foreign-writing.ts'

/** The roots that an update names, in the order of their first mention. What builds on something names none. Throws for what is no update, and for one of more parts than may come at once. */
export function rootsIn(update: Uint8Array): readonly string[] {
  const roots = new Set<string>()
  for (const struct of readCounted(update).structs) {
    const parent = struct instanceof Y.GC ? null : parentIn(struct)
    if (typeof parent === 'string') roots.add(parent)
  }
  return [...roots]
}

/**
 * An update with other names for its roots: `nameOf` gives the name of each. What one client has written in it may have gaps. Throws for what is no update. Cost: one
 * pass.
 */
export function renameRoots(update: Uint8Array, nameOf: (root: string) => string): Uint8Array {
  const { structs, deletes } = readForeign(update, 1)
  const runs: ForeignStruct[][] = []
  for (const struct of structs) {
    const parent = struct instanceof Y.GC ? null : parentIn(struct)
    const named = typeof parent === 'string' ? rerooted(struct, nameOf(parent)) : struct
    const run = runs.at(-1)
    const last = run?.at(-1)
    if (last !== undefined && last.id.client === named.id.client && last.id.clock + last.length === named.id.clock)
      run!.push(named)
    else runs.push([named])
  }
  return writeStructs(runs, deletes)
}

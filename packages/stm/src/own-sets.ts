import { entryOfState, entryOfValue } from './entries.ts'
import { memberPrefix, sortedKey } from './family.ts'
import type { View } from './memory.ts'
import type { AnyCollection, AnyList, AnyRef, CellKey } from './ref.ts'
import type { SortedSet } from './sorted.ts'
import type { DraftWrite } from './write.ts'

/** The sorted sets that a body has read, with the writes of the body. */
export interface OwnSets {
  of(readable: AnyCollection | AnyList): SortedSet
  /** Makes writes part of the sets that were read. */
  keep(edits: readonly Edit[]): void
}

/** The writes to one ref before and after one more write. */
export type Edit = readonly [before: DraftWrite, after: DraftWrite]

/** What the sets need of the workspace they belong to. */
export interface OwnSetsSide {
  readonly view: View
  readonly writes: () => readonly DraftWrite[]
  /** The transaction around this savepoint. */
  readonly around: Around | undefined
}

/** What a transaction shows to a savepoint in it. */
export interface Around {
  value(ref: AnyRef): unknown
  setOf(readable: AnyCollection | AnyList): SortedSet
}

/** Makes the sets of one workspace. */
export function createOwnSets({ view, writes, around }: OwnSetsSide): OwnSets {
  const sets = new Map<CellKey, OwnSet>()

  interface OwnSet {
    readonly readable: AnyCollection | AnyList
    readonly prefix: string
    set: SortedSet
  }

  return {
    of(readable) {
      const key = sortedKey(readable)
      const kept = sets.get(key)
      if (kept !== undefined) return kept.set
      const prefix = memberPrefix(readable)
      const added: string[] = []
      const removed: string[] = []
      for (const { ref, policy, draft } of writes()) {
        if (!ref.key.startsWith(prefix)) continue
        const id = ref.key.slice(prefix.length)
        const was =
          around === undefined
            ? entryOfState(readable, policy, id, view.state(ref.key))
            : entryOfValue(readable, id, around.value(ref))
        const is = entryOfValue(readable, id, policy.readDraft(draft, ref))
        if (was === is) continue
        if (was !== undefined) removed.push(was)
        if (is !== undefined) added.push(is)
      }
      const below = around === undefined ? view.sorted(readable) : around.setOf(readable)
      const set = below.change(added, removed)
      sets.set(key, { readable, prefix, set })
      return set
    },
    keep(edits) {
      for (const own of sets.values()) {
        const added: string[] = []
        const removed: string[] = []
        for (const [before, after] of edits) {
          const { ref, policy } = after
          if (after.draft === before.draft || !ref.key.startsWith(own.prefix)) continue
          const id = ref.key.slice(own.prefix.length)
          const was = entryOfValue(own.readable, id, policy.readDraft(before.draft, ref))
          const is = entryOfValue(own.readable, id, policy.readDraft(after.draft, ref))
          if (was === is) continue
          if (was !== undefined) removed.push(was)
          if (is !== undefined) added.push(is)
        }
        own.set = own.set.change(added, removed)
      }
    },
  }
}

import { verifyDatabase } from '../care/verify.ts'
import type { DatabaseReport } from '../care/report.ts'
import { type Surroundings, surroundingsHere } from '../surroundings.ts'

/** What of one space is in this browser only, as far as is known here. */
export interface UnsyncedSpace {
  readonly space: string
  /** Changes that the relay has not said it has. */
  readonly pending: number
  /** What the relay was to decide about, and of which it is not known what became of it. */
  readonly undecided: number
  /** Changes that the relay refused, and that wait for a decision. */
  readonly refused: number
  /**
   * Records that could not be read and are not made again of others, those that were set aside among them, also when the relay has made good since what was in them: nobody can say that this
   * was all, for what was stored last leaves no gap. `repairDatabase(name, { dropAside: true })` says that nobody misses anything.
   */
  readonly unreadable: number
}

/**
 * What the storage called `name` has that no relay has, by space; a space with nothing of that kind is not in it. `browser` refs are not counted: they are in
 * this browser only by design. What stores have in memory and have not saved is not here either: `await store.durable()` first.
 *
 * Rejects with `StoreError` `storage-failed` where the browser has no IndexedDB or cannot read it, and with `storage-blocked` when a tab stands still in the middle of storing something.
 * Cost: one pass over all that is stored.
 *
 * @example
 * import { storageOf, unsyncedIn } from '@syncline/idb/principals'
 *
 * const name = storageOf('my-app', 'ada')
 * // Node has no IndexedDB.
 * await expect(unsyncedIn(name)).rejects.toThrow('no IndexedDB')
 */
export async function unsyncedIn(
  name: string,
  surroundings: Surroundings = surroundingsHere,
): Promise<readonly UnsyncedSpace[]> {
  return unsyncedOf(await verifyDatabase(name, surroundings))
}

/** What a report says of it. */
export function unsyncedOf({ spaces, damaged, aside }: DatabaseReport): readonly UnsyncedSpace[] {
  const unreadable = new Map<string, number>()
  for (const { from, space, isRemade = false } of [...damaged, ...aside]) {
    if (isRemade) continue
    // Fences and claims hold nothing of anybody's work.
    if (from === 'entries' || from === 'backup') unreadable.set(space, (unreadable.get(space) ?? 0) + 1)
  }
  const known = new Map(spaces.map((report) => [report.space, report]))
  return [...new Set([...known.keys(), ...unreadable.keys()])]
    .map((space) => {
      const { pending = 0, undecided = 0, refused = 0 } = known.get(space) ?? {}
      return { space, pending, undecided, refused, unreadable: unreadable.get(space) ?? 0 }
    })
    .filter((one) => one.pending + one.undecided + one.refused + one.unreadable > 0)
}

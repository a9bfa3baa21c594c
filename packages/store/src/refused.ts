import type { Change, ChangeId } from '@syncline/stm'
import { nothingChanged } from './committing.ts'
import type { Core } from './core.ts'
import { assertOpen } from './errors.ts'
import type { Receipt } from './receipt.ts'

/** A Change that the relay refused, or that depended on one. */
export interface RefusedChange {
  readonly id: ChangeId
  readonly change: Change
  readonly code: string
  readonly message: string
}

/**
 * The durable list of refused Changes.
 *
 * @example
 * import { lww } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const title = lww('title', '')
 * let isLocked = true
 * const refuse = () => (isLocked ? { code: 'locked', message: 'The board is locked.' } : undefined)
 * const store = await openStore({ space: 'board', transport: relayHere({ refuse }) })
 *
 * for (const text of ['one', 'two']) {
 *   await expect(store.transact((tx) => tx.set(title, text)).synced()).rejects.toThrow('The board is locked.')
 * }
 * expect([store.get(title), store.status.refused]).toEqual(['', 2])
 * isLocked = false
 * const [first, second] = store.refused.list()
 * store.refused.drop(first.id)
 * await store.refused.reapply(second.id).synced()
 * expect([store.get(title), store.refused.list()]).toEqual(['two', []])
 * await store.close()
 */
export interface RefusedChanges {
  list(): readonly RefusedChange[]
  /**
   * Commits the operations and effects of a refused Change again, as a new Change on the present state, and takes it off the list. Of several on one text, apply
   * the oldest first. Throws `StmError` `invariant-failed`, `validation-failed`, `too-large-for-ref` as a transaction does, and nothing has happened then.
   */
  reapply(id: ChangeId): Receipt<void>
  /** Takes a Change off the list for good. */
  drop(id: ChangeId): void
}

/** Makes the list of one open store. */
export function createRefusedChanges(core: Core): RefusedChanges {
  const { replica, committing } = core

  function drop(id: ChangeId): void {
    assertOpen(core)
    if (!replica.refused.has(id)) return
    replica.drop([id])
    core.journal.write({ kind: 'dropped', changes: [id] }).catch(core.onError)
    core.touchStatus()
  }

  return {
    list: () => [...replica.refused.values()],
    reapply(id) {
      assertOpen(core)
      const refused = replica.refused.get(id)
      if (refused === undefined) return nothingChanged
      const { ops, effects, meta } = refused.change
      core.validity.judgeOps(ops, replica.memory, committing.context())
      // What it sent to agents they were given when it was committed first; other effects are still to be run.
      const receipt = committing.commit(ops, meta, { effects })
      drop(id)
      return receipt
    },
    drop,
  }
}

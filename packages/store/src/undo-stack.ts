import type { ChangeId, LeftPart, TakenBack } from '@syncline/stm'
import type { Receipt } from './receipt.ts'
import type { UndoAsyncOptions } from './transact-options.ts'

/**
 * What this tab can undo and redo in one scope: its own transactions, also from before a reload, and never those of another tab or user. It
 * holds the newest 500 steps, and no more than have 50,000 operations together beside the newest.
 */
export interface UndoStack {
  readonly scope: string
  /** Whether there is something to undo. */
  readonly undoable: boolean
  /** Whether there is something to redo. */
  readonly redoable: boolean
  /** Whether an undo or a redo is under way: it waits for its turn, or for whoever decides about it. */
  readonly isWaiting: boolean

  /** Takes back the newest step. See `store.undo`. */
  undo(): Undone
  /** Does again what was undone last. See `store.redo`. */
  redo(): Undone
  /** Takes back the newest step, whoever decides about it. See `store.undoAsync`. */
  undoAsync(options?: UndoAsyncOptions): Promise<Undone>
  /** Does again what was undone last, whoever decides about it. See `store.redoAsync`. */
  redoAsync(options?: UndoAsyncOptions): Promise<Undone>

  /**
   * Runs `body` and returns what it gives: the transactions that begin in it are one step, but for `relay` refs after `browser` refs and these after
   * those, which no one Change can write. Of an async body, those before its first `await`; name a `group` for more.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const title = lww('title', '')
   * const store = await openStore({ space: 'board' })
   * store.undoStack().group(() => {
   *   for (const value of ['P', 'Pl', 'Plan']) store.transact((tx) => tx.set(title, value))
   * })
   * store.undo()
   * expect(store.get(title)).toBe('')
   * await store.close()
   */
  group<T>(body: () => T): T

  /**
   * What it would take to take back one of the Changes in this stack, now: operations as data, and what is in their way. Undefined for
   * others. Nothing happens.
   *
   * @example
   * import { counter } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   * import { changeId } from '@syncline/stm'
   *
   * const stars = counter('stars')
   * const store = await openStore({ space: 'board' })
   * const { change } = store.transact((tx) => tx.add(stars, 2))
   * const inverse = store.undoStack().inverse(changeId(change!))
   * expect(inverse?.ops.map(({ address, payload }) => [address, payload])).toEqual([['stars', [0, -2]]])
   * await store.close()
   */
  inverse(id: ChangeId): TakenBack | undefined

  /**
   * Calls `listener` when `undoable`, `redoable` or `isWaiting` has changed, after those who watch values. Returns `unsubscribe`.
   *
   * @example
   * import { lww } from '@syncline/merge'
   * import { openStore } from '@syncline/store'
   *
   * const title = lww('title', '')
   * const store = await openStore({ space: 'board' })
   * const stack = store.undoStack()
   * const seen: boolean[] = []
   * const stop = stack.onChange(() => seen.push(stack.undoable))
   * store.transact((tx) => tx.set(title, 'Plan'))
   * stack.undo()
   * stop()
   * expect(seen).toEqual([true, false])
   * await store.close()
   */
  onChange(listener: () => void): () => void
}

/** What became of an undo or redo: the receipt of its Change, which is undefined when there was nothing to do. */
export interface Undone extends Receipt<void> {
  /** What others have written since, and what stays as it is therefore. */
  readonly superseded: readonly LeftPart[]
  /** What cannot be taken back. */
  readonly irreversible: readonly LeftPart[]
}

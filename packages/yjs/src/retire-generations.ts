import type { PlainStore, Receipt } from '@syncline/store'
import { encodeRetirement } from './generation-format.ts'
import { retiredAt } from './generation-retired.ts'
import { boundOf, writeBeside } from './generation-writing.ts'
import type { TextRef } from './policy.ts'

/**
 * Drops what old generations of a text were made of, those whose retention is over: every device does, as soon as it compacts. Without any nothing is written, so it may be called
 * as often as you like, once a day say, by whoever may write the text. The text does not change, for anybody.
 *
 * What was written in such a generation and comes only then cannot be merged any more. It is kept, as a conflict copy: {@link conflictCopies} has it. What counts is the order of the
 * relay. So nothing is dropped while this browser has Changes that the relay has not stored, and never without a relay. Steps of undo from before that change nothing.
 * Returns the receipt of the Change; its `change` is undefined when there was nothing to drop. Throws as a transaction does. Cost: the text is decoded, unless it is open.
 *
 * @example
 * import { openStore } from '@syncline/store'
 * import { retireGenerations, startGeneration, text } from '@syncline/yjs'
 *
 * const store = await openStore({ space: 'example' })
 * const note = text('note')
 * for (let i = 0; i < 50; i++) store.transact((tx) => tx.insert(note, i % 7, 'word '))
 * startGeneration(store, note, { retentionMs: 30 * 24 * 60 * 60 * 1000 })
 * expect(retireGenerations(store, note).change).toBeUndefined()
 * await store.close()
 */
export function retireGenerations(store: PlainStore, ref: TextRef): Receipt<void> {
  boundOf(store, ref)
  // What is pending may come to stand before it, or behind it.
  const isReady = store.status.pending === 0
  return writeBeside(store, ref, ({ generations }, _content, { stamp }) => {
    const isDue = isReady && generations !== undefined && retiredAt(generations.lives, stamp.at) !== undefined
    return isDue ? encodeRetirement(stamp.at) : undefined
  })
}

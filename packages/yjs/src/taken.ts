import type { EditContext, Intent, PolicyRef } from '@syncline/stm'
import type { Content } from './content.ts'
import type { Replica } from './replica.ts'
import type { DocumentState } from './state.ts'

/**
 * A write that takes in an update as it is: the state with it, of a draft and a document that shows the base of that; nothing when it brings nothing. All that it
 * takes to make one is with those who import; who does not has only this.
 */
export type Take = <V>(
  draft: { readonly base: DocumentState<V> | undefined; readonly edits: unknown },
  ref: PolicyRef,
  replica: Replica,
  content: Content<unknown>,
  context: EditContext,
) => DocumentState<V> | undefined

const takes = new WeakMap<object, Take>()

/** Says what is meant by a function that is given to `tx.edit`. */
export function noteTaking(change: object, take: Take): void {
  takes.set(change, take)
}

/** What a write takes in; undefined when it is another write. */
export function takeOf(intent: Intent): Take | undefined {
  return intent.kind === 'edit' ? takes.get(intent.change) : undefined
}

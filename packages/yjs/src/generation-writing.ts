import { StoreError } from '@syncline/store'
import type { PlainStore, Receipt } from '@syncline/store'
import type { AnyRef, Ref } from '@syncline/stm'
import type { BoundDocuments } from './bound.ts'
import type { LiveDocument } from './live.ts'
import { TAG } from './policy.ts'
import type { TextRef } from './policy.ts'
import { taking } from './taking.ts'
import type { UpdateFor } from './taking.ts'

/** Writes an operation that is about the generations of a text. It is no step to undo. */
export function writeBeside(store: PlainStore, ref: TextRef, updateFor: UpdateFor): Receipt<void> {
  return store.transact(
    (tx) => {
      // Not what a text offers: its policy knows it by itself.
      const document: AnyRef = ref
      tx.edit(document as Ref<unknown, { edit: never }>, taking(updateFor))
    },
    { undo: false },
  )
}

/** Throws when there are no live texts behind the ref. */
export function boundOf(store: PlainStore, ref: TextRef): BoundDocuments<unknown, never, LiveDocument<unknown>> {
  const policy = store.policyOf(ref)
  if (ref.policy.tag !== TAG || !('live' in policy)) {
    throw new StoreError('no-document', `"${ref.address}" is a "${ref.policy.tag}" ref. Only texts have generations.`)
  }
  // What has this tag and live documents was bound by this package.
  return policy as BoundDocuments<unknown, never, LiveDocument<unknown>>
}

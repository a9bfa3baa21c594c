import { StmError } from '@syncline/stm'
import type { EditContext, PolicyRef } from '@syncline/stm'
import type { Content } from './content.ts'
import type { Replica } from './replica.ts'
import { DocumentState, Link } from './state.ts'
import type { Taken } from './state.ts'
import { noteTaking } from './taken.ts'
import { mergeUpdates } from './update.ts'

/**
 * What a document is to take in that was written elsewhere: an update that it takes whole, or nothing when it has all of it. It is given a document
 * to look at, and may throw: the transaction does then.
 */
export type UpdateFor = (replica: Replica, content: Content<unknown>, context: EditContext) => Uint8Array | undefined

/** What is given to `tx.edit` so that a document takes in an update. Only the policies of a store know what to do with it. */
export function taking(updateFor: UpdateFor): (content: never) => never {
  const change = (): never => {
    throw new StmError('invalid-write', 'Updates are taken in by the documents of a store, and not by a memory alone.')
  }
  noteTaking(change, ({ base, edits }, ref, replica, content, context) => {
    if (edits !== undefined) throw mixedWrites(ref)
    const update = updateFor(replica, content, context)
    return update && new TakenState(base, update)
  })
  return change
}

class TakenState<V> extends DocumentState<V> {
  readonly #taken: Taken

  constructor(base: DocumentState<V> | undefined, update: Uint8Array) {
    super(new Link(base?.link, update))
    this.#taken = {
      payload: mergeUpdates([...(base?.taken === undefined ? [] : [base.taken.payload]), update]),
      refuse(ref) {
        throw mixedWrites(ref)
      },
    }
  }

  override get taken(): Taken {
    return this.#taken
  }
}

/** Who writes and imports in one transaction would have to say which comes first. */
function mixedWrites({ address }: PolicyRef): StmError {
  return new StmError(
    'invalid-write',
    `"${address}" takes in an update in this transaction, and is written in it too. Do one of the two in a transaction of its own.`,
  )
}

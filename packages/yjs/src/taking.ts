import { StmError } from '@syncline/stm'
import type { Intent, PolicyRef } from '@syncline/stm'
import type * as Y from 'yjs'
import type { Content } from './content.ts'
import { DocumentState, Link } from './state.ts'
import { mergeUpdates } from './update.ts'

/**
 * What a document is to take in that was written elsewhere: an update that it takes whole, or nothing when it has all of it. It is given a document
 * to look at, and may throw: the transaction does then.
 */
export type UpdateFor = (doc: Y.Doc, content: Content<unknown>) => Uint8Array | undefined

const known = new WeakMap<object, UpdateFor>()

/** What is given to `tx.edit` so that a document takes in an update. Only the policies of a store know what to do with it. */
export function taking(updateFor: UpdateFor): (content: never) => never {
  const change = (): never => {
    throw new StmError('invalid-write', 'Updates are taken in by the documents of a store, and not by a memory alone.')
  }
  known.set(change, updateFor)
  return change
}

/** What a write is to take in; undefined when it is another write. */
export function takenBy(intent: Intent): UpdateFor | undefined {
  return intent.kind === 'edit' ? known.get(intent.change) : undefined
}

/** A state with updates that a transaction takes in. They become an operation as they are, and are applied as everybody applies it. */
export class TakenState<V> extends DocumentState<V> {
  readonly #updates: readonly Uint8Array[]

  constructor(before: DocumentState<V> | undefined, update: Uint8Array) {
    super(new Link(before?.link, update))
    this.#updates = before instanceof TakenState ? [...(before as TakenState<V>).#updates, update] : [update]
  }

  get sizeBytes(): number {
    return this.#updates.reduce((sum, update) => sum + update.length, 0)
  }

  get payload(): Uint8Array {
    return mergeUpdates(this.#updates)
  }
}

/** Who writes and imports in one transaction would have to say which comes first. */
export function mixedWrites({ address }: PolicyRef): StmError {
  return new StmError(
    'invalid-write',
    `"${address}" takes in an update in this transaction, and is written in it too. Do one of the two in a transaction of its own.`,
  )
}

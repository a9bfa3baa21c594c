import type { Value } from '@syncline/stm'
import type * as Y from 'yjs'
import type { ParsedUpdate } from './update.ts'

/**
 * What the documents of one tag may hold, and what they read as. All else about a live document is the same for every tag.
 *
 * `refuse` must say the same on every replica: it goes by the update and by what the update builds on, and by nothing that another order
 * of the same updates would change.
 */
export interface Content<V, H = unknown> {
  /** What a message calls such a document: "text". */
  readonly name: string
  /** What it reads as while nobody has written. */
  readonly empty: V
  /** A document that holds nothing yet. */
  create(guid?: string): Y.Doc
  /** Reads an update. Throws an Error that says what is wrong with bytes that no document of this tag may take. */
  parse(update: Uint8Array): ParsedUpdate<H>
  /**
   * Why a document does not take an update that was read, and whose dependencies it has; undefined when it does, or always. `own` says that
   * the document holds it already.
   */
  refuse?(update: ParsedUpdate<H>, doc: Y.Doc, own: boolean): string | undefined
  /**
   * What a direct edit has put into the document that others would get otherwise; undefined when they get it as it is. `history` lists what
   * the document was made of, this edit included.
   */
  problem?(transaction: Y.Transaction, history: () => Iterable<Uint8Array>): string | undefined
  /** What the document shows, deeply immutable. */
  read(doc: Y.Doc): V
  /** Whether a document may begin a new life. Of others a cut is set aside. */
  readonly hasGenerations?: true
  /** What a document may hold, for the message about an edit that left something else. */
  readonly advice: string
}

/** What an update does; undefined when it says nothing that anybody will apply. */
export function parsedBy<H>(content: Content<unknown, H>, update: Value): ParsedUpdate<H> | undefined {
  try {
    return update instanceof Uint8Array ? content.parse(update) : undefined
  } catch {
    return undefined
  }
}

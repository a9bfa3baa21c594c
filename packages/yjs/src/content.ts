import type * as Y from 'yjs'
import type { ParsedUpdate } from './update.ts'

/**
 * What the documents of one tag may hold, and what they read as. All else about a live document is the same for every tag.
 *
 * `refuse` must say the same on every replica: it goes by the update and by what the update builds on, and by nothing that another order
 * of the same updates would change.
 */
export interface Content<V> {
  /** What a message calls such a document: "text". */
  readonly name: string
  /** What it reads as while nobody has written. */
  readonly empty: V
  /** A document that holds nothing yet. */
  create(guid?: string): Y.Doc
  /** Reads an update. Throws an Error that says what is wrong with bytes that no document of this tag may take. */
  parse(update: Uint8Array): ParsedUpdate
  /** What the document shows, deeply immutable. */
  read(doc: Y.Doc): V
  /** Whether two things that were read are the same. */
  equal(a: V, b: V): boolean
  /** What a document may hold, for the message about an edit that left something else. */
  readonly advice: string
}

/** What a {@link YjsError} can be about. */
export type YjsErrorCode =
  /** Bytes that are not an update of a plain text. They are set aside: no replica shows them. */
  | 'update-refused'
  /** An update that builds on another one which is not here. It is shown, whole, as soon as that one comes. */
  | 'update-incomplete'
  /** An edit came too late for the generation in which it was made. It is kept, and not shown: `conflictCopies` has it. */
  | 'conflict-copy'
  /** A direct edit left something in the document that a plain text cannot hold. The document was made anew as all others have it. */
  | 'edit-undone'
  /** A direct edit of a document that was closed or made anew. It is not committed. */
  | 'edit-ignored'
  /** A listener or observer on a document threw. `cause` is what it threw; the document is whole. */
  | 'listener-failed'
  /** What is to be imported is nothing that its ref can hold, or nobody has said which root goes where. Nothing was imported. */
  | 'import-unfit'
  /** A new life of a document would not have fewer parts than the one it has. None was begun. */
  | 'generation-needless'
  /** The ref has taken other roots of the same document before. Nothing was imported. */
  | 'import-mismatch'
  /** The database was closed by the browser or by newer code before it was read. Nothing was imported. */
  | 'import-interrupted'
  /** A database of this name is there, and y-indexeddb has not written it. */
  | 'not-y-indexeddb'

/**
 * Something is wrong with a document. Given to the store's error report, and nothing of it is thrown into an edit or a commit; imports and
 * exports throw it.
 */
export class YjsError extends Error {
  readonly code: YjsErrorCode

  constructor(code: YjsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'YjsError'
    this.code = code
  }
}

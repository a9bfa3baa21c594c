import * as Y from 'yjs'
import { spliced } from './draft.ts'
import type { Edits } from './draft.ts'
import { smallInsertion } from './small-update.ts'
import { TEXT_KEY } from './text-key.ts'

/**
 * Characters that a session types one behind the other, while nothing else is done to a text. Where each of them stands is known without the
 * document: behind the one before it, and before what the first one was put before. So the document is not needed to say what update they are,
 * and gets them as one.
 */
export class TypedRun {
  readonly doc: Y.Doc
  /** Where in the text the next one stands. */
  end: number
  /** What the document does not have yet. */
  unwritten = ''
  /** What the document reads as, if somebody has asked. */
  #read: string | undefined
  readonly #client: number
  /** That of the next one. */
  #clock: number
  readonly #right: Y.ID | null

  private constructor(doc: Y.Doc, { id, right, length }: Y.Item, end: number) {
    this.doc = doc
    this.end = end
    this.#client = id.client
    this.#clock = id.clock + length
    this.#right = right === null ? null : right.id
  }

  /** What may be typed on, once these edits were made in a document, in a Yjs transaction that is under way; the last one is the newest. */
  static after(doc: Y.Doc, { index, inserted }: Edits): TypedRun | undefined {
    if (inserted === '') return undefined
    // Yjs has put it before what is visible: who comes behind it comes before that too.
    const item = doc.store.clients.get(doc.clientID)!.at(-1) as Y.Item
    return new TypedRun(doc, item, index + inserted.length)
  }

  /** The update that an edit is which types on, byte for byte as Yjs would have it; undefined for one that does not, or is long. */
  typeOn({ index, removed, inserted, previous }: Edits): Uint8Array | undefined {
    if (index !== this.end || removed > 0 || previous !== undefined || this.doc.clientID !== this.#client)
      return undefined
    const id = Y.createID(this.#client, this.#clock)
    const update = smallInsertion(id, Y.createID(this.#client, this.#clock - 1), this.#right, inserted)
    if (update === undefined) return undefined
    this.unwritten += inserted
    this.end += inserted.length
    this.#clock += inserted.length
    return update
  }

  /** What the text is, with all that was typed. Cost: what it takes to read the document, once; then constant. */
  read(): string {
    const { unwritten } = this
    const before = (this.#read ??= this.doc.getText(TEXT_KEY).toString())
    return unwritten === '' ? before : spliced(before, this.end - unwritten.length, 0, unwritten)
  }

  /** Gives the document what it does not have. In a Yjs transaction. */
  write(): void {
    const { unwritten } = this
    if (this.#read !== undefined) this.#read = this.read()
    this.unwritten = ''
    this.doc.getText(TEXT_KEY).insert(this.end - unwritten.length, unwritten)
  }
}

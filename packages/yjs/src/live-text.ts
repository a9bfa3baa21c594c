import type * as Y from 'yjs'
import type { CursorPlace } from './document-awareness.ts'
import { listEdits, SURROGATE } from './draft.ts'
import type { TextDraft } from './draft.ts'
import { createFinger } from './finger.ts'
import type { Finger } from './finger.ts'
import { insertedStrings } from './halves.ts'
import { LiveDocument, LOCAL } from './live.ts'
import { TEXT_KEY } from './text-key.ts'
import { TypedRun } from './typed-run.ts'

/** The live document of one text ref. */
export class LiveText extends LiveDocument<string> {
  /** The document that is looked through, and whether a character of two code units was ever in it. */
  #lookedAt: Y.Doc | undefined
  #mayHavePairs = false
  #finger: Finger | undefined
  /** What was written last, while it can be typed on. */
  #run: TypedRun | undefined

  #textOf: Y.Doc | undefined
  #text: Y.Text | undefined

  get text(): Y.Text {
    return this.#textIn(this.doc)
  }

  /** The run, if it is in the document that there is now. */
  get #typed(): TypedRun | undefined {
    return this.#run?.doc === this.bare ? this.#run : undefined
  }

  /** How long the text is. Cost: constant, also where the document is owed something. */
  get length(): number {
    return this.#textIn(this.bare).length + (this.#typed?.unwritten.length ?? 0)
  }

  override read(): string {
    return this.#typed?.read() ?? super.read()
  }

  #textIn(doc: Y.Doc): Y.Text {
    if (this.#textOf !== doc || this.#text === undefined) {
      this.#textOf = doc
      this.#text = doc.getText(TEXT_KEY)
    }
    return this.#text
  }

  readonly cursorPlace: CursorPlace = { address: this.address, isRoot: (name) => name === TEXT_KEY }

  /** Whether there may be characters of two code units. Cost: one pass over the document, once, and what is inserted later. */
  get mayHavePairs(): boolean {
    const { bare: doc } = this
    if (this.#lookedAt !== doc) {
      this.#lookedAt = doc
      this.#finger = undefined
      this.#run = undefined
      this.#mayHavePairs = SURROGATE.test(this.text.toString())
      doc.on('beforeObserverCalls', (transaction: Y.Transaction) => {
        if (transaction.origin === LOCAL) return
        this.#finger?.letGo()
        this.#run = undefined
        if (!this.#mayHavePairs) this.#mayHavePairs = insertsPairs(transaction)
      })
    }
    return this.#mayHavePairs
  }

  /** A transaction writes into it. */
  took(draft: TextDraft): void {
    const { bare } = this
    // Who has not looked at the document is not told of what is done to it besides.
    this.#run = this.#lookedAt === bare ? TypedRun.after(bare, draft.edits!) : undefined
    this.#follow(draft)
  }

  /**
   * The update of a transaction that types on where the last one has ended, while nobody has the document open; undefined for others. Cost: what is
   * typed. The document gets all of it at once when somebody looks, and what Yjs does for each of its transactions is done once.
   */
  typedOn(draft: TextDraft): Uint8Array | undefined {
    const update = this.handles > 0 ? undefined : this.#typed?.typeOn(draft.edits!)
    if (update === undefined) return undefined
    this.#follow(draft)
    this.owe(update, this.#writeRun)
    return update
  }

  readonly #writeRun = (): void => this.#run!.write()

  #follow(draft: TextDraft): void {
    const edits = listEdits(draft)
    this.#finger?.follow(edits)
    if (!this.#mayHavePairs) this.#mayHavePairs = edits.some(({ inserted }) => SURROGATE.test(inserted))
  }

  /** Whether a position is inside of a character of two code units. Cost: what is between it and the last one that was asked for; nothing where somebody types on. */
  splitsPair(index: number): boolean {
    if (this.#typed?.end === index) return false
    const { text } = this
    return (this.#finger ??= createFinger(text)).splitsPair(index)
  }
}

function insertsPairs(transaction: Y.Transaction): boolean {
  for (const str of insertedStrings(transaction)) if (SURROGATE.test(str)) return true
  return false
}

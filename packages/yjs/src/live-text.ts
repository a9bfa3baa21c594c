import type * as Y from 'yjs'
import type { CursorPlace } from './document-awareness.ts'
import { listEdits, SURROGATE } from './draft.ts'
import type { TextDraft } from './draft.ts'
import { createFinger } from './finger.ts'
import type { Finger } from './finger.ts'
import { insertedStrings } from './halves.ts'
import { LiveDocument, LOCAL } from './live.ts'
import { TEXT_KEY } from './text-key.ts'

/** The live document of one text ref. */
export class LiveText extends LiveDocument<string> {
  /** The document that is looked through, and whether a character of two code units was ever in it. */
  #lookedAt: Y.Doc | undefined
  #mayHavePairs = false
  #finger: Finger | undefined

  #textOf: Y.Doc | undefined
  #text: Y.Text | undefined

  get text(): Y.Text {
    const { doc } = this
    if (this.#textOf !== doc || this.#text === undefined) {
      this.#textOf = doc
      this.#text = doc.getText(TEXT_KEY)
    }
    return this.#text
  }

  readonly cursorPlace: CursorPlace = { address: this.address, isRoot: (name) => name === TEXT_KEY }

  /** Whether there may be characters of two code units. Cost: one pass over the document, once, and what is inserted later. */
  get mayHavePairs(): boolean {
    const { doc } = this
    if (this.#lookedAt !== doc) {
      this.#lookedAt = doc
      this.#finger = undefined
      this.#mayHavePairs = SURROGATE.test(this.text.toString())
      doc.on('beforeObserverCalls', (transaction: Y.Transaction) => {
        if (transaction.origin === LOCAL) return
        this.#finger?.letGo()
        if (!this.#mayHavePairs) this.#mayHavePairs = insertsPairs(transaction)
      })
    }
    return this.#mayHavePairs
  }

  /** A transaction has written into it. */
  took(draft: TextDraft): void {
    const edits = listEdits(draft)
    this.#finger?.follow(edits)
    if (!this.#mayHavePairs) this.#mayHavePairs = edits.some(({ inserted }) => SURROGATE.test(inserted))
  }

  /** Where in it the last edit was that had to ask. */
  get finger(): Finger {
    return (this.#finger ??= createFinger(this.text))
  }
}

function insertsPairs(transaction: Y.Transaction): boolean {
  for (const str of insertedStrings(transaction)) if (SURROGATE.test(str)) return true
  return false
}

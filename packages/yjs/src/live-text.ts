import * as Y from 'yjs'
import { lyingIn } from './characters.ts'
import type { CursorPlace } from './document-awareness.ts'
import { SURROGATE } from './draft.ts'
import { LiveDocument } from './live.ts'
import { TEXT_KEY } from './plain-text.ts'
import { rangeOf } from './stretches.ts'

/** The live document of one text ref. */
export class LiveText extends LiveDocument<string> {
  /** The document that is looked through, and whether a character of two code units was ever in it. */
  #lookedAt: Y.Doc | undefined
  #mayHavePairs = false

  get text(): Y.Text {
    return this.doc.getText(TEXT_KEY)
  }

  readonly cursorPlace: CursorPlace = { address: this.address, isRoot: (name) => name === TEXT_KEY }

  /** Whether there may be characters of two code units. Cost: one pass over the document, once, and what is inserted later. */
  get mayHavePairs(): boolean {
    const { doc } = this
    if (this.#lookedAt !== doc) {
      this.#lookedAt = doc
      this.#mayHavePairs = SURROGATE.test(this.text.toString())
      doc.on('beforeObserverCalls', (transaction: Y.Transaction) => {
        if (!this.#mayHavePairs) this.#mayHavePairs = insertsPairs(transaction)
      })
    }
    return this.#mayHavePairs
  }
}

function insertsPairs({ doc, beforeState, afterState }: Y.Transaction): boolean {
  for (const [client, end] of afterState) {
    const clock = beforeState.get(client) ?? 0
    if (clock === end) continue
    for (const { struct } of lyingIn(doc, rangeOf(client, clock, end))) {
      if (struct instanceof Y.Item && struct.content instanceof Y.ContentString && SURROGATE.test(struct.content.str))
        return true
    }
  }
  return false
}

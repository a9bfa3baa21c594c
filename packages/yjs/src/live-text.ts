import type * as Y from 'yjs'
import type { CursorPlace } from './document-awareness.ts'
import { LiveDocument } from './live.ts'
import { TEXT_KEY } from './plain-text.ts'

/** The live document of one text ref. */
export class LiveText extends LiveDocument<string> {
  get text(): Y.Text {
    return this.doc.getText(TEXT_KEY)
  }

  readonly cursorPlace: CursorPlace = { address: this.address, isRoot: (name) => name === TEXT_KEY }
}

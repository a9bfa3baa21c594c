import type { CursorPlace } from './document-awareness.ts'
import { isRoot, rootsOf } from './doc-roots.ts'
import type { DocRoots } from './doc-roots.ts'
import type { DocValue } from './doc-value.ts'
import { LiveDocument } from './live.ts'

/** The live document of one doc ref. */
export class LiveDoc extends LiveDocument<DocValue> {
  get roots(): DocRoots {
    return rootsOf(this.doc)
  }

  // Editors of rich text look for our own id in the document.
  readonly cursorPlace: CursorPlace = { address: this.address, isRoot, doc: () => this.doc }
}

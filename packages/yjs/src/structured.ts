import * as Y from 'yjs'
import type { Content } from './content.ts'
import { whyChanged } from './doc-edit.ts'
import { docGrammar } from './doc-grammar.ts'
import type { Holding } from './doc-grammar.ts'
import { whyMisplaced } from './doc-places.ts'
import { rootsOf } from './doc-roots.ts'
import { forgetChanged, NOTHING, readDoc } from './doc-value.ts'
import type { DocValue } from './doc-value.ts'
import { parseUpdate } from './update.ts'

/** The nodes, texts, maps and arrays of a `doc` ref, in four roots. */
export const structured: Content<DocValue, Holding> = {
  name: 'doc',
  advice: 'Write plain data and whole characters, into the roots of the handle.',
  empty: NOTHING,
  create(guid = '') {
    // What is deleted stays where it was. An update must be taken or refused alike whether what it builds on was deleted before it came.
    const doc = new Y.Doc({ gc: false, guid })
    rootsOf(doc)
    doc.on('afterTransaction', (transaction) => {
      forgetChanged(transaction)
      // Yjs takes out formats that have become superfluous, each replica by itself and as an edit of its own. What is superfluous
      // depends on the order in which updates come, so replicas that do not send these edits end differently.
      transaction._needFormattingCleanup = false
    })
    return doc
  },
  parse: (update) => parseUpdate(update, docGrammar),
  refuse: whyMisplaced,
  problem: whyChanged,
  read: readDoc,
}

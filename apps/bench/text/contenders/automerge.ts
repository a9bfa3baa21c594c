import * as Automerge from '@automerge/automerge'
import type { Contender } from '../contender.ts'

type Content = { text: string }

/** Automerge whose edits are kept, and sent. What it takes to take one in is some ten times what it takes Yjs, and is not waited for. */
export const automerge: Contender = {
  name: 'Automerge',
  receives: false,
  open(writer) {
    const actor = writer.toString(16).padStart(32, '0')
    // To look whether the text is there would be to read it.
    let doc = Automerge.change(Automerge.init<Content>({ actor }), (draft) => {
      draft.text = ''
    })
    const changes: Uint8Array[] = []
    return {
      edit([at, removed, inserted]) {
        doc = Automerge.change(doc, (draft) => Automerge.splice(draft, ['text'], at, removed, inserted))
        changes.push(Automerge.getLastLocalChange(doc)!)
        return changes[changes.length - 1]
      },
      receive(change) {
        ;[doc] = Automerge.applyChanges(doc, [change as Uint8Array])
      },
      read: () => doc.text,
      save: () => Automerge.save(doc),
    }
  },
  load: (saved) => Automerge.load<Content>(saved as Uint8Array).text,
}

import { EditorView } from '@codemirror/view'
import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'
import { schema } from 'prosemirror-schema-basic'
import { EditorState } from 'prosemirror-state'
import { EditorView as NodeView } from 'prosemirror-view'
import { yCollab } from 'y-codemirror.next'
import { yCursorPlugin, ySyncPlugin } from 'y-prosemirror'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

/** Other people's editors in this page, as their own documentation binds them. */
export interface Editors {
  /** What each of them shows, as text. */
  shown(): { readonly codemirror: string; readonly prosemirror: string; readonly tiptap: string }
  /** How many they see, themselves included, in each document. */
  people(): readonly number[]
  /** Whether all have what the relay has. */
  synced(): boolean
}

/** Opens one of each kind at the address of a relay, with nothing of ours between them and it. */
export function openEditors(relay: string, space: string, name: string): Editors {
  const providers: WebsocketProvider[] = []
  const open = (ref: string): { readonly document: Y.Doc; readonly provider: WebsocketProvider } => {
    const document = new Y.Doc()
    // Two pages of one browser would find each other by themselves.
    const provider = new WebsocketProvider(`${relay}/y`, `${space}/${ref}`, document, { disableBc: true })
    provider.awareness.setLocalStateField('user', { name, color: '#1668b8' })
    providers.push(provider)
    return { document, provider }
  }
  const place = (id: string): HTMLElement => {
    const parent = globalThis.document.createElement('div')
    parent.id = id
    globalThis.document.body.append(parent)
    return parent
  }

  const note = open('text/note')
  const code = note.document.getText('codemirror')
  const codemirror = new EditorView({
    parent: place('codemirror'),
    extensions: [yCollab(code, note.provider.awareness)],
  })

  const page = open('doc/page')
  const fragment = page.document.getXmlFragment('prosemirror')
  const prosemirror = new NodeView(place('prosemirror'), {
    state: EditorState.create({ schema, plugins: [ySyncPlugin(fragment), yCursorPlugin(page.provider.awareness)] }),
  })

  const letter = open('doc/letter')
  const tiptap = new Editor({
    element: place('tiptap'),
    extensions: [
      StarterKit.configure({ undoRedo: false }),
      Collaboration.configure({ document: letter.document }),
      CollaborationCaret.configure({ provider: letter.provider, user: { name, color: '#1668b8' } }),
    ],
  })

  return {
    shown: () => ({
      codemirror: codemirror.state.doc.toString(),
      prosemirror: prosemirror.state.doc.textContent,
      tiptap: tiptap.getText(),
    }),
    people: () => providers.map(({ awareness }) => awareness.getStates().size),
    synced: () => providers.every(({ synced }) => synced),
  }
}

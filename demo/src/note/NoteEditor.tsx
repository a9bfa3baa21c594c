import { defaultKeymap } from '@codemirror/commands'
import { markdown } from '@codemirror/lang-markdown'
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { EditorState } from '@codemirror/state'
import { drawSelection, dropCursor, EditorView, highlightSpecialChars, keymap, placeholder } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { useStore } from '@syncline/react'
import { openText, type TextDocument } from '@syncline/yjs'
import { useEffect, useRef, useState } from 'react'
import { yCollab } from 'y-codemirror.next'
import { note } from '../board/schema.ts'
import { useNotices } from '../parts/Notices.tsx'
import { undoneByBoard } from '../shell/Undo.tsx'
import { withinRoom } from './full.ts'

const highlighting = HighlightStyle.define([
  { tag: tags.heading, fontWeight: '650' },
  { tag: tags.heading1, fontSize: '1.25em' },
  { tag: tags.heading2, fontSize: '1.12em' },
  { tag: tags.strong, fontWeight: '650' },
  { tag: tags.emphasis, fontStyle: 'italic' },
  { tag: tags.strikethrough, textDecoration: 'line-through' },
  { tag: [tags.link, tags.url], color: 'var(--color-accent)' },
  { tag: tags.monospace, fontFamily: 'var(--font-mono)', fontSize: '0.92em' },
  { tag: tags.quote, color: 'var(--color-ink-2)' },
  { tag: [tags.processingInstruction, tags.contentSeparator], color: 'var(--color-ink-3)' },
])

/** The colours are those of the page, so that the editor follows it into the dark. */
const theme = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'transparent', color: 'var(--color-ink)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'inherit', fontSize: '15px', lineHeight: '1.6', overflow: 'auto' },
  '.cm-content': { padding: '8px 20px 40vh', caretColor: 'var(--color-ink)' },
  '.cm-line': { padding: '0' },
  '.cm-placeholder': { color: 'var(--color-ink-3)' },
  '.cm-cursor': { borderLeftColor: 'var(--color-ink)', borderLeftWidth: '2px' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--color-accent) 28%, transparent) !important',
  },
  '.cm-ySelectionCaret': { borderLeftWidth: '1px', borderRightWidth: '1px' },
  // A name that only shows under the pointer tells nobody who is writing.
  '.cm-ySelectionInfo': {
    opacity: '1',
    top: '-1.35em',
    padding: '0 5px',
    borderRadius: '5px 5px 5px 0',
    fontFamily: 'inherit',
    fontSize: '11px',
    fontWeight: '500',
    lineHeight: '1.5',
    pointerEvents: 'none',
  },
  '.cm-line:first-child .cm-ySelectionInfo': { top: '1.5em', borderRadius: '0 5px 5px 5px' },
})

/** The note of a card, in an editor that several people may be in at once. */
export function NoteEditor({ cardId, label }: { readonly cardId: string; readonly label: string }) {
  const store = useStore()
  const { notify } = useNotices()
  const parent = useRef<HTMLDivElement>(null)
  const [isFull, setIsFull] = useState(false)

  useEffect(() => {
    const opened = openText(store, note(cardId))
    const onRefused = (): void =>
      notify({ text: 'That does not fit into this note. Delete something, or write it into another card.' })
    let view = bind(opened, parent.current!, label, onRefused)
    setIsFull(opened.roomBytes <= 0)
    const stopFull = opened.onFull(setIsFull)
    view.focus()
    // The relay refused something in this note, and the document was made anew without it.
    const unsubscribe = opened.onReset(() => {
      const hadFocus = view.hasFocus
      const anchor = view.state.selection.main.head
      view.destroy()
      view = bind(opened, parent.current!, label, onRefused)
      view.dispatch({ selection: { anchor: Math.min(anchor, view.state.doc.length) } })
      if (hadFocus) view.focus()
    })
    return () => {
      unsubscribe()
      stopFull()
      view.destroy()
      opened.close()
    }
    // The label alone is no reason to make the editor anew: somebody may be typing in it.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [store, cardId, notify])

  return (
    <div className="flex h-full min-h-0 flex-col">
      {isFull && (
        <p role="status" className="mx-5 mt-1 rounded-lg bg-warn-soft px-3 py-1.5 text-[13px]">
          This note is full: it takes no more until something is deleted.
        </p>
      )}
      <div ref={parent} data-testid="note" className="min-h-0 flex-1" {...undoneByBoard} />
    </div>
  )
}

function bind(opened: TextDocument, parent: HTMLElement, label: string, onRefused: () => void): EditorView {
  const { text, awareness } = opened
  const state = EditorState.create({
    doc: text.toString(),
    extensions: [
      keymap.of(defaultKeymap),
      highlightSpecialChars(),
      drawSelection(),
      dropCursor(),
      EditorView.lineWrapping,
      // What other programs have written may hold line ends of two characters, which CodeMirror would count as one. None come in here.
      EditorState.lineSeparator.of('\n'),
      EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?/g, '\n')),
      EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'true', autocapitalize: 'sentences' }),
      markdown(),
      syntaxHighlighting(highlighting),
      placeholder('Write a note. Markdown is welcome.'),
      // What is typed here is undone with all else that was done on the board, see `Undo`: the editor keeps no history of its own.
      yCollab(text, awareness, { undoManager: false }),
      withinRoom(opened, onRefused),
      theme,
    ],
  })
  return new EditorView({ state, parent })
}

import { EditorView } from '@codemirror/view'
import { deleteDatabase, indexedDb } from '@syncline/idb'
import { createMemoryStorage, createRelay } from '@syncline/relay'
import type { Relay, RelayOptions } from '@syncline/relay'
import type { Store, StoreOptions } from '@syncline/store'
import { everything, memoryStorage, openStore } from '@syncline/store'
import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'
import { afterEach, expect, test, vi } from 'vitest'
import { userEvent } from 'vitest/browser'
import { yCollab } from 'y-codemirror.next'
import { doc, openDoc, yjsPresence } from '../src/index.ts'
import type { Doc, DocRef } from '../src/index.ts'
import { linkTo } from './link.ts'

const opened: { close(): unknown }[] = []

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

const page = doc('page', 'one')

/** Two people, each in a browser of their own, with a relay between them. */
async function openTwo(options: Partial<RelayOptions> = {}): Promise<{
  readonly relay: Relay
  readonly people: readonly [Person, Person]
  readonly errors: unknown[]
}> {
  const relay = createRelay({ storage: createMemoryStorage(), ...options })
  opened.push(relay)
  const errors: unknown[] = []
  const open = async (name: string): Promise<Person> => {
    const link = linkTo(relay)
    const store = await openPerson(name, { storage: memoryStorage(), transport: link }, errors)
    return { store, link, ...edit(store, page) }
  }
  return { relay, people: [await open('Ada'), await open('Ben')], errors }
}

interface Person extends Editing {
  readonly store: Store
  readonly link: ReturnType<typeof linkTo>
}

async function openPerson(name: string, options: Partial<StoreOptions>, errors: unknown[]): Promise<Store> {
  const store = await openStore({
    space: 'pages',
    presence: yjsPresence(),
    onError: (error) => void errors.push(error),
    ...options,
  })
  store.presence.set({ user: { name, color: '#aa3377' } })
  opened.push(store)
  return store
}

interface Editing {
  readonly document: Doc
  /** Another one after a reset. */
  readonly editor: () => Editor
  readonly resets: () => number
  close(): void
}

function edit(store: Store, ref: DocRef): Editing {
  const document = openDoc(store, ref)
  const element = globalThis.document.body.appendChild(globalThis.document.createElement('div'))
  const create = (): Editor =>
    new Editor({
      element,
      extensions: [
        StarterKit.configure({ undoRedo: false }),
        Collaboration.configure({ fragment: document.fragment }),
        CollaborationCaret.configure({
          provider: document,
          user: document.awareness!.getLocalState()!['user'] as Record<string, unknown>,
        }),
      ],
    })
  let editor = create()
  let resets = 0
  document.onReset(() => {
    resets++
    editor.destroy()
    editor = create()
  })
  let isOpen = true
  const editing: Editing = {
    document,
    editor: () => editor,
    resets: () => resets,
    close() {
      if (!isOpen) return
      isOpen = false
      editor.destroy()
      element.remove()
      document.close()
    },
  }
  opened.push(editing)
  return editing
}

const paragraph = (...texts: readonly (string | readonly [text: string, ...marks: string[]])[]): object => ({
  type: 'paragraph',
  content: texts.map((text) =>
    typeof text === 'string'
      ? { type: 'text', text }
      : { type: 'text', text: text[0], marks: text.slice(1).map((type) => ({ type })) },
  ),
})

/** Waits until all show the same in their editor and in their store, and returns it. */
async function settled(people: readonly Person[]): Promise<readonly unknown[]> {
  await vi.waitFor(() => {
    const [first] = people
    for (const { store, editor } of people) {
      expect(store.status.pending).toBe(0)
      expect(store.get(page).fragment).toEqual(first!.store.get(page).fragment)
      expect(editor().getJSON().content).toEqual(JSON.parse(JSON.stringify(store.get(page).fragment)))
    }
  })
  return people[0]!.store.get(page).fragment
}

test('[DO30] what is typed in one editor is in the store and in the other, with marks and nodes, one Change for each task', async () => {
  const { people, errors } = await openTwo()
  const [ada, ben] = people
  let commits = 0
  ada.store.changes(everything, () => commits++)
  await userEvent.click(ada.editor().view.dom)
  await userEvent.keyboard('# Title{Enter}some text')
  ada.editor().commands.setTextSelection({ from: 8, to: 12 })
  ada.editor().commands.toggleBold()
  await Promise.resolve()
  const typed = commits
  ada.editor().chain().insertContentAt(16, ' and').insertContentAt(20, ' more').run()
  await Promise.resolve()
  expect(commits).toBe(typed + 1)
  expect(await settled(people)).toEqual([
    { type: 'heading', attrs: { level: 1 }, content: [{ type: 'text', text: 'Title' }] },
    paragraph(['some', 'bold'], ' tex and moret'),
    // Which Tiptap puts behind a heading.
    { type: 'paragraph' },
  ])
  // And what a transaction writes is in both at once, and soon.
  ben.store.transact((tx) => tx.edit(page, ({ fragment }) => fragment.delete(0, 1)))
  expect(ben.editor().getText().trim()).toBe('some tex and moret')
  await settled(people)
  expect(errors).toEqual([])
})

test('[DO30] typing, formatting and splitting at once, one of them offline, ends in the same for both', async () => {
  const { people, errors } = await openTwo()
  const [ada, ben] = people
  ada.editor().commands.setContent('<p>one two three 😀</p>')
  await settled(people)
  ben.link.cut()
  // Ada formats across what Ben splits, and types at the end; Ben splits, formats the rest otherwise and types into what Ada formats.
  ada.editor().chain().setTextSelection({ from: 1, to: 14 }).toggleBold().run()
  ada.editor().chain().setTextSelection(17).insertContent('!').run()
  ben.editor().chain().setTextSelection(8).splitBlock().run()
  ben.editor().chain().setTextSelection({ from: 10, to: 15 }).toggleItalic().run()
  ben.editor().chain().setTextSelection(3).insertContent('X').run()
  await Promise.resolve()
  expect(ada.store.get(page)).not.toEqual(ben.store.get(page))
  ben.link.mend()
  const both = JSON.stringify(await settled(people))
  // All that was typed is there, and the character of two units in one piece.
  for (const typed of ['X', '!', '😀']) expect(both.split(typed).length).toBeGreaterThan(1)
  expect([both.includes('bold'), both.includes('italic'), both.includes('\ufffd')]).toEqual([true, true, false])
  // Both go on.
  ben.editor().commands.insertContentAt(1, 'ben ')
  ada.editor().commands.insertContentAt(1, 'ada ')
  expect(JSON.stringify(await settled(people))).toMatch(/ada ben |ben ada /)
  expect(errors).toEqual([])
})

test('[DO30] undo in the editor takes back what was done there and leaves the rest', async () => {
  const { people, errors } = await openTwo()
  const [ada, ben] = people
  ada.editor().commands.insertContent('mine')
  await settled(people)
  ben.editor().commands.insertContentAt(5, ' theirs')
  await settled(people)
  await userEvent.click(ada.editor().view.dom)
  await userEvent.keyboard('{Control>}z{/Control}')
  expect(await settled(people)).toEqual([paragraph(' theirs')])
  await userEvent.keyboard('{Control>}y{/Control}')
  expect(await settled(people)).toEqual([paragraph('mine theirs')])
  expect(errors).toEqual([])
})

test('[DO8] [DO30] what the relay refuses, and what a doc cannot hold, is taken back, and an editor that is made anew goes on', async () => {
  let isRefusing = false
  const { people, errors } = await openTwo({
    refuse: () => (isRefusing ? { code: 'forbidden', message: 'Not now.' } : undefined),
  })
  const [ada] = people
  ada.editor().commands.insertContent('kept')
  await settled(people)
  isRefusing = true
  ada.editor().commands.insertContentAt(5, ' refused')
  await vi.waitFor(() => expect(ada.resets()).toBe(1))
  isRefusing = false
  expect(ada.editor().getText()).toBe('kept')
  ada.editor().commands.insertContentAt(5, ' on')
  expect(await settled(people)).toEqual([paragraph('kept on')])
  expect(ada.store.refused.list().length).toBe(1)

  ada.document.map.set('due', new Date())
  await vi.waitFor(() => expect(ada.resets()).toBe(2))
  ada.editor().commands.insertContentAt(8, ' and on')
  expect(await settled(people)).toEqual([paragraph('kept on and on')])
  expect(errors.map((error) => (error as { code?: string }).code)).toEqual(['edit-undone'])
})

test('[DO30] the cursors of others stand in their doc, with their names, and go with them', async () => {
  const { people, errors } = await openTwo()
  const [ada, ben] = people
  ada.editor().commands.insertContent('some words')
  await settled(people)
  const carets = ({ editor }: Editing): string[] =>
    [...editor().view.dom.querySelectorAll('.collaboration-carets__label')].map((label) => label.textContent)
  await userEvent.click(ada.editor().view.dom)
  ada.editor().commands.setTextSelection(3)
  await vi.waitFor(() => expect([carets(ada), carets(ben)]).toEqual([[], ['Ada']]))
  ada.close()
  await vi.waitFor(() => expect(carets(ben)).toEqual([]))
  expect([ada.document.doc.isDestroyed, errors]).toEqual([true, []])
})

test('[DO30] the text of a doc is edited in CodeMirror, with the cursors of others', async () => {
  const { people, errors } = await openTwo()
  const views = people.map(({ document: { text, awareness } }) => {
    const parent = globalThis.document.body.appendChild(globalThis.document.createElement('div'))
    const view = new EditorView({ doc: text.toString(), extensions: [yCollab(text, awareness)], parent })
    opened.push({
      close() {
        view.destroy()
        parent.remove()
      },
    })
    return view
  })
  const [mine, theirs] = views as [EditorView, EditorView]
  mine.dispatch({ changes: { from: 0, insert: 'some words' } })
  await vi.waitFor(() => expect(theirs.state.doc.toString()).toBe('some words'))
  people[1].document.text.format(0, 4, { bold: true })
  theirs.dispatch({ changes: { from: 4, insert: ' more' } })
  await vi.waitFor(() => expect(mine.state.doc.toString()).toBe('some more words'))
  expect(people[0].store.get(page).text).toEqual([
    { insert: 'some more', attributes: { bold: true } },
    { insert: ' words' },
  ])
  await userEvent.click(mine.contentDOM)
  mine.dispatch({ selection: { anchor: 3 } })
  await vi.waitFor(() => expect(theirs.dom.querySelector('.cm-ySelectionInfo')?.textContent).toBe('Ada'))
  expect([mine.dom.querySelector('.cm-ySelectionInfo'), errors]).toEqual([null, []])
})

test('[DO10] [DO30] a doc is there again after a reload, from IndexedDB', async () => {
  const name = `doc-${Date.now()}`
  const errors: unknown[] = []
  const first = await openPerson('Ada', { storage: indexedDb(name) }, errors)
  const editing = edit(first, page)
  editing.editor().commands.setContent('<h2>Kept</h2><ul><li><p>an <em>item</em></p></li></ul>')
  await Promise.resolve()
  const value = first.get(page)
  await first.durable()
  editing.close()
  await first.close()

  const again = await openPerson('Ada', { storage: indexedDb(name) }, errors)
  expect(again.get(page)).toEqual(value)
  const { editor } = edit(again, page)
  expect(editor().getHTML()).toContain('<li><p>an <em>item</em></p></li>')
  editor().commands.insertContentAt(1, 'Still ')
  await Promise.resolve()
  expect(again.get(page).fragment[0]).toMatchObject({ type: 'heading', content: [{ text: 'Still Kept' }] })
  for (const one of opened.splice(0).reverse()) await one.close()
  await deleteDatabase(name)
  expect(errors).toEqual([])
})

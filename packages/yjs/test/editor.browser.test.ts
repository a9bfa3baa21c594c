import { EditorState } from '@codemirror/state'
import { EditorView, keymap } from '@codemirror/view'
import { basicSetup } from 'codemirror'
import type { Store } from '@syncline/store'
import { everything, memoryStorage, openStore } from '@syncline/store'
import { afterEach, expect, test, vi } from 'vitest'
import { userEvent } from 'vitest/browser'
import { yCollab } from 'y-codemirror.next'
import { openText, text, yjsPresence } from '../src/index.ts'
import type { TextDocument, TextRef } from '../src/index.ts'

const opened: { close(): unknown }[] = []

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

/** Stores that are like tabs of one browser. */
async function openTabs(count: number): Promise<{ stores: Store[]; errors: unknown[] }> {
  const storage = memoryStorage()
  const stores: Store[] = []
  const errors: unknown[] = []
  for (let i = 0; i < count; i++) {
    const onError = (error: unknown): void => void errors.push(error)
    const store = await openStore({ space: 'notes', storage, presence: yjsPresence(), onError })
    store.presence.set({ user: { name: `Person ${i}`, color: '#aa3377' } })
    stores.push(store)
    opened.push(store)
  }
  return { stores, errors }
}

function edit(store: Store, ref: TextRef): { view: EditorView; document: TextDocument; count: () => number } {
  const document = openText(store, ref)
  const parent = globalThis.document.body.appendChild(globalThis.document.createElement('div'))
  const bind = (): EditorState =>
    EditorState.create({
      doc: document.text.toString(),
      extensions: [
        keymap.of([
          { key: 'Mod-z', run: () => store.undo().change !== undefined, preventDefault: true },
          { key: 'Mod-y', run: () => store.redo().change !== undefined, preventDefault: true },
        ]),
        basicSetup,
        EditorState.lineSeparator.of('\n'),
        yCollab(document.text, document.awareness, { undoManager: false }),
      ],
    })
  const view = new EditorView({ state: bind(), parent })
  document.onReset(() => view.setState(bind()))
  opened.push({
    close() {
      view.destroy()
      parent.remove()
      document.close()
    },
  })
  let commits = 0
  store.changes(everything, () => commits++)
  return { view, document, count: () => commits }
}

const note = text('note', 'one')
const shown = (view: EditorView): string => view.state.doc.toString()

test('[TE8] what is dispatched in one task is one Change, and typing is in the store', async () => {
  const { stores, errors } = await openTabs(1)
  const [store] = stores as [Store]
  const { view, count } = edit(store, note)
  for (const [i, insert] of ['one ', 'two ', 'three'].entries()) view.dispatch({ changes: { from: i * 4, insert } })
  expect(count()).toBe(0)
  await Promise.resolve()
  expect([count(), store.get(note)]).toEqual([1, 'one two three'])

  await userEvent.click(view.contentDOM)
  await userEvent.keyboard('{Control>}{End}{/Control} four{Backspace}{Enter}')
  await expect.poll(() => store.get(note)).toBe('one two three fou\n')
  expect(count()).toBe(8)
  expect(errors).toEqual([])
})

test('[TE10] a transaction shows in the editor at once, and what others write soon', async () => {
  const { stores, errors } = await openTabs(2)
  const [a, b] = stores as [Store, Store]
  const [mine, theirs] = [edit(a, note), edit(b, note)]
  a.transact((tx) => tx.insert(note, 0, 'Hello 😀'))
  expect(shown(mine.view)).toBe('Hello 😀')
  await expect.poll(() => shown(theirs.view)).toBe('Hello 😀')
  // Both at once, one in the editor and one in a transaction.
  theirs.view.dispatch({ changes: { from: 0, insert: '> ' } })
  a.transact((tx) => tx.insert(note, 8, '!'))
  await expect.poll(() => shown(mine.view)).toBe('> Hello 😀!')
  await expect.poll(() => shown(theirs.view)).toBe('> Hello 😀!')
  expect([a.get(note), b.get(note)]).toEqual(['> Hello 😀!', '> Hello 😀!'])
  expect(errors).toEqual([])
})

test('[TE10] lines that end otherwise stand in the editor where they stand in the text', async () => {
  const { stores, errors } = await openTabs(1)
  const [store] = stores as [Store]
  store.transact((tx) => tx.insert(note, 0, 'one\r\ntwo'))
  const { view } = edit(store, note)
  view.dispatch({ changes: { from: view.state.doc.length, insert: '!' } })
  store.transact((tx) => tx.insert(note, 0, 'zero\r\n\r'))
  view.dispatch({ changes: { from: view.state.doc.length, insert: '?' } })
  await Promise.resolve()
  const all = 'zero\r\n\rone\r\ntwo!?'
  expect([store.get(note), view.state.sliceDoc()]).toEqual([all, all])
  expect(errors).toEqual([])
})

test('[TE20] [TE24] undo in the editor is that of the store: it takes back what was typed between two pauses, and leaves what others typed', async () => {
  const { stores, errors } = await openTabs(2)
  const [a, b] = stores as [Store, Store]
  const { view } = edit(a, note)
  await userEvent.click(view.contentDOM)
  await userEvent.keyboard('mine')
  await expect.poll(() => b.get(note)).toBe('mine')
  b.transact((tx) => tx.insert(note, 2, ' theirs '))
  await expect.poll(() => shown(view)).toBe('mi theirs ne')
  // A pause as people make it.
  await new Promise((resolve) => setTimeout(resolve, 600))
  await userEvent.keyboard('{Control>}{End}{/Control}, later')
  const all = 'mi theirs ne, later'
  await expect.poll(() => shown(view)).toBe(all)
  await userEvent.keyboard('{Control>}z{/Control}')
  await expect.poll(() => b.get(note)).toBe('mi theirs ne')
  await userEvent.keyboard('{Control>}z{/Control}')
  await expect.poll(() => b.get(note)).toBe(' theirs ')
  expect([shown(view), a.undoStack().undoable]).toEqual([' theirs ', false])
  await userEvent.keyboard('{Control>}y{/Control}')
  await expect.poll(() => b.get(note)).toBe('mi theirs ne')
  await userEvent.keyboard('{Control>}y{/Control}')
  await expect.poll(() => b.get(note)).toBe(all)
  // What is selected and written over comes back, and goes again.
  await userEvent.keyboard('{Control>}a{/Control}x')
  await expect.poll(() => b.get(note)).toBe('x')
  await userEvent.keyboard('{Control>}z{/Control}')
  await expect.poll(() => b.get(note)).toBe(all)
  await userEvent.keyboard('{Control>}y{/Control}')
  await expect.poll(() => b.get(note)).toBe('x')
  expect([shown(view), a.get(note), errors]).toEqual(['x', 'x', []])
})

test('the cursors of others stand in their text, with their names, and go with them', async () => {
  const { stores, errors } = await openTabs(2)
  const [a, b] = stores as [Store, Store]
  const other = text('note', 'two')
  for (const ref of [note, other]) a.transact((tx) => tx.insert(ref, 0, 'some words'))
  await expect.poll(() => b.get(other)).toBe('some words')
  const mine = edit(a, note)
  const mineToo = edit(a, other)
  const [seen, seenToo] = [edit(b, note), edit(b, other)]
  const carets = ({ view }: { view: EditorView }): string[] =>
    [...view.dom.querySelectorAll('.cm-ySelectionInfo')].map((element) => element.textContent ?? '')

  await userEvent.click(mine.view.contentDOM)
  mine.view.dispatch({ selection: { anchor: 0, head: 4 } })
  await vi.waitFor(() => expect([carets(seen), carets(seenToo)]).toEqual([['Person 0'], []]))
  expect(seen.view.dom.querySelector('.cm-ySelection')?.textContent).toBe('some')

  await userEvent.click(mineToo.view.contentDOM)
  await vi.waitFor(() => expect([carets(seen), carets(seenToo)]).toEqual([[], ['Person 0']]))
  mineToo.document.close()
  await vi.waitFor(() => expect([carets(seen), carets(seenToo)]).toEqual([[], []]))
  expect(errors).toEqual([])
})

test('[TE11] an editor that is bound again after a reset goes on', async () => {
  const { stores, errors } = await openTabs(1)
  const [store] = stores as [Store]
  const { view, document } = edit(store, note)
  view.dispatch({ changes: { from: 0, insert: 'kept' } })
  await Promise.resolve()
  document.text.insert(0, 'half: \ud83d')
  await expect.poll(() => errors.length).toBeGreaterThan(0)
  expect(errors.map((error) => (error as { code?: string }).code)).toContain('edit-undone')
  expect([shown(view), store.get(note)]).toEqual(['kept', 'kept'])
  view.dispatch({ changes: { from: 4, insert: ' on' } })
  await expect.poll(() => store.get(note)).toBe('kept on')
})

import { lww } from '@syncline/merge'
import { memoryStorage, openStore } from '@syncline/store'
import { expect, test } from 'vitest'
import { text, textPolicy } from '../src/index.ts'

test('[UN3] [UN4] an undo leaves texts as they are, says so, and takes back all else of the step', async () => {
  const title = lww('title', '')
  const note = text('note')
  const store = await openStore({ space: 'board', storage: memoryStorage() })
  const stack = store.undoStack()
  store.transact((tx) => tx.insert(note, 0, 'alone'))
  expect(stack.undoable).toBe(false)
  store.transact((tx) => {
    tx.set(title, 'with text')
    tx.insert(note, 5, ' and more')
  })
  const { change, superseded, irreversible } = store.undo()
  expect([store.get(title), store.get(note)]).toEqual(['', 'alone and more'])
  expect(change!.ops.map(({ address }) => address)).toEqual(['title'])
  expect([superseded, irreversible]).toEqual([[], [{ key: note.key, tag: 'text', address: 'note', part: '' }]])
  store.redo()
  expect([store.get(title), store.get(note)]).toEqual(['with text', 'alone and more'])
  expect(textPolicy.reversal).toBe('none')
  await store.close()
})

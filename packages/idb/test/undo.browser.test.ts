import { list, lww } from '@syncline/merge'
import { openStore, type Store } from '@syncline/store'
import { expect, onTestFinished, test } from 'vitest'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { freshName, patient } from './names.ts'
import { openTab } from './tab.ts'

const browser = { arbiter: 'browser' } as const
const draft = lww('draft', '', browser)
const lines = list<string, 'browser'>('lines', browser)
const title = lww('title', '')

const reading = (store: Store): unknown => [store.get(draft), store.get(lines), store.get(title)]

test('[UN12] [UN13] two pages undo what they wrote to browser refs, each its own, and a page that comes after one goes on', async () => {
  const name = freshName()
  const here = await openStore({ space: 'board', storage: indexedDb(name) })
  onTestFinished(async () => {
    await here.close()
    await deleteDatabase(name)
  })
  const tab = await openTab()
  const there = await openStore({ space: 'board', storage: tab.indexedDb(name), onError: () => undefined })
  for (const word of ['one', 'two', 'three']) {
    await there.transactAsync((tx) => {
      tx.set(draft, word)
      tx.insert(lines, 0, [word])
      tx.set(title, word)
    }, browser)
  }
  await there.undoAsync()
  await expect.poll(() => reading(here), patient).toEqual(['two', ['two', 'one'], 'two'])
  // Of the newest step of the other page this takes the draft, and nothing else.
  await here.transactAsync((tx) => tx.set(draft, 'mine'), browser)
  const undone = await there.undoAsync()
  expect(undone.superseded.map(({ key }) => key)).toEqual([draft.key])
  await undone.durable()
  tab.kill()

  // That a page is gone takes a moment to be known: until then its stack is its own.
  let heir = here
  const goesOn = async (): Promise<boolean> => {
    const next = await openStore({ space: 'board', storage: indexedDb(name) })
    if (!next.undoStack().undoable) {
      await next.close()
      return false
    }
    heir = next
    onTestFinished(() => next.close())
    return true
  }
  await expect.poll(goesOn, patient).toBe(true)
  expect(reading(heir)).toEqual(['mine', ['one'], 'one'])
  await heir.redoAsync()
  await heir.redoAsync()
  expect(reading(heir)).toEqual(['mine', ['three', 'two', 'one'], 'three'])
  await here.undoAsync()
  await expect.poll(() => reading(heir), patient).toEqual(['two', ['three', 'two', 'one'], 'three'])
})

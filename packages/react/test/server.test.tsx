import { counter, lww } from '@syncline/merge'
import { openStore } from '@syncline/store'
import { openLean, undo, type LeanStore } from '@syncline/store/lean'
import type { ReactNode } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import {
  SynclineProvider,
  usePresence,
  useSnapshot,
  useStatus,
  useStore,
  useTransact,
  useUndo,
  useValue,
} from '../src/index.ts'

test('on a server the hooks give what the store has, and subscribe to nothing', async () => {
  const title = lww('title', 'Untitled')
  const likes = counter('likes')
  const store = await openStore({ space: 'server' })
  store.transact((tx) => {
    tx.set(title, 'From the server')
    tx.add(likes, 2)
  })
  function Page() {
    useTransact()
    const total = useSnapshot((snapshot) => snapshot.get(likes) * 2)
    return `${useValue(title, (text) => text.length)} ${total} ${useStatus((status) => status.storage)}`
  }
  const html = renderToString(
    <SynclineProvider store={store}>
      <Page />
    </SynclineProvider>,
  )
  expect(html).toBe('15 4 memory-only')
  await store.close()
})

test('the hooks are content with a lean store, and say which part is missing', async () => {
  const title = lww('title', 'Untitled')
  const parts = [undo] as const
  const lean = await openLean({ space: 'server', parts })
  const plain = await openLean({ space: 'server', parts: [] })
  const show = (store: LeanStore, Page: () => ReactNode): string =>
    renderToString(
      <SynclineProvider store={store}>
        <Page />
      </SynclineProvider>,
    )
  lean.transact((tx) => tx.set(title, 'Plan'))

  function Page() {
    const { canUndo } = useUndo()
    useTransact()
    const { undoStack } = useStore<LeanStore<typeof parts>>()
    return `${useValue(title)} ${useSnapshot((now) => now.get(title).length)} ${useStatus().saved} ${canUndo} ${typeof undoStack}`
  }
  expect(show(lean, Page)).toBe('Plan 4 memory true function')
  const missing = (part: string): unknown =>
    expect.objectContaining({ code: 'no-part', message: expect.stringContaining(`\`${part}\``) })
  expect(() => show(plain, Page)).toThrow(missing('undo'))
  expect(() => show(lean, () => usePresence().self)).toThrow(missing('presence'))
  for (const store of [lean, plain]) await store.close()
})

import { counter, lww } from '@syncline/merge'
import { openStore } from '@syncline/store'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import { SynclineProvider, useSnapshot, useStatus, useTransact, useValue } from '../src/index.ts'

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

import { collection, counter, lww } from '@syncline/merge'
import { openStore, type Selector, type Store } from '@syncline/store'
import { act, StrictMode } from 'react'
import { afterEach, assert, beforeEach, expect, test, vi } from 'vitest'
import { render } from 'vitest-browser-react'
import { useStore } from 'zustand'
import { useShallow } from 'zustand/react/shallow'
import { snapshotApi, storeApi } from '../src/index.ts'

const title = lww('title', 'Untitled')
const zoom = lww('zoom', 1)
const likes = counter('likes')
const cards = collection('cards', { text: '' })
const complaints = vi.spyOn(console, 'error').mockImplementation(() => undefined)
let store: Store

beforeEach(async () => {
  store = await openStore({ space: 'board' })
})

afterEach(async () => {
  await store.close()
  assert.deepEqual(complaints.mock.calls.splice(0), [])
})

/** Does something and everything that React does because of it. */
async function acting(fn: () => unknown): Promise<void> {
  const flags = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }
  flags.IS_REACT_ACT_ENVIRONMENT = true
  try {
    await act(async () => {
      await fn()
    })
  } finally {
    flags.IS_REACT_ACT_ENVIRONMENT = false
  }
}

test("zustand's useStore with selectors renders who selected what changed", async () => {
  const api = storeApi(store, { title, zoom, cards })
  const renders = { title: 0, zoom: 0, all: 0 }
  function Title() {
    renders.title += 1
    return useStore(api, (state) => state.title)
  }
  function Zoom() {
    renders.zoom += 1
    return useStore(api, (state) => ` ×${state.zoom}`)
  }
  function All() {
    renders.all += 1
    return ` ${Object.keys(useStore(api)).length} keys`
  }
  const screen = await render(
    <>
      <Title />
      <Zoom />
      <All />
    </>,
  )
  expect(screen.container.textContent).toBe('Untitled ×1 3 keys')
  await acting(() => api.setState({ title: 'Plan' }))
  expect(renders).toEqual({ title: 2, zoom: 1, all: 2 })
  await acting(() => store.transact((tx) => tx.set(zoom, 2)))
  expect(renders).toEqual({ title: 2, zoom: 2, all: 3 })
  await acting(() => store.transact((tx) => tx.add(likes, 1)))
  await acting(() => api.setState({ title: 'Plan', zoom: 2 }))
  expect(renders).toEqual({ title: 2, zoom: 2, all: 3 })
  await acting(() => store.transact((tx) => tx.create(cards.at('a'), { text: 'One' })))
  expect(renders).toEqual({ title: 2, zoom: 2, all: 4 })
  expect(screen.container.textContent).toBe('Plan ×2 3 keys')
})

test('useShallow keeps what is shallowly equal', async () => {
  const api = storeApi(store, { title, zoom, cards })
  let shallowRenders = 0
  function Shallow() {
    shallowRenders += 1
    const { title: name, cards: ids } = useStore(
      api,
      useShallow((state) => ({ title: state.title, cards: state.cards })),
    )
    return `${name} ${ids.length}`
  }
  const screen = await render(<Shallow />)
  await acting(() => api.setState({ zoom: 3 }))
  expect(shallowRenders).toBe(1)
  await acting(() => api.setState({ title: 'Plan' }))
  expect(shallowRenders).toBe(2)
  await acting(() => store.transact((tx) => tx.create(cards.at('a'), { text: 'One' })))
  expect(shallowRenders).toBe(3)
  expect(screen.container.textContent).toBe('Plan 1')
})

test('a Snapshot is a state: selectors read what they like from it', async () => {
  const api = snapshotApi(store)
  let renders = 0
  function Total() {
    renders += 1
    return useStore(api, (snapshot) => snapshot.get(likes) + [...snapshot.items(cards)].length)
  }
  const screen = await render(<Total />)
  await acting(() => store.transact((tx) => tx.set(title, 'Elsewhere')))
  expect(renders).toBe(1)
  await acting(() =>
    store.transact((tx) => {
      tx.add(likes, 2)
      tx.create(cards.at('a'), { text: 'One' })
    }),
  )
  expect([screen.container.textContent, renders]).toEqual(['3', 2])
})

test('StrictMode and unmounting leave no subscription behind', async () => {
  let open = 0
  const { changes } = store
  // An api uses the form with a listener only.
  const counting = ((selector: Selector, listener: () => void) => {
    const stop: () => void = Reflect.apply(changes, store, [selector, listener])
    open += 1
    return () => {
      open -= 1
      stop()
    }
  }) as Store['changes']
  const spied = vi.spyOn(store, 'changes').mockImplementation(counting)
  const api = storeApi(store, { title })
  const Title = () => useStore(api, (state) => state.title)
  const screen = await render(
    <StrictMode>
      <Title />
      <Title />
    </StrictMode>,
  )
  expect([spied.mock.calls.length, open]).toEqual([4, 2])
  await acting(() => api.setState({ title: 'Plan' }))
  expect(screen.container.textContent).toBe('PlanPlan')
  await screen.unmount()
  expect(open).toBe(0)
})

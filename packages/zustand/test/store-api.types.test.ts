import { collection, counter, lww, record } from '@syncline/merge'
import type { Snapshot } from '@syncline/stm'
import { openStore } from '@syncline/store'
import { openLean } from '@syncline/store/lean'
import { expect, expectTypeOf, test } from 'vitest'
import type { ExtractState, StoreApi } from 'zustand'
import { snapshotApi, storeApi, type StateOf } from '../src/index.ts'

test('states and writes have the types of their refs', async () => {
  const cards = collection('cards', { text: '' })
  const shape = {
    title: lww('title', 'Untitled'),
    owner: lww<string | null>('owner', null),
    settings: record('settings', { zoom: 1 }),
    likes: counter('likes'),
    cards,
    first: cards.at('a'),
  }
  const store = await openStore({ space: 'types' })
  const api = storeApi(store, shape)

  type State = ExtractState<typeof api>
  expectTypeOf<State>().toEqualTypeOf<StateOf<typeof shape>>()
  expectTypeOf<State['title']>().toEqualTypeOf<string>()
  expectTypeOf<State['owner']>().toEqualTypeOf<string | null>()
  expectTypeOf<State['settings']['zoom']>().toEqualTypeOf<number>()
  expectTypeOf<State['likes']>().toEqualTypeOf<number>()
  expectTypeOf<State['cards']>().toEqualTypeOf<readonly string[]>()
  expectTypeOf<undefined>().toExtend<State['first']>()

  // Whatever takes a zustand store takes these.
  expectTypeOf(api).toExtend<StoreApi<State>>()
  expectTypeOf(snapshotApi(store)).toExtend<StoreApi<Snapshot>>()

  const notCalled = (): void => {
    api.setState({ title: 'Plan', owner: null })
    api.setState((state) => ({ ...state, title: `${state.title}!` }))
    api.setState((state) => state)
    api.setState({ ...api.getState(), title: 'All' }, true)
    // @ts-expect-error A title is a string.
    api.setState({ title: 7 })
    // @ts-expect-error Also when a function makes it.
    api.setState(() => ({ title: 7 }))
    api.setState((state) => ({ likes: state.likes + 1 }))
    // @ts-expect-error A counter is a number.
    api.setState({ likes: '1' })
    // @ts-expect-error The ids of a collection follow from its members.
    api.setState({ cards: [] })
    // @ts-expect-error The shape has no such key.
    api.setState({ colour: 'red' })
    // @ts-expect-error A replacement names every ref.
    api.setState({ title: 'Plan' }, true)
    // @ts-expect-error A Snapshot is not set.
    snapshotApi(store).setState(store.snapshot)
  }
  expect(notCalled).toBeTypeOf('function')
  await store.close()
})

test('a lean store is enough', async () => {
  const lean = await openLean({ space: 'types', parts: [] })
  const api = storeApi(lean, { title: lww('title', 'Untitled') })
  api.setState({ title: 'Plan' })
  expect([api.getState().title, snapshotApi(lean).getState().get(lww('title', ''))]).toEqual(['Plan', 'Plan'])
  await lean.close()
})

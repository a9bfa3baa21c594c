import { collection, counter, follow, lww, place, reference } from '@syncline/merge'
import { StrictMode, useState } from 'react'
import { expect, test } from 'vitest'
import { render } from 'vitest-browser-react'
import { SynclineProvider, useSnapshot, useValue } from '../src/index.ts'
import { Boundary } from './boundary.tsx'
import { acting, counted, open, show } from './stage.tsx'

const savings = counter('savings')
const wallet = counter('wallet')
const useSecond = lww('use-second', false)
const cards = collection('cards', { title: '', at: place() })

test('a selector over several refs renders again when its result changed, and for nothing else', async () => {
  const { store, calls } = counted(await open())
  const shown: number[] = []
  const total = (snapshot: typeof store.snapshot): number => snapshot.get(savings) + snapshot.get(wallet)
  function Total() {
    shown.push(useSnapshot(total))
    return null
  }
  await show(store, <Total />)
  await acting(() => store.transact((tx) => tx.add(savings, 10)))
  expect(shown).toEqual([0, 10])
  await acting(() =>
    store.transact((tx) => {
      tx.add(savings, -3)
      tx.add(wallet, 3)
    }),
  )
  expect([shown, calls()]).toEqual([[0, 10], 2])
  await acting(() => store.transact((tx) => tx.set(useSecond, true)))
  expect([shown, calls()]).toEqual([[0, 10], 2])
})

test('[RM3] a component that follows a reference renders again when what it refers to changes, and when it refers to another', async () => {
  const people = collection('people', { name: '' })
  const tasks = collection('tasks', { owner: reference(people), note: '' })
  const { store } = counted(await open())
  const shown: (string | undefined)[] = []
  function Owner() {
    shown.push(useSnapshot((snapshot) => follow(snapshot, tasks.at('t'), 'owner')?.name))
    return null
  }
  await show(store, <Owner />)
  await acting(() => store.transact((tx) => tx.create(tasks.at('t'), { owner: 'ada' })))
  await acting(() => store.transact((tx) => tx.create(people.at('ada'), { name: 'Ada' })))
  await acting(() => store.transact((tx) => tx.create(people.at('bob'), { name: 'Bob' })))
  await acting(() => store.transact((tx) => tx.patch(tasks.at('t'), { owner: 'bob', note: 'new' })))
  await acting(() => store.transact((tx) => tx.delete(people.at('ada'))))
  await acting(() => store.transact((tx) => tx.delete(people.at('bob'))))
  expect(shown).toEqual([undefined, 'Ada', 'Bob', undefined])
})

test('what a selector reads is noted again also when its result stayed the same', async () => {
  const { store, open: openNow } = counted(await open())
  const shown: number[] = []
  function Chosen() {
    shown.push(useSnapshot((snapshot) => snapshot.get(snapshot.get(useSecond) ? wallet : savings)))
    return null
  }
  await show(store, <Chosen />)
  await acting(() => store.transact((tx) => tx.set(useSecond, true)))
  expect(shown).toEqual([0])
  await acting(() => store.transact((tx) => tx.add(wallet, 5)))
  expect(shown).toEqual([0, 5])
  await acting(() => store.transact((tx) => tx.add(savings, 7)))
  expect(shown).toEqual([0, 5])
  expect(openNow()).toBe(1)
})

test('a selector made in the render that gives a new object each time comes to rest', async () => {
  const { store, open: openNow } = counted(await open())
  const shown: { readonly total: number }[] = []
  let renderAgain!: () => void
  function Total() {
    const [, setCount] = useState(0)
    renderAgain = () => setCount((count) => count + 1)
    shown.push(useSnapshot((snapshot) => ({ total: snapshot.get(savings) })))
    return null
  }
  await show(store, <Total />)
  expect(shown).toHaveLength(1)
  await acting(() => store.transact((tx) => tx.add(savings, 1)))
  expect(shown).toHaveLength(2)
  await acting(() => store.transact((tx) => tx.add(wallet, 1)))
  expect(shown).toHaveLength(2)
  await acting(renderAgain)
  expect(shown).toHaveLength(3)
  expect(openNow()).toBe(1)
})

test('the result keeps its identity while nothing of it was touched, whoever renders', async () => {
  const store = await open()
  const shown: object[] = []
  let runs = 0
  let renderAgain!: () => void
  const select = (snapshot: typeof store.snapshot): object => {
    runs += 1
    return { total: snapshot.get(savings) }
  }
  function Total() {
    const [, setCount] = useState(0)
    renderAgain = () => setCount((count) => count + 1)
    shown.push(useSnapshot(select))
    return null
  }
  await show(store, <Total />)
  await acting(() => store.transact((tx) => tx.add(wallet, 1)))
  await acting(renderAgain)
  expect(shown).toHaveLength(2)
  expect(shown[1]).toBe(shown[0])
  // What it read was noted when it rendered.
  expect(runs).toBe(1)
})

test('`equal` keeps the old result', async () => {
  const store = await open()
  const rendered: (readonly string[])[] = []
  const sameItems = (a: readonly string[], b: readonly string[]): boolean =>
    a.length === b.length && a.every((item, i) => item === b[i])
  function Titles() {
    rendered.push(
      useSnapshot((snapshot) => [...snapshot.items(cards)].map(([, { title }]) => title), { equal: sameItems }),
    )
    return null
  }
  await show(store, <Titles />)
  await acting(() => store.transact((tx) => tx.create(cards.at('a'), { title: 'One' })))
  expect(rendered).toEqual([[], ['One']])
  await acting(() => store.transact((tx) => tx.move(cards.at('a'), cards.list('todo'))))
  expect(rendered).toHaveLength(2)
})

test('lists and collections: members come, move and go', async () => {
  const store = await open()
  let renders = 0
  function Column({ name }: { readonly name: string }) {
    renders += 1
    const ids = useValue(cards.list(name))
    const titles = useSnapshot((snapshot) => ids.map((id) => snapshot.get(cards.at(id))?.title).join(' '))
    return <p>{`${name}: ${titles}`}</p>
  }
  const screen = await show(
    store,
    <>
      <Column name="todo" />
      <Column name="done" />
    </>,
  )
  await acting(() =>
    store.transact((tx) => {
      for (const id of ['a', 'b']) {
        tx.create(cards.at(id), { title: id.toUpperCase() })
        tx.move(cards.at(id), cards.list('todo'))
      }
    }),
  )
  expect(screen.container.textContent).toBe('todo: A Bdone: ')
  expect(renders).toBe(3)
  await acting(() => store.transact((tx) => tx.move(cards.at('a'), cards.list('done'))))
  expect(screen.container.textContent).toBe('todo: Bdone: A')
  expect(renders).toBe(5)
  await acting(() => store.transact((tx) => tx.delete(cards.at('b'))))
  expect(screen.container.textContent).toBe('todo: done: A')
  expect(renders).toBe(6)
})

test('StrictMode leaves no watch behind', async () => {
  const { store, made, open: openNow } = counted(await open())
  const Total = () => useSnapshot((snapshot) => snapshot.get(savings) + snapshot.get(wallet))
  const screen = await render(
    <StrictMode>
      <SynclineProvider store={store}>
        <Total />
      </SynclineProvider>
    </StrictMode>,
  )
  expect([made() > 1, openNow()]).toEqual([true, 1])
  await acting(() => store.transact((tx) => tx.add(wallet, 4)))
  expect(screen.container.textContent).toBe('4')
  expect(openNow()).toBe(1)
  await screen.unmount()
  expect(openNow()).toBe(0)
})

test('a selector that throws reaches the error boundary and leaves no watch behind', async () => {
  const { store, open: openNow } = counted(await open())
  const Total = () =>
    useSnapshot((snapshot) => {
      if (snapshot.get(savings) < 0) throw new Error('Overdrawn.')
      return snapshot.get(savings)
    })
  const screen = await show(
    store,
    <Boundary>
      <Total />
    </Boundary>,
  )
  await acting(() => store.transact((tx) => tx.add(savings, -1)))
  expect(screen.container.textContent).toBe('Overdrawn.')
  expect(openNow()).toBe(0)
})

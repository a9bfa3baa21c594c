import { lww } from '@syncline/merge'
import type { Ref } from '@syncline/stm'
import { yjsPresence } from '@syncline/yjs'
import { memo, StrictMode, useState } from 'react'
import { flushSync } from 'react-dom'
import { expect, test } from 'vitest'
import { render } from 'vitest-browser-react'
import { SynclineProvider, useValue } from '../src/index.ts'
import { Boundary } from './boundary.tsx'
import { acting, counted, open, show } from './stage.tsx'

interface Card {
  readonly title: string
  readonly votes: number
}

const cardOf = (id: string): Ref<Card, { set: Card }> => lww(`card:${id}`, { title: `Card ${id}`, votes: 0 })

test('one of 200 rows renders on one write, and none for a write elsewhere', async () => {
  const store = await open()
  const ids = Array.from({ length: 200 }, (_, i) => `${i}`)
  const renders = new Map(ids.map((id) => [id, 0]))
  const total = (): number => [...renders.values()].reduce((sum, count) => sum + count, 0)

  function Row({ id }: { readonly id: string }) {
    renders.set(id, renders.get(id)! + 1)
    return <li>{useValue(cardOf(id)).title}</li>
  }
  const screen = await show(
    store,
    <ul>
      {ids.map((id) => (
        <Row key={id} id={id} />
      ))}
    </ul>,
  )
  expect(total()).toBe(200)

  await acting(() => store.transact((tx) => tx.set(cardOf('117'), { title: 'Paint the door', votes: 0 })))
  expect(renders.get('117')).toBe(2)
  expect(total()).toBe(201)
  expect(screen.container.querySelectorAll('li')[117]?.textContent).toBe('Paint the door')

  await acting(() => store.transact((tx) => tx.set(cardOf('elsewhere'), { title: 'Nobody shows it', votes: 0 })))
  await acting(() => store.transact((tx) => tx.set(cardOf('117'), { title: 'Paint the door', votes: 0 })))
  expect(total()).toBe(201)

  await acting(() =>
    store.transact((tx) => {
      for (const id of ['3', '4']) tx.set(cardOf(id), { title: 'Together', votes: 1 })
    }),
  )
  expect([renders.get('3'), renders.get('4'), total()]).toEqual([2, 2, 203])
})

test('a selector renders again when what it selected changed, and for nothing else', async () => {
  const store = await open()
  const shown: string[] = []
  function Title() {
    const title = useValue(cardOf('a'), (card) => card.title)
    shown.push(title)
    return title
  }
  await show(store, <Title />)
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'Card a', votes: 1 })))
  expect(shown).toEqual(['Card a'])
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'New', votes: 1 })))
  expect(shown).toEqual(['Card a', 'New'])
})

test('a selector that makes a new object each time renders once for each change of its ref', async () => {
  const store = await open()
  const shown: { readonly title: string }[] = []
  function Title() {
    shown.push(useValue(cardOf('a'), ({ title }) => ({ title })))
    return null
  }
  await show(store, <Title />)
  expect(shown).toHaveLength(1)
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'Card a', votes: 1 })))
  expect(shown).toHaveLength(2)
})

test('`equal` decides what is another value, and keeps the old object', async () => {
  const store = await open()
  const shown: { readonly title: string }[] = []
  let renderAgain!: () => void
  function Title() {
    const [, setCount] = useState(0)
    renderAgain = () => setCount((count) => count + 1)
    shown.push(useValue(cardOf('a'), ({ title }) => ({ title }), { equal: (a, b) => a.title === b.title }))
    return null
  }
  await show(store, <Title />)
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'Card a', votes: 1 })))
  expect(shown).toHaveLength(1)
  await acting(renderAgain)
  expect(shown).toHaveLength(2)
  expect(shown[1]).toBe(shown[0])
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'New', votes: 1 })))
  expect(shown).toHaveLength(3)
  expect(shown[2]).toEqual({ title: 'New' })
})

test('a ref made in each render is subscribed to once', async () => {
  const { store, made, open: openNow } = counted(await open())
  let renderAgain!: () => void
  function Title() {
    const [count, setCount] = useState(0)
    renderAgain = () => setCount((before) => before + 1)
    return `${useValue(lww('title', 'Untitled'), (title) => title.length + count)}`
  }
  const screen = await show(store, <Title />)
  for (let i = 0; i < 5; i++) await acting(renderAgain)
  expect(screen.container.textContent).toBe('13')
  expect([made(), openNow()]).toEqual([1, 1])
})

test('another ref takes the place of the first, with its subscription', async () => {
  const { store, made, open: openNow, calls } = counted(await open())
  const shown: string[] = []
  let select!: (id: string) => void
  function Title() {
    const [id, setId] = useState('a')
    select = setId
    shown.push(useValue(cardOf(id), (card) => card.title))
    return null
  }
  await show(store, <Title />)
  await acting(() => select('b'))
  expect(shown).toEqual(['Card a', 'Card b'])
  expect([made(), openNow()]).toEqual([2, 1])
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'Left behind', votes: 0 })))
  expect([shown.length, calls()]).toEqual([2, 0])
  await acting(() => store.transact((tx) => tx.set(cardOf('b'), { title: 'Followed', votes: 0 })))
  expect(shown).toEqual(['Card a', 'Card b', 'Followed'])
})

test('another selector selects in the same render', async () => {
  const { store, made } = counted(await open())
  const shown: (string | number)[] = []
  let select!: (field: keyof Card) => void
  function Field() {
    const [field, setField] = useState<keyof Card>('title')
    select = setField
    shown.push(useValue(cardOf('a'), (card) => card[field]))
    return null
  }
  await show(store, <Field />)
  await acting(() => select('votes'))
  expect(shown).toEqual(['Card a', 0])
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'New', votes: 0 })))
  expect(shown).toEqual(['Card a', 0])
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'New', votes: 7 })))
  expect(shown).toEqual(['Card a', 0, 7])
  expect(made()).toBe(1)
})

test('another store takes the place of the first, and nothing of the first stays', async () => {
  const first = counted(await open({ presence: yjsPresence() }))
  const second = counted(await open({ presence: yjsPresence() }))
  second.store.transact((tx) => tx.set(cardOf('a'), { title: 'Of the second', votes: 0 }))
  const Title = memo(() => useValue(cardOf('a'), (card) => card.title))
  const screen = await show(first.store, <Title />)
  await screen.rerender(
    <SynclineProvider store={second.store}>
      <Title />
    </SynclineProvider>,
  )
  expect(screen.container.textContent).toBe('Of the second')
  expect([first.open(), second.open()]).toEqual([0, 1])
})

test('StrictMode leaves no subscription behind, and what is gone is never called', async () => {
  const { store, made, open: openNow, calls } = counted(await open())
  let renders = 0
  function Title() {
    renders += 1
    return useValue(cardOf('a'), (card) => card.title)
  }
  // Effects run twice only when StrictMode is outermost.
  const screen = await render(
    <StrictMode>
      <SynclineProvider store={store}>
        <Title />
      </SynclineProvider>
    </StrictMode>,
  )
  expect([made(), openNow()]).toEqual([2, 1])
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'Twice mounted', votes: 0 })))
  expect(screen.container.textContent).toBe('Twice mounted')
  expect(calls()).toBe(1)

  await screen.unmount()
  expect(openNow()).toBe(0)
  const before = renders
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'For nobody', votes: 0 })))
  expect([calls(), renders]).toEqual([1, before])
})

test('a component that is unmounted by the commit it watches is not called for it', async () => {
  const store = await open()
  const there = lww('there', true)
  let childRenders = 0
  function Child() {
    childRenders += 1
    return useValue(cardOf('a'), (card) => card.title)
  }
  function Parent() {
    return useValue(there) ? <Child /> : 'gone'
  }
  const screen = await show(store, <Parent />)
  await acting(() =>
    store.transact((tx) => {
      tx.set(there, false)
      tx.set(cardOf('a'), { title: 'Changed with its end', votes: 0 })
    }),
  )
  expect(screen.container.textContent).toBe('gone')
  expect(childRenders).toBe(1)

  // A listener before the child's own ends it at once, in the middle of the same commit.
  await acting(() => store.transact((tx) => tx.set(there, true)))
  const stop = store.changes(cardOf('a'), () => flushSync(() => store.transact((tx) => tx.set(there, false))))
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'Once more', votes: 0 })))
  stop()
  expect(screen.container.textContent).toBe('gone')
})

test('a value that changes between the first render and its subscription is not missed', async () => {
  const store = await open()
  let wrote = false
  function Early() {
    const title = useValue(cardOf('a'), (card) => card.title)
    return (
      <p
        ref={() => {
          if (!wrote) store.transact((tx) => tx.set(cardOf('a'), { title: 'In time', votes: 0 }))
          wrote = true
        }}
      >
        {title}
      </p>
    )
  }
  const screen = await show(store, <Early />)
  expect(screen.container.textContent).toBe('In time')
})

test('a selector that throws reaches the error boundary, not the store', async () => {
  const store = await open()
  const strict = (card: Card): string => {
    if (card.votes < 0) throw new Error('Votes cannot be negative.')
    return card.title
  }
  const Title = () => useValue(cardOf('a'), strict)
  const screen = await show(
    store,
    <Boundary>
      <Title />
    </Boundary>,
  )
  await acting(() => store.transact((tx) => tx.set(cardOf('a'), { title: 'Card a', votes: -1 })))
  expect(screen.container.textContent).toBe('Votes cannot be negative.')
})

import { counter, lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { yjsPresence } from '@syncline/yjs'
import { StrictMode, useEffect } from 'react'
import { hydrateRoot, type Root } from 'react-dom/client'
import { expect, test } from 'vitest'
import { render } from 'vitest-browser-react'
import { SynclineProvider, useStatus, useStore, useTransact, useValue } from '../src/index.ts'
import { Boundary } from './boundary.tsx'
import { acting, counted, open, settleable, show, tally } from './stage.tsx'

const title = lww('title', 'Untitled')
const likes = counter('likes')
const Title = () => useValue(title)

test('a promise of a store shows the fallback, then the children', async () => {
  const store = await open()
  const { promise, resolve } = settleable<Store>()
  const screen = await render(
    <StrictMode>
      <SynclineProvider store={promise} fallback="Opening …">
        <Title />
      </SynclineProvider>
    </StrictMode>,
  )
  expect(screen.container.textContent).toBe('Opening …')
  await acting(() => resolve(store))
  expect(screen.container.textContent).toBe('Untitled')
})

test('another promise is another store: the fallback shows again', async () => {
  const first = await open()
  const second = await open()
  second.transact((tx) => tx.set(title, 'Of the second'))
  const { promise, resolve } = settleable<Store>()
  const screen = await show(Promise.resolve(first), <Title />)
  expect(screen.container.textContent).toBe('Untitled')
  await screen.rerender(
    <SynclineProvider store={promise} fallback="Opening …">
      <Title />
    </SynclineProvider>,
  )
  expect(screen.container.textContent).toBe('Opening …')
  await acting(() => resolve(second))
  expect(screen.container.textContent).toBe('Of the second')
})

test('a promise that settles after the provider has gone, or was given another one, changes nothing', async () => {
  const late = settleable<Store>()
  const store = await open({ presence: yjsPresence() })
  const screen = await show(late.promise, <Title />)
  await screen.rerender(
    <SynclineProvider store={store}>
      <Title />
    </SynclineProvider>,
  )
  await acting(() => late.reject(new Error('Too late to matter.')))
  expect(screen.container.textContent).toBe('Untitled')
})

test('a promise that settles late does not take the place of a newer one', async () => {
  const first = settleable<Store>()
  const store = await open()
  store.transact((tx) => tx.set(title, 'Newer'))
  const screen = await show(first.promise, <Title />)
  await screen.rerender(
    <SynclineProvider store={Promise.resolve(store)}>
      <Title />
    </SynclineProvider>,
  )
  expect(screen.container.textContent).toBe('Newer')
  await acting(async () => first.resolve(await open()))
  expect(screen.container.textContent).toBe('Newer')
})

test('what is no store is refused', async () => {
  for (const none of [undefined, null, 'board']) {
    const screen = await render(
      <Boundary>
        {/* What a program without types may do. */}
        <SynclineProvider store={none as unknown as Store}>
          <Title />
        </SynclineProvider>
      </Boundary>,
    )
    expect(screen.container.textContent).toContain(`no-store: <SynclineProvider> was given ${none} as its store`)
  }
})

test('what a server rendered is taken over as it is', async () => {
  const store = await open()
  const page = (
    <SynclineProvider store={store}>
      <Title />
    </SynclineProvider>
  )
  const container = document.createElement('div')
  container.innerHTML = 'Untitled'
  const text = container.firstChild
  let root!: Root
  await acting(() => {
    root = hydrateRoot(container, page)
  })
  expect(container.firstChild).toBe(text)
  await acting(() => store.transact((tx) => tx.set(title, 'Alive')))
  expect(container.textContent).toBe('Alive')
  await acting(() => root.unmount())
})

test('a rejected promise is shown by `error`, or thrown for the error boundary', async () => {
  const failed = Promise.reject(new Error('The disk is full.'))
  const shown = await render(
    <SynclineProvider store={failed} error={(error) => <p role="alert">{String(error)}</p>}>
      <Title />
    </SynclineProvider>,
  )
  expect(shown.container.textContent).toBe('Error: The disk is full.')

  const thrown = await render(
    <Boundary>
      <SynclineProvider store={failed}>
        <Title />
      </SynclineProvider>
    </Boundary>,
  )
  expect(thrown.container.textContent).toBe('The disk is full.')
})

test('outside of a provider every hook says what is missing', async () => {
  for (const useIt of [useStore, useTransact, useStatus, () => useValue(title)]) {
    const Lost = () => {
      useIt()
      return null
    }
    const screen = await render(
      <Boundary>
        <Lost />
      </Boundary>,
    )
    expect(screen.container.textContent).toMatch(/^no-provider: .* not inside a <SynclineProvider>/)
  }
})

test('the nearest provider counts, and none closes its store', async () => {
  const outer = await open()
  const inner = await open()
  inner.transact((tx) => tx.set(title, 'Inner'))
  const screen = await show(
    outer,
    <>
      <Title />,{' '}
      <SynclineProvider store={inner}>
        <Title />
      </SynclineProvider>
    </>,
  )
  expect(screen.container.textContent).toBe('Untitled, Inner')
  await screen.unmount()
  inner.transact((tx) => tx.set(title, 'Still open'))
  expect(inner.get(title)).toBe('Still open')
})

test('transact in an event: one commit, one render, and the same function in every render', async () => {
  const store = await open()
  const functions = new Set<unknown>()
  const renders = tally()
  let change: unknown
  function Like() {
    renders.count()
    const transact = useTransact()
    functions.add(transact)
    const onClick = (): void => {
      const receipt = transact(
        (tx) => {
          tx.add(likes, 1)
          tx.set(title, 'Liked')
          return tx.get(likes)
        },
        { meta: 'from a button' },
      )
      change = receipt.change?.meta
      expect(receipt.value).toBe(1)
    }
    return <button onClick={onClick}>{`${useValue(title)} ${useValue(likes)}`}</button>
  }
  const screen = await show(store, <Like />)
  await acting(() => screen.container.querySelector('button')!.click())
  expect(screen.container.textContent).toBe('Liked 1')
  expect([renders.total(), functions.size, change]).toEqual([2, 1, 'from a button'])
})

test('transact in an effect: what it wrote is shown, once for each run of the effect', async () => {
  const store = await open()
  function Visit() {
    const transact = useTransact()
    useEffect(() => {
      transact((tx) => tx.add(likes, 1))
    }, [transact])
    return useValue(likes)
  }
  const screen = await show(store, <Visit />)
  expect(screen.container.textContent).toBe('1')
})

test('a body that throws leaves the screen as it was', async () => {
  const store = await open()
  const renders = tally()
  function Half() {
    renders.count()
    const transact = useTransact()
    const onClick = (): void => {
      expect(() =>
        transact((tx) => {
          tx.set(title, 'Half done')
          throw new Error('No.')
        }),
      ).toThrow('No.')
    }
    return <button onClick={onClick}>{useValue(title)}</button>
  }
  const screen = await show(store, <Half />)
  await acting(() => screen.container.querySelector('button')!.click())
  expect([screen.container.textContent, renders.total()]).toEqual(['Untitled', 1])
  expect.assertions(2)
})

test('the status renders who selected what changed of it', async () => {
  const { store, open: openNow } = counted(await open())
  const selected: string[] = []
  const whole = tally()
  function Saved() {
    selected.push(useStatus(({ storage }) => storage))
    return null
  }
  function Everything() {
    whole.count()
    return useStatus().pending
  }
  const screen = await show(
    store,
    <>
      <Saved />
      <Everything />
    </>,
  )
  await acting(() => store.transact((tx) => tx.add(likes, 1)))
  await expect.poll(() => screen.container.textContent).toBe('1')
  expect(whole.total()).toBeGreaterThan(1)
  expect(selected).toEqual(['memory-only'])
  await screen.unmount()
  expect(openNow()).toBe(0)
})

import { collection } from '@syncline/merge'
import { memoryStorage, StoreError, type Storage } from '@syncline/store'
import { StrictMode, useEffect, useState } from 'react'
import { expect, test } from 'vitest'
import { useLoaded, useTransact, useValue } from '../src/index.ts'
import { Boundary } from './boundary.tsx'
import { acting, open, show } from './stage.tsx'

const archive = collection('archive', { title: '' })
const others = collection('others', { title: '' })

function Titles() {
  const transact = useTransact()
  const create = (): void => void transact((tx) => tx.create(archive.at('a'), { title: 'Plan' }))
  return <button onClick={create}>{useValue(archive).length} cards</button>
}

function Archive() {
  return useLoaded(archive) ? <Titles /> : <p>Loading</p>
}

test('what is on demand is held while a component shows it, and leaves the memory with the last', async () => {
  const store = await open({ storage: memoryStorage(), onDemand: [archive] })
  let turn = (_count: number): void => undefined
  function Page() {
    const [count, setCount] = useState(1)
    useEffect(() => void (turn = setCount), [])
    return (
      <>
        {Array.from({ length: count }, (_, i) => (
          <Archive key={i} />
        ))}
      </>
    )
  }
  const screen = await show(
    store,
    <StrictMode>
      <Page />
    </StrictMode>,
  )
  await expect.element(screen.getByText('0 cards')).toBeVisible()
  await acting(() =>
    screen
      .getByText('0 cards')
      .element()
      .dispatchEvent(new MouseEvent('click', { bubbles: true })),
  )
  await expect.element(screen.getByText('1 cards')).toBeVisible()
  await acting(() => turn(2))
  await expect.poll(() => screen.getByText('1 cards').elements().length).toBe(2)
  await acting(() => turn(1))
  expect(store.isLoaded(archive)).toBe(true)
  await acting(() => turn(0))
  expect(store.isLoaded(archive)).toBe(false)
  await acting(() => turn(1))
  await expect.element(screen.getByText('1 cards')).toBeVisible()
  await screen.unmount()
  expect(store.isLoaded(archive)).toBe(false)
})

test('another readable takes the place of the first, and one that comes too late is let go', async () => {
  const base = memoryStorage()
  let goOn = (): void => undefined
  let gate = Promise.resolve()
  const storage: Storage = {
    ...base,
    async openLog(space) {
      const log = await base.openLog(space)
      return {
        ...log,
        async read(...how) {
          await gate
          return log.read(...how)
        },
      }
    },
  }
  const store = await open({ storage, onDemand: [archive, others] })
  let turn = (_to: typeof archive): void => undefined
  function Page() {
    const [of, setOf] = useState(archive)
    useEffect(() => void (turn = (to) => setOf(() => to)), [])
    return <p>{useLoaded(of) ? `${of.name} is there` : 'Loading'}</p>
  }
  const screen = await show(store, <Page />)
  await expect.element(screen.getByText('archive is there')).toBeVisible()
  gate = new Promise((resolve) => (goOn = resolve))
  await acting(() => turn(others))
  await expect.element(screen.getByText('Loading')).toBeVisible()
  expect(store.isLoaded(archive)).toBe(false)
  await screen.unmount()
  // Whoever has not seen it come holds it no more.
  const mine = store.load(others)
  goOn()
  const loaded = await mine
  expect(store.isLoaded(others)).toBe(true)
  loaded.release()
  expect(store.isLoaded(others)).toBe(false)
})

test('what cannot be loaded is for the error boundary', async () => {
  const base = memoryStorage()
  let isGone = false
  const storage: Storage = {
    ...base,
    async openLog(space) {
      const log = await base.openLog(space)
      return {
        ...log,
        read: (...how) => (isGone ? Promise.reject(new StoreError('storage-lost', 'Gone.')) : log.read(...how)),
      }
    },
  }
  const store = await open({ storage, onDemand: [archive], onError: () => undefined })
  isGone = true
  const screen = await show(
    store,
    <Boundary>
      <Archive />
    </Boundary>,
  )
  await expect.element(screen.getByText('storage-lost: Gone.')).toBeVisible()
})

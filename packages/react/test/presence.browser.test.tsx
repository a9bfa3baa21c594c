import { lww } from '@syncline/merge'
import { memoryStorage } from '@syncline/store'
import { yjsPresence } from '@syncline/yjs'
import { expect, test } from 'vitest'
import { usePresence, useValue, type PresenceNow } from '../src/index.ts'
import { Boundary } from './boundary.tsx'
import { acting, open, show } from './stage.tsx'

const title = lww('title', 'Untitled')

test('people who move render who watches people, and nobody who reads documents', async () => {
  const browser = memoryStorage()
  const options = { space: 'presence-1', storage: browser, presence: yjsPresence() }
  const store = await open(options)
  const other = await open(options)
  let readers = 0
  let counts = 0
  const crowds: PresenceNow[] = []
  function Reader() {
    readers += 1
    return useValue(title)
  }
  function Count() {
    counts += 1
    return usePresence(({ peers }) => peers.size)
  }
  function Crowd() {
    crowds.push(usePresence())
    return null
  }
  const screen = await show(
    store,
    <>
      <Reader />
      <Count />
      <Crowd />
    </>,
  )
  await acting(() => expect.poll(() => store.presence.peers().size).toBe(2))
  expect(screen.container.textContent).toBe('Untitled2')
  const countsBefore = counts
  const crowdsBefore = crowds.length

  for (let x = 1; x <= 20; x++) {
    await acting(async () => {
      other.presence.set({ cursor: x })
      await expect.poll(() => store.presence.peers().get(other.presence.self)).toEqual({ cursor: x })
    })
  }
  expect(readers).toBe(1)
  expect(counts).toBe(countsBefore)
  expect(crowds.length).toBe(crowdsBefore + 20)
  const last = crowds.at(-1)!
  expect(last.self).toBe(store.presence.self)
  expect(last.peers.get(other.presence.self)).toEqual({ cursor: 20 })
  expect(new Set(crowds.map(({ set }) => set)).size).toBe(1)
  expect(new Set(crowds).size).toBe(crowds.length)

  await acting(async () => {
    await other.close()
    await expect.poll(() => store.presence.peers().size).toBe(1)
  })
  expect(screen.container.textContent).toBe('Untitled1')
})

test('`set` tells the others of ourselves, without rendering who only sets', async () => {
  const store = await open({ presence: yjsPresence() })
  let renders = 0
  function Cursor() {
    renders += 1
    const set = usePresence((presence) => presence.set)
    return <button onClick={() => set({ cursor: 7 })}>Here</button>
  }
  const screen = await show(store, <Cursor />)
  await acting(() => screen.container.querySelector('button')!.click())
  expect(store.presence.peers().get(store.presence.self)).toEqual({ cursor: 7 })
  expect(renders).toBe(1)
})

test('a store without presence says so where it is asked for', async () => {
  const store = await open()
  const Crowd = () => usePresence().peers.size
  const screen = await show(
    store,
    <Boundary>
      <Crowd />
    </Boundary>,
  )
  expect(screen.container.textContent).toMatch(/^no-presence: /)
})

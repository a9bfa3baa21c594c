import { counter, lww } from '@syncline/merge'
import type { Clock, Store } from '@syncline/store'
import { useState } from 'react'
import { expect, test } from 'vitest'
import { useSnapshot, useValue } from '../src/index.ts'
import { Boundary } from './boundary.tsx'
import { acting, counted, open, show } from './stage.tsx'

const votes = counter('votes')
const title = lww('title', '')

/** Time that moves only when told. */
function stepping(): Clock & { step(ms: number): void } {
  let now = 1_700_000_000_000
  const timers = new Set<{ readonly atMs: number; readonly fn: () => void }>()
  return {
    nowMs: () => now,
    setTimer(delayMs, fn) {
      const timer = { atMs: now + delayMs, fn }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    step(ms) {
      now += ms
      for (const timer of [...timers].sort((a, b) => a.atMs - b.atMs)) {
        if (timer.atMs > now || !timers.delete(timer)) continue
        timer.fn()
      }
    },
  }
}

const vote = (store: Store): unknown => store.transact((tx) => tx.add(votes, 1))

test('with `every` a component renders at its rate, and ends on the latest', async () => {
  const clock = stepping()
  const store = await open({ clock })
  const shown: number[] = []
  function Votes() {
    shown.push(useValue(votes, { every: 100 }))
    return null
  }
  await show(store, <Votes />)
  for (let i = 0; i < 50; i++) {
    await acting(() => vote(store))
    await acting(() => clock.step(5))
  }
  await acting(() => clock.step(100))
  expect(shown).toEqual([0, 1, 20, 40, 50])
  await acting(() => clock.step(1000))
  await acting(() => vote(store))
  expect(shown.at(-1)).toBe(51)
})

test('components of one rate show one Snapshot, also those with a selector made in the render', async () => {
  const clock = stepping()
  const { store, open: openNow } = counted(await open({ clock }))
  const shown: string[] = []
  function Board() {
    const count = useValue(votes, { every: 50 })
    const name = useValue(title, (value) => value.toUpperCase(), { every: 50 })
    const both = useSnapshot((snapshot) => `${snapshot.get(title)} ${snapshot.get(votes)}`, { every: 50 })
    shown.push(`${name} ${count} / ${both}`)
    return null
  }
  await show(store, <Board />)
  for (let i = 1; i <= 40; i++) {
    await acting(() =>
      store.transact((tx) => {
        tx.set(title, `t${i}`)
        tx.add(votes, 1)
      }),
    )
    await acting(() => clock.step(5))
  }
  await acting(() => clock.step(50))
  expect(shown).toEqual([' 0 /  0', ...[1, 10, 20, 30, 40].map((i) => `T${i} ${i} / t${i} ${i}`)])
  expect(openNow()).toBe(3)
})

test('a throttled component that renders for another reason shows what it showed, and one that comes shows what is there', async () => {
  const clock = stepping()
  const store = await open({ clock })
  let again!: () => void
  let addAnother!: () => void
  const Votes = () => <i>{useValue(votes, { every: 100 })}</i>
  function Page() {
    const [, setCount] = useState(0)
    const [isMore, setMore] = useState(false)
    again = () => setCount((count) => count + 1)
    addAnother = () => setMore(true)
    return (
      <p>
        <Votes /> {isMore && <Votes />}
      </p>
    )
  }
  const screen = await show(store, <Page />)
  await acting(() => vote(store))
  await acting(() => vote(store))
  await acting(again)
  expect(screen.container.textContent).toBe('1 ')
  await acting(addAnother)
  expect(screen.container.textContent).toBe('1 2')
  await acting(() => clock.step(100))
  expect(screen.container.textContent).toBe('2 2')
})

test('a selector that throws for what it is told reaches the error boundary', async () => {
  const clock = stepping()
  const store = await open({ clock })
  const Strict = () => {
    const count = useSnapshot(
      (snapshot) => {
        if (snapshot.get(votes) > 1) throw new Error('Too many.')
        return snapshot.get(votes)
      },
      { every: 10 },
    )
    return <p>{count}</p>
  }
  const screen = await show(
    store,
    <Boundary>
      <Strict />
    </Boundary>,
  )
  await acting(() => vote(store))
  expect(screen.container.textContent).toBe('1')
  await acting(() => vote(store))
  await acting(() => clock.step(10))
  expect(screen.container.textContent).toBe('Too many.')
})

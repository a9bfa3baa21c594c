import { counter, lww } from '@syncline/merge'
import { startTransition, useLayoutEffect, useState } from 'react'
import { expect, test } from 'vitest'
import { useSnapshot, useValue } from '../src/index.ts'
import { acting, open, show } from './stage.tsx'

const savings = counter('savings')
const wallet = counter('wallet')
const page = lww('page', 'first')

/** Longer than React works on a transition before it lets others have a turn. */
const SLOW_MS = 8

function spend(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('a commit in the middle of a transition tears nothing: what is shown is one state', async () => {
  const store = await open()
  store.transact((tx) => tx.add(savings, 100))
  const rows = 12
  const committed: string[] = []
  let rendered = 0
  let renderedAtWrite = 0
  let start!: () => void

  function Row({ index }: { readonly index: number }) {
    rendered += 1
    spend(SLOW_MS)
    // A microtask runs when React yields, which it does before the next row.
    if (index === 3 && renderedAtWrite === 0) {
      queueMicrotask(() => {
        renderedAtWrite = rendered
        store.transact((tx) => {
          tx.add(savings, -30)
          tx.add(wallet, 30)
        })
      })
      renderedAtWrite = -1
    }
    const one = useValue(savings)
    const both = useSnapshot((snapshot) => [snapshot.get(savings), snapshot.get(wallet)].join('+'))
    return <li>{index % 2 === 0 ? `${one}+${useValueOf(wallet)}` : both}</li>
  }
  const useValueOf = (ref: typeof wallet): number => useValue(ref)

  function Page() {
    const [isOpen, setOpen] = useState(false)
    start = () => startTransition(() => setOpen(true))
    useLayoutEffect(() => {
      if (isOpen) committed.push([...document.querySelectorAll('li')].map((row) => row.textContent).join(' '))
    })
    return isOpen ? (
      <ul>
        {Array.from({ length: rows }, (_, index) => (
          <Row key={index} index={index} />
        ))}
      </ul>
    ) : (
      'closed'
    )
  }
  const screen = await show(store, <Page />)
  // Outside of act, which would render the transition in one go.
  start()
  await expect.poll(() => screen.container.querySelectorAll('li').length).toBe(rows)

  expect(renderedAtWrite).toBeGreaterThan(0)
  expect(renderedAtWrite).toBeLessThan(rows)
  expect(committed.length).toBeGreaterThan(0)
  for (const shown of committed) expect(new Set(shown.split(' ')).size).toBe(1)
  expect(committed.at(-1)).toBe(Array.from({ length: rows }, () => '70+30').join(' '))
})

test('two components show one snapshot in every commit, also when a third starts transitions', async () => {
  const store = await open()
  const seen: string[] = []
  let left = ''
  let right = ''
  function Left() {
    const value = useSnapshot((snapshot) => `${snapshot.get(savings)}/${snapshot.get(wallet)}`)
    useLayoutEffect(() => {
      left = value
    })
    return value
  }
  function Right() {
    const one = useValue(savings)
    const other = useValue(wallet)
    useLayoutEffect(() => {
      right = `${one}/${other}`
    })
    return null
  }
  let go!: (to: number) => void
  function Both() {
    const [count, setCount] = useState(0)
    go = (to) => startTransition(() => setCount(to))
    return (
      <>
        <Left />
        <Right />
        <Witness count={count} />
      </>
    )
  }
  function Witness({ count }: { readonly count: number }) {
    useValue(savings)
    useLayoutEffect(() => {
      seen.push(`${left} ${right}`)
    })
    return count
  }
  await show(store, <Both />)
  for (let i = 1; i <= 20; i++) {
    await acting(() => {
      go(i)
      store.transact((tx) => {
        tx.add(savings, -1)
        tx.add(wallet, 1)
      })
    })
  }
  expect(seen.length).toBeGreaterThan(20)
  for (const pair of seen) {
    const [a, b] = pair.split(' ')
    expect(a).toBe(b)
  }
  expect(seen.at(-1)).toBe('-20/20 -20/20')
})

test('a transition that waits shows the newest value at once, and never an older one again', async () => {
  const store = await open()
  const shown: string[] = []
  let turn!: () => void
  function Page() {
    const [index, setIndex] = useState(0)
    turn = () => startTransition(() => setIndex(index + 1))
    const name = useValue(page)
    useLayoutEffect(() => {
      shown.push(`${name} ${index}`)
    })
    if (index > 0) spend(SLOW_MS)
    return null
  }
  await show(store, <Page />)
  turn()
  store.transact((tx) => tx.set(page, 'second'))
  await expect.poll(() => shown.at(-1)).toBe('second 1')
  expect(shown[0]).toBe('first 0')
  expect(shown.lastIndexOf('first 0')).toBe(0)
  expect(shown).not.toContain('first 1')
})

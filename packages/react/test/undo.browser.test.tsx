import { lww } from '@syncline/merge'
import { memoryStorage } from '@syncline/store'
import { expect, test } from 'vitest'
import { useUndo, useValue, type UndoNow } from '../src/index.ts'
import { acting, open, settleable, show, tally } from './stage.tsx'

const title = lww('title', 'untitled')
const zoom = lww('zoom', 1)

function press(button: { element(): Element }): void {
  button.element().dispatchEvent(new MouseEvent('click', { bubbles: true }))
}

test('buttons know whether there is something to undo or redo, and render for nothing else', async () => {
  const store = await open()
  const renders = tally()
  const seen: UndoNow[] = []

  function Buttons() {
    renders.count()
    const now = useUndo()
    seen.push(now)
    return (
      <>
        <button disabled={!now.canUndo} onClick={now.undo}>
          Undo
        </button>
        <button disabled={!now.canRedo} onClick={now.redo}>
          Redo
        </button>
      </>
    )
  }
  function Title() {
    return <h1>{useValue(title)}</h1>
  }

  const screen = await show(
    store,
    <>
      <Buttons />
      <Title />
    </>,
  )
  const [undo, redo] = [screen.getByText('Undo'), screen.getByText('Redo')]
  await expect.element(undo).toBeDisabled()
  await expect.element(redo).toBeDisabled()
  await acting(() => {
    for (const value of ['A', 'B', 'C']) store.transact((tx) => tx.set(title, value))
  })
  await expect.element(undo).toBeEnabled()
  expect(renders.total()).toBe(2)
  await acting(() => press(undo))
  await expect.element(screen.getByRole('heading')).toHaveTextContent('B')
  await expect.element(redo).toBeEnabled()
  await acting(() => press(redo))
  await expect.element(redo).toBeDisabled()
  await expect.element(screen.getByRole('heading')).toHaveTextContent('C')
  await acting(() => {
    for (let i = 0; i < 3; i++) press(undo)
  })
  await expect.element(undo).toBeDisabled()
  await expect.element(screen.getByRole('heading')).toHaveTextContent('untitled')
  expect(new Set(seen.map((now) => now.undo)).size).toBe(1)
  expect(new Set(seen.map((now) => now.redo)).size).toBe(1)
})

test('a scope has its own, and a reload keeps it', async () => {
  const storage = memoryStorage()
  const first = await open({ space: 'kept', storage })
  first.transact((tx) => tx.set(title, 'A'))
  first.transact((tx) => tx.set(zoom, 2), { undo: { scope: 'view' } })
  await first.close()
  const store = await open({ space: 'kept', storage })

  function Both() {
    const view = useUndo('view')
    return (
      <p onClick={view.undo}>
        {useValue(title)} {useValue(zoom)} {String(useUndo().canUndo)} {String(view.canUndo)}
      </p>
    )
  }
  const screen = await show(store, <Both />)
  await expect.element(screen.getByText('A 2 true true')).toBeVisible()
  await acting(() => press(screen.getByText('A 2 true true')))
  await expect.element(screen.getByText('A 1 true false')).toBeVisible()
})

test('a button for every step shows that one is under way', async () => {
  const storage = memoryStorage()
  const gate = settleable<void>()
  let isHeld = false
  const held = {
    ...storage,
    async openLog(space: string) {
      const log = await storage.openLog(space)
      return {
        ...log,
        async append(entry: Uint8Array, options?: Parameters<typeof log.append>[1]) {
          if (isHeld) await gate.promise
          return log.append(entry, options)
        },
      }
    },
  }
  const store = await open({ storage: held })
  const draft = lww('draft', '', { arbiter: 'browser' })
  await store.transactAsync((tx) => tx.set(draft, 'Dear Ada'), { arbiter: 'browser' })
  const seen: UndoNow[] = []
  function UndoButton() {
    const now = useUndo()
    seen.push(now)
    return (
      <button disabled={!now.canUndo} aria-busy={now.isWaiting} onClick={() => void now.undoAsync()}>
        {useValue(draft)}
      </button>
    )
  }
  const screen = await show(store, <UndoButton />)
  const button = screen.getByRole('button')
  await expect.element(button).toHaveTextContent('Dear Ada')
  isHeld = true
  await acting(() => press(button))
  await expect.element(button).toHaveAttribute('aria-busy', 'true')
  await expect.element(button).toHaveTextContent('Dear Ada')
  await acting(() => gate.resolve())
  await expect.element(button).toHaveAttribute('aria-busy', 'false')
  await expect.element(button).toBeDisabled()
  await expect.element(button).toHaveTextContent('')
  expect(new Set(seen.map((now) => now.undoAsync)).size).toBe(1)
})

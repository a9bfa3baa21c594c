import { expect, onTestFinished, test } from 'vitest'
import { type Tab, until } from './engine.ts'
import { asked, openUndrivenWebKit } from './open.ts'
import { stage } from './stage.ts'

const here = stage()
const space = 'process'

/** What a page notes that does not stop writing. */
interface Writing {
  made: number
  durable: number
  readonly states: string[]
  stop(): Promise<void>
}

async function startWriting(tab: Tab): Promise<void> {
  await tab.evaluate(async (name) => {
    await lab.open({ space: name })
    const { store } = lab
    const states: string[] = []
    store.onStatus(({ storage }) => storage !== states.at(-1) && states.push(storage))
    const writing: Writing = {
      made: 0,
      durable: 0,
      states,
      stop() {
        clearInterval(timer)
        return lab.until(() => store.status.storage === 'ok' && store.status.unsaved === 0)
      },
    }
    const timer = setInterval(() => {
      writing.made++
      store
        .transact((tx) => tx.add(lab.writes, 1))
        .durable()
        .then(
          () => writing.durable++,
          // It is stored later.
          () => undefined,
        )
    }, 5)
    Object.assign(window, { writing })
  }, space)
}

test('[ID25] [ST37] a page stores on when the process has ended that keeps its databases, as often as that happens', async ({
  skip,
}) => {
  skip(asked !== 'webkit', 'this browser keeps the databases in its first process, and ends with it')
  const engine = await openUndrivenWebKit()
  onTestFinished(() => engine.close())
  const tab = await engine.openTab(here.labUrl)
  await startWriting(tab)
  const untilDurable = (count: number): Promise<void> =>
    until(tab, (it) => (window as unknown as { readonly writing: Writing }).writing.durable >= it, count)
  await untilDurable(20)
  for (let round = 0; round < 3; round++) {
    const before = await tab.evaluate(() => (window as unknown as { readonly writing: Writing }).writing.made)
    engine.endStorage()
    await untilDurable(before + 20)
  }
  const { made, states, frames } = await tab.evaluate(async () => {
    const { writing } = window as unknown as { readonly writing: Writing }
    await writing.stop()
    return { ...writing, frames: document.querySelectorAll('iframe').length }
  })
  expect(frames).toBeGreaterThan(0)
  expect(states.filter((state) => state !== 'ok' && state !== 'saving' && state !== 'lost')).toEqual([])
  await engine.restart()
  const next = await engine.openTab(here.labUrl)
  const found = await next.evaluate(async (name) => {
    await lab.open({ space: name })
    return { writes: lab.store.get(lab.writes), storage: lab.store.status.storage }
  }, space)
  expect(found).toEqual({ writes: made, storage: 'ok' })
})

import { counter, list, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, type Store } from '../src/index.ts'
import { fatalStorage } from './fatal.ts'
import { openMortalTab, type MortalTab } from './tab.ts'
import { createWorld } from './world.ts'

const browser = { arbiter: 'browser' } as const
const draft = lww('draft', '', browser)
const lines = list<string, 'browser'>('lines', browser)
const edits = counter('edits', browser)
/** Written together with the others: of a step both go back, or none does. */
const shared = counter('shared')

const reading = (store: Store): string =>
  JSON.stringify([store.get(draft), store.get(lines), store.get(edits), store.get(shared)])

const step = (store: Store, text: string): Promise<unknown> =>
  store.transactAsync((tx) => {
    tx.set(draft, text)
    tx.insert(lines, 0, [text])
    tx.add(edits, 1)
    tx.add(shared, 1)
  }, browser)

/** What is done, one after the other, and what is read after each; `at` is how many steps are done then. */
const deeds: readonly { readonly at: number; readonly run: (store: Store) => Promise<unknown> }[] = [
  { at: 1, run: (store) => step(store, 'one') },
  { at: 2, run: (store) => step(store, 'two') },
  { at: 3, run: (store) => step(store, 'three') },
  { at: 2, run: (store) => store.undoAsync() },
  { at: 1, run: (store) => store.undoAsync() },
  { at: 2, run: (store) => store.redoAsync() },
  { at: 1, run: (store) => store.undoAsync() },
  { at: 2, run: (store) => store.redoAsync() },
  { at: 3, run: (store) => store.redoAsync() },
]

const readings = [0, 1, 2, 3].map((at) => {
  const texts = ['one', 'two', 'three'].slice(0, at)
  return JSON.stringify([texts.at(-1) ?? '', texts.toReversed(), at, at])
})

/** Kills the tab at its `fatal`-th call of the storage. Resolves to how many calls it made, and how much it was told. */
async function dieAt(
  fatal: number,
  when: 'before' | 'after',
): Promise<{ readonly calls: number; readonly told: number }> {
  const world = await createWorld(fatal)
  const base = memoryStorage()
  const errors: unknown[] = []
  let mortal: MortalTab | undefined
  let isDoomed = false
  const { storage, calls } = fatalStorage(base, fatal, when, () => {
    isDoomed = true
    mortal?.kill()
  })
  let told = 0
  const working = openMortalTab({ storage, wire: world.wire() }, world, (error) => errors.push(error)).then(
    async (tab) => {
      mortal = tab
      if (isDoomed) tab.kill()
      for (const { run } of deeds) {
        await run(tab.store)
        told += 1
      }
    },
  )
  working.catch((error: unknown) => errors.push(error))
  for (let i = 0; i < 40 && !isDoomed && told < deeds.length; i++) await world.clock.pass(500)
  await world.clock.pass(500)
  if (!isDoomed) await mortal!.store.close()

  const next = await world.open({ storage: base })
  const found = readings.indexOf(reading(next))
  // What was acknowledged has happened; what was under way, or was acknowledged when nobody heard it, has happened or not.
  const possible = [told, told + 1].flatMap((count) => (count === 0 ? 0 : (deeds[count - 1]?.at ?? [])))
  expect(possible).toContain(found)
  const most = Math.max(0, ...deeds.slice(0, told + 1).map(({ at }) => at))
  const stack = next.undoStack()
  expect(stack.undoable).toBe(found > 0)
  // All the way back, all the way forth: every state in between is there.
  for (let at = found - 1; at >= 0; at--) {
    expect((await next.undoAsync()).superseded).toEqual([])
    expect(reading(next)).toBe(readings[at])
  }
  expect(stack.undoable).toBe(false)
  let at = 0
  while (stack.redoable) {
    expect((await next.redoAsync()).superseded).toEqual([])
    expect(reading(next)).toBe(readings[(at += 1)])
  }
  expect([most, most - 1]).toContain(at)
  expect(errors).toEqual([])
  await world.close()
  return { calls: calls(), told }
}

test('[UN16] a tab dies at any call of the storage with steps on browser refs under way, back or forth: the next one goes on', async () => {
  let deaths = 0
  const heard = new Set<number>()
  for (const when of ['before', 'after'] as const) {
    for (let fatal = 1; ; fatal++) {
      const { calls, told } = await dieAt(fatal, when)
      if (calls < fatal) break
      deaths += 1
      heard.add(told)
    }
  }
  expect(deaths).toBeGreaterThan(20)
  // It has died in the middle of each of them.
  expect([...heard].sort((a, b) => a - b)).toEqual(
    deeds.map((_, i) => i).concat(heard.has(deeds.length) ? deeds.length : []),
  )
})

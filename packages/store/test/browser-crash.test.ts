import { counter, list, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, type Store } from '../src/index.ts'
import { fatalStorage } from './fatal.ts'
import { openMortalTab, type MortalTab } from './tab.ts'
import { createWorld } from './world.ts'

const browser = { arbiter: 'browser' } as const
const total = lww('total', 0, browser)
const lines = list<string, 'browser'>('lines', browser)
/** Two halves of one thing: of a Change that writes both, both are there or none is. */
const here = counter('here', browser)
const shared = counter('shared')

/** Works on everything, in turn and at once; notes what was acknowledged. */
async function work(store: Store, name: string, acknowledged: string[]): Promise<void> {
  const line = async (text: string): Promise<void> => {
    await store.transactAsync((tx) => {
      tx.update(total, (n) => n + 1)
      tx.insert(lines, tx.get(lines).length, [text])
    }, browser)
    acknowledged.push(text)
  }
  await line(`${name}-1`)
  await Promise.all([2, 3, 4].map((i) => line(`${name}-${i}`)))
  store.transact((tx) => tx.add(shared, 100))
  await store.transactAsync((tx) => {
    tx.add(here, 1)
    tx.add(shared, 1)
  }, browser)
  await line(`${name}-5`)
}

/** Kills one of two tabs at its `fatal`-th call of the storage. Resolves to how many calls it made. */
async function dieAt(
  fatal: number,
  when: 'before' | 'after',
): Promise<{ readonly calls: number; readonly lost: number }> {
  const world = await createWorld(fatal)
  const base = memoryStorage()
  const wire = world.wire()
  const errors: unknown[] = []
  let mortal: MortalTab | undefined
  let isDoomed = false
  const kill = (): void => {
    isDoomed = true
    mortal?.kill()
  }
  const survivor = await openMortalTab({ storage: base, wire }, world, (error) => errors.push(error))
  const { storage, calls } = fatalStorage(base, fatal, when, kill)
  const acknowledged: string[] = []
  const opening = openMortalTab({ storage, wire }, world, (error) => errors.push(error)).then(async (tab) => {
    mortal = tab
    if (isDoomed) tab.kill()
    await work(tab.store, 'mortal', acknowledged)
  })
  opening.catch((error: unknown) => errors.push(error))
  const survived = work(survivor.store, 'survivor', acknowledged)
  let isOver = false
  void survived.then(() => (isOver = true))
  for (let i = 0; i < 40 && !(isOver && (isDoomed || acknowledged.length === 10)); i++) await world.clock.pass(500)
  expect(isOver).toBe(true)
  await survivor.store.transactAsync((tx) => tx.update(total, (n) => n + 1), browser)
  await world.clock.pass(20_000)
  const fresh = await world.open({ storage: base, transport: world.wire() })
  const far = await world.open({ transport: world.wire() })
  await world.clock.pass(20_000)

  const found = fresh.get(lines)
  expect(acknowledged.filter((line) => !found.includes(line))).toEqual([])
  expect(new Set(found).size).toBe(found.length)
  expect(fresh.get(total)).toBe(found.length + 1)
  expect([survivor.store.get(lines), survivor.store.get(total)]).toEqual([found, fresh.get(total)])
  // Both halves, or none; on the relay, once.
  expect(fresh.get(shared) % 100).toBe(fresh.get(here))
  expect([far.get(shared), far.get(here)]).toEqual([fresh.get(shared), 0])
  expect(errors).toEqual([])
  await survivor.store.close()
  if (!isDoomed) await mortal!.store.close()
  await world.close()
  return { calls: calls(), lost: 10 - acknowledged.length }
}

test('[BR2] [BR7] a tab that dies at any call of the storage, before or after it, loses and doubles nothing', async () => {
  let deaths = 0
  let losses = 0
  for (const when of ['before', 'after'] as const) {
    for (let fatal = 1; ; fatal++) {
      const { calls, lost } = await dieAt(fatal, when)
      if (calls < fatal) break
      deaths += 1
      if (lost > 0) losses += 1
    }
  }
  expect(deaths).toBeGreaterThan(20)
  expect(losses).toBeGreaterThan(10)
})

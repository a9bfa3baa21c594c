import { indexedDb } from '@syncline/idb'
import { verifyDatabase } from '@syncline/idb/care'
import { counter, lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { createPage } from '../../src/simulate/browser/page.ts'
import { unheard, type StorageCalls } from '../../src/simulate/calls.ts'
import { codeOf } from '../../src/simulate/ledger.ts'
import type { Life } from '../../src/simulate/life.ts'
import { createDisk } from '../../src/simulate/browser/disk.ts'
import { machineOf, type Machine } from './disks.ts'

// Seeds meet some calls of a storage, now and then. Here each of a short run is met, when it is made and when it was carried out and nobody has heard of it.

const browser = { arbiter: 'browser' } as const
const title = lww('title', '')
const votes = counter('votes')
const draft = lww('draft', '', browser)
const drafts = counter('drafts', browser)

/** What may go wrong with the storage of a tab, and what it may say of that. */
const troubles: Readonly<
  Record<string, { readonly codes: readonly string[]; come(machine: Machine, life: Life): void }>
> = {
  'the connection is dropped': {
    codes: ['storage-lost'],
    come: ({ browser: { indexedDb: databases } }, life) => void databases.drop(life),
  },
  'the disk is full for a while': {
    codes: ['storage-full'],
    come(machine) {
      machine.browser.indexedDb.isFull = true
      machine.clock().setTimer(5000, () => void (machine.browser.indexedDb.isFull = false))
    },
  },
}

const ROUNDS = 3

/** What was done: of each kind how often, without what was rejected. */
interface Done {
  votes: number
  drafts: number
}

/** Does something of each kind, a few times, and notes what of it stands. */
async function work(machine: Machine, store: Store, done: Done, codes: readonly string[]): Promise<void> {
  const tell = (error: unknown): void => expect(codes).toContain(codeOf(error))
  for (let round = 0; round < ROUNDS; round++) {
    const receipt = store.transact((tx) => (tx.set(title, `title ${round}`), tx.add(votes, 1)))
    done.votes += 1
    // What is not durable yet stays, and will be.
    await machine.until(receipt.durable().catch(tell))
    const decided = store.transactAsync((tx) => (tx.set(draft, `draft ${round}`), tx.add(drafts, 1)), browser)
    await machine.until(decided.then(() => void (done.drafts += 1)).catch(tell))
  }
}

interface Met {
  readonly moments: number
  readonly compactions: number
  readonly done: Done
}

/** Runs it, with the trouble at the n-th moment. Whatever comes of it, all that stands is there once in the end. */
async function meet(trouble: string, at: number): Promise<Met> {
  const { codes, come } = troubles[trouble]!
  let moments = 0
  const moment = (): void => {
    moments += 1
    // When the call was made.
    if (moments === at) queueMicrotask(() => come(machine, victim))
  }
  const calls: StorageCalls = {
    ...unheard,
    asked: moment,
    made: moment,
    reached: (_, __, when) => (when === 'after' ? moment() : undefined),
  }
  const machine = machineOf(at, createDisk(), calls)
  const page = createPage()
  const victim = machine.life()
  const storage = indexedDb('app', machine.browser.surroundings(victim, page))
  // A log that is compacted meanwhile.
  let compactions = 0
  const openLog: typeof storage.openLog = async (space) => {
    const log = await storage.openLog(space)
    const replace: typeof log.replace = (...given) => log.replace(...given).then(() => void compactions++)
    return { ...log, worthBytes: 400, replace }
  }
  const store = await machine.open({ storage: { ...storage, openLog } })
  const done: Done = { votes: 0, drafts: 0 }
  await work(machine, store, done, codes)
  await machine.run()
  await machine.until(store.durable())
  const there = [`title ${ROUNDS - 1}`, done.votes, done.drafts]
  const shown = (one: Store): unknown[] => [one.get(title), one.get(votes), one.get(drafts)]
  expect([trouble, at, ...shown(store)]).toEqual([trouble, at, ...there])
  expect([store.status.storage, store.status.unsaved]).toEqual(['ok', 0])
  await machine.until(store.close())
  const next = await machine.open()
  expect([trouble, at, ...shown(next), next.status.storage]).toEqual([trouble, at, ...there, 'ok'])
  await machine.until(next.close())
  expect(await machine.until(verifyDatabase('app', machine.surroundings()))).toMatchObject({ isSound: true })
  for (const error of machine.errors) expect(codes).toContain(codeOf(error))
  return { moments, compactions, done }
}

test.each(Object.keys(troubles))(
  '[ID10] [ST12] at each call of the storage, one after the other, %s: what stands is stored, once',
  async (trouble) => {
    const calm = await meet(trouble, 0)
    expect(calm.done).toEqual({ votes: ROUNDS, drafts: ROUNDS })
    expect(calm.compactions).toBeGreaterThan(0)
    let rejected = 0
    let at = 1
    for (; ; at++) {
      const { moments, done } = await meet(trouble, at)
      if (moments < at) break
      if (done.drafts < ROUNDS) rejected += 1
    }
    expect(at).toBeGreaterThan(30)
    expect(rejected).toBeGreaterThan(0)
  },
)

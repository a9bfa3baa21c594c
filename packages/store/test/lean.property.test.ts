import { collection, counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, type PlainStore, type Storage, type Store } from '../src/index.ts'
import {
  agents,
  asyncTransactions,
  browserRefs,
  handles,
  link,
  relayRefs,
  undo,
  validity,
  type Part,
} from '../src/lean.ts'
import { createWorld, passing, seededChance, settle, type Wire } from './world.ts'

const votes = counter('votes')
const title = lww('title', '')
const cards = collection('cards', { title: '' })
const drafts = counter('drafts', { arbiter: 'browser' })
const sold = counter('sold', { arbiter: 'relay' })

const everything: readonly Part[] = [agents, asyncTransactions, browserRefs, handles, link, relayRefs, undo, validity]

interface Tab {
  /** Has what its parts bring; what they are is asked of it. */
  readonly store: PlainStore & Partial<Store>
  readonly names: ReadonlySet<string>
}

interface Done {
  plain: number
  drafted: number
  sold: number
  undone: number
  opened: number
  partial: number
}

/** Opens and closes tabs of one browser with random parts, and lets each do what it can, beside another browser with a whole store. */
async function run(seed: number): Promise<Done> {
  const dice = seededChance(seed * 104_729)
  const pick = (count: number): number => Math.floor(dice.fraction() * count)
  const world = await createWorld(seed)
  const storage: Storage = memoryStorage()
  const wire: Wire = world.wire()
  const other = await world.open({ transport: world.wire() })
  const tabs: Tab[] = []
  const done: Done = { plain: 0, drafted: 0, sold: 0, undone: 0, opened: 0, partial: 0 }
  const asked: Promise<unknown>[] = []
  let mostSold = 0

  async function open(parts: readonly Part[]): Promise<Tab> {
    const names = new Set<string>(parts.map(({ name }) => name))
    const hasLink = names.has('link') || names.has('relayRefs')
    const store = await world.openLean(parts, hasLink ? { storage, transport: wire } : { storage })
    done.opened += 1
    if (parts.length < everything.length) done.partial += 1
    // All that this browser has promised is there, whoever opens it.
    expect([store.get(votes) >= done.plain, store.get(drafts)]).toEqual([true, done.drafted])
    return { store, names }
  }

  async function act({ store }: Tab, step: number): Promise<void> {
    switch (pick(5)) {
      case 0:
        await store
          .transactAsync?.((tx) => tx.add(drafts, 1), { arbiter: 'browser', undo: false })
          .then(
            () => (done.drafted += 1),
            (error: unknown) => expect(error).toMatchObject({ code: 'part-missing', part: 'browserRefs' }),
          )
        return
      case 1: {
        if (store.transactAsync === undefined) return
        mostSold += 1
        const selling = store.transactAsync((tx) => tx.commute(sold, { add: 1 }), {
          arbiter: 'relay',
          undo: false,
          timeoutMs: 30_000,
        })
        asked.push(
          selling.then(
            () => (done.sold += 1),
            ({ code }: { code: string }) =>
              expect(['part-missing', 'offline', 'closed', 'attempts-exhausted', 'no-arbiter']).toContain(code),
          ),
        )
        await world.clock.pass(pick(500))
        return
      }
      case 2:
        if (store.undoStack === undefined) return
        // A store takes back what refs it has met.
        for (const readable of [title, cards]) store.get<unknown>(readable)
        if (pick(3) > 0) store.undo?.()
        else store.redo?.()
        done.undone += 1
        return
      default: {
        const before = store.get(votes)
        store.transact((tx) => tx.add(votes, 1), { undo: false })
        expect(store.get(votes)).toBe(before + 1)
        const card = cards.at(`c${pick(4)}`)
        store.transact((tx) => {
          tx.set(title, `t${step}`)
          if (tx.get(card) === undefined) tx.create(card, { title: `made ${step}` })
          else if (pick(3) === 0) tx.delete(card)
          else tx.patch(card, { title: `edited ${step}` })
        })
        await store.durable()
        done.plain += 1
      }
    }
  }

  for (let step = 0; step < 30; step++) {
    const tab = tabs[pick(tabs.length)]
    if (tab === undefined || (tabs.length < 3 && pick(3) === 0)) {
      tabs.push(await open(everything.filter(() => pick(2) === 0)))
    } else if (pick(5) === 0) {
      tabs.splice(tabs.indexOf(tab), 1)
      await passing(world, tab.store.close())
    } else await act(tab, step)
    if (pick(6) === 0) wire.cut()
    else if (pick(2) === 0) wire.mend()
    await world.clock.pass(pick(2_000))
  }
  wire.mend()
  for (const { store } of tabs) await passing(world, store.close())
  const whole = await world.open({ storage, transport: wire })
  await world.clock.pass(120_000)
  await Promise.all(asked)
  await settle()
  const read = (store: PlainStore): readonly unknown[] => [
    store.get(votes),
    store.get(title),
    [...store.items(cards)],
    store.get(sold),
    store.snapshot.basis.relaySeq,
  ]
  expect(read(whole)).toEqual(read(other))
  expect([whole.get(votes), whole.get(drafts), whole.status.pending]).toEqual([done.plain, done.drafted, 0])
  // Who was told that it was closed, or that it took too long, may have sold all the same.
  expect(whole.get(sold)).toBeGreaterThanOrEqual(done.sold)
  expect(whole.get(sold)).toBeLessThanOrEqual(mostSold)
  // What tabs with undo have left can be taken back, and nothing else goes with it.
  while (whole.undoStack().undoable) whole.undo()
  expect([whole.get(votes), whole.get(drafts)]).toEqual([done.plain, done.drafted])
  await world.close()
  expect(world.clock.timers).toBe(0)
  return done
}

test('[LE4] [LE5] tabs with any parts, one after and beside the other, keep what each other wrote', async () => {
  const total: Record<string, number> = {}
  for (let seed = 1; seed <= (process.env['SYNCLINE_LONG'] === '1' ? 400 : 30); seed++) {
    try {
      for (const [what, count] of Object.entries(await run(seed))) total[what] = (total[what] ?? 0) + count
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
  expect(Object.entries(total).filter(([, count]) => count < 20)).toEqual([])
}, 900_000)

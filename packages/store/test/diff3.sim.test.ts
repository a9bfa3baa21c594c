import { json, keyed, lines, resolve, words } from '@syncline/merge/diff'
import { diff3, type Diff3Ref } from '@syncline/merge/diff3'
import type { Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { memoryStorage, type Store } from '../src/index.ts'
import { createWorld, seededChance, type Wire } from './world.ts'

const RUNS = process.env.SYNCLINE_LONG === '1' ? 400 : 16

const page = diff3('page', { by: lines, initial: 'one\ntwo\n\nthree\n\nfour\n' })
const board = diff3<Value>('board', {
  by: json({ title: words, tasks: keyed('id') }),
  initial: { title: 'plan', tasks: [{ id: 'a' }, { id: 'b' }] },
})

/** Somebody with a store, a wire and a disk. */
interface Person {
  readonly wire: Wire
  readonly disk: ReturnType<typeof memoryStorage>
  store: Store
  /** What a form was opened with. */
  opened: string
}

/** Three to five people, some of them offline for long, on one relay: what they did, and what everybody reads in the end. */
async function run(seed: number) {
  const did = { edits: 0, saves: 0, settles: 0, undos: 0, reloads: 0, cuts: 0, disputes: 0, refused: 0 }
  const dice = seededChance(seed * 7919)
  const pick = (count: number): number => Math.floor(dice.fraction() * count)
  const world = await createWorld(seed, {
    refuse: (header) => (header.at % 17 === 0 ? { code: 'forbidden', message: 'Not today.' } : undefined),
  })
  const people: Person[] = []
  for (let i = 3 + pick(3); i > 0; i--) {
    const [wire, disk] = [world.wire(), memoryStorage()]
    const store = await world.open({ transport: wire, storage: disk })
    people.push({ wire, disk, store, opened: store.get(page).value })
  }
  const edited = (text: string, token: string): string => {
    const all = text.split('\n').slice(0, -1)
    all.splice(pick(all.length + 1), pick(2), token)
    return all.map((line) => `${line}\n`).join('')
  }
  const changed = (value: Value, token: string): Value => {
    const { tasks, ...rest } = value as { title: string; tasks: readonly { id: string }[] }
    const at = pick(tasks.length + 1)
    if (pick(3) === 0) return { ...rest, title: `plan ${token}`, tasks: tasks as unknown as Value }
    return { ...rest, tasks: tasks.toSpliced(at, pick(2), { id: token }) as unknown as Value }
  }
  const settleOne = (store: Store, ref: Diff3Ref<any>, side: 'mine' | 'theirs'): boolean => {
    const settles = store.get(ref)
    if (settles.conflicts.length === 0) return false
    store.transact((tx) => tx.patch(ref, { value: resolve({ clean: false, ...settles }, () => side), settles }))
    return true
  }

  for (let step = 0; step < 60; step++) {
    const person = people[pick(people.length)]!
    const { store, wire, disk } = person
    switch (pick(13)) {
      case 0:
        wire.cut()
        did.cuts += 1
        break
      case 1:
        wire.mend()
        break
      case 2:
        await world.clock.pass(pick(20_000))
        break
      case 3:
        await store.close()
        person.store = await world.open({ transport: wire, storage: disk })
        person.store.get(page)
        did.reloads += 1
        break
      case 4:
        if (store.undo().change !== undefined) did.undos += 1
        break
      case 5:
        if (settleOne(store, page, pick(2) === 0 ? 'mine' : 'theirs') || settleOne(store, board, 'mine'))
          did.settles += 1
        break
      case 6:
        if (!settleOne(store, board, 'theirs')) break
        did.settles += 1
        break
      case 7:
        person.opened = store.get(page).value
        break
      case 8:
        if (store.transact((tx) => tx.merge(page, person.opened, edited(person.opened, `s${step}`))).change)
          did.saves += 1
        break
      default: {
        const receipt = store.transact((tx) => {
          if (pick(2) === 0) tx.set(page, edited(tx.get(page).value, `e${step}`))
          else tx.set(board, changed(tx.get(board).value, `e${step}`))
        })
        did.edits += 1
        void receipt.synced().catch(() => (did.refused += 1))
      }
    }
    if (store.get(page).conflicts.length > 0 || store.get(board).conflicts.length > 0) did.disputes += 1
  }
  for (const { wire, store } of people) {
    wire.mend()
    store.connect()
  }
  await world.clock.pass(300_000)
  const fresh = await world.open({ transport: world.wire() })
  await world.clock.pass(2_000)
  const views = [fresh, ...people.map(({ store }) => store)].map((store) => {
    // Nobody has anything left that others have not.
    return JSON.stringify([store.get(page), store.get(board), store.status.pending])
  })
  await world.close()
  return { did, views }
}

test('[D3-15] [ME1] people who edit whole values in stores of their own, offline and refused now and then, all read the same', async () => {
  const sum: Record<string, number> = {}
  for (let seed = 1; seed <= RUNS; seed++) {
    const { did, views } = await run(seed)
    expect({ seed, views: new Set(views).size }).toEqual({ seed, views: 1 })
    for (const [key, count] of Object.entries(did)) sum[key] = (sum[key] ?? 0) + count
  }
  expect(Object.keys(sum)).toHaveLength(8)
  expect(Math.min(...Object.values(sum))).toBeGreaterThan(RUNS / 2)
})

import { indexedDb } from '@syncline/idb'
import { collection, counter } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { createRandom } from '../../src/simulate/random.ts'
import { machineOf, type Machine } from './disks.ts'
import { compact, relayOf, wayTo } from './people.ts'

const isLong = process.env['SYNCLINE_LONG'] === '1'
const COPIES = isLong ? 500 : 9

const cards = collection('cards', { title: '' })
const votes = counter('votes')

/** How there come to be two of what was one browser's. */
const WAYS = ['a copied profile', 'a restored backup', 'a duplicated tab'] as const

/** What everybody of one trial has done. */
interface Done {
  readonly ids: string[]
  /** Of each session, the writer. */
  readonly writers: Map<Session, string>
}

/** Somebody at work: a store, and the machine that it is on. */
interface Session {
  readonly machine: Machine
  readonly store: Store
  readonly way: ReturnType<typeof wayTo>
  end(): Promise<void>
}

test(`[ST11] [ST16] ${COPIES} copies of what a browser has go on apart and then together: nothing is lost or doubled, all agree, and nobody writes under the name of another`, async () => {
  const names = new Set<string>()
  let sessions = 0
  for (let seed = 1; seed <= COPIES; seed++) {
    const random = createRandom(seed, 'copies')
    const draw = (below: number): number => Math.floor(random() * below)
    const relay = relayOf()
    const done: Done = { ids: [], writers: new Map() }

    async function open(machine: Machine, isWhole: boolean): Promise<Session> {
      const way = wayTo(relay)
      way.isWhole = isWhole
      const storage = indexedDb('app', machine.surroundings())
      const store = await machine.open({ storage, transport: way, credential: () => new Uint8Array() })
      return { machine, store, way, end: () => machine.until(store.close()) }
    }

    /** Some commits, of which each makes a card and counts one. */
    async function work(session: Session, name: string): Promise<void> {
      const { machine, store } = session
      for (let i = draw(4); i >= 0; i--) {
        const id = `${name} ${i}`
        const receipt = store.transact((tx) => {
          tx.create(cards.at(id), { title: name })
          tx.add(votes, 1)
        })
        done.ids.push(id)
        done.writers.set(session, receipt.change!.writer)
        await machine.until(receipt.durable())
      }
    }

    const untilSynced = ({ machine, store }: Session): Promise<void> => machine.until(store.synced())

    // Some of it the relay has, some of it this browser only.
    const origin = machineOf(3 * seed)
    const first = await open(origin, true)
    await work(first, 'sent')
    await untilSynced(first)
    await first.end()
    const second = await open(origin, false)
    await work(second, 'kept')
    // A profile may be copied while a tab of it is open.
    const isOpen = draw(2) === 0
    if (!isOpen) await second.end()
    if (!isOpen && draw(2) === 0) await compact(origin, null)
    const way = WAYS[seed % WAYS.length]!
    const copy = way === 'a duplicated tab' ? origin : machineOf(3 * seed + 1, origin.disk.copy())
    if (isOpen) await second.end()

    const one = await open(origin, draw(2) === 0)
    await work(one, 'one')
    if (way === 'a restored backup') {
      // It has gone on, and the relay knows of it, when the old state takes its place.
      one.way.isWhole = true
      await untilSynced(one)
      await one.end()
    }
    const other = await open(copy, draw(2) === 0)
    await work(other, 'other')
    const far = await open(machineOf(3 * seed + 2), true)
    await work(far, 'far')
    const all = [...(way === 'a restored backup' ? [] : [one]), other, far]
    for (const each of all) each.way.isWhole = true
    for (const each of all) await work(each, `${all.indexOf(each)} together`)
    for (const each of all) await untilSynced(each)

    const ids = [...done.ids].sort()
    const seen = (): unknown[] => all.map(({ store }) => [store.get(cards), store.get(votes), store.status.pending])
    const expected = all.map(() => [ids, ids.length, 0])
    for (let turn = 0; turn < 100 && JSON.stringify(seen()) !== JSON.stringify(expected); turn++) {
      for (const { machine } of all) await machine.run(20)
    }
    expect([seed, way, ...seen()]).toEqual([seed, way, ...expected])
    for (const each of all) await each.end()
    for (const { machine } of all) expect(machine.errors).toEqual([])
    sessions += done.writers.size
    for (const writer of done.writers.values()) names.add(writer)
  }
  // Each session was another writer.
  expect(names.size).toBe(sessions)
})

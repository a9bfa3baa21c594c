import { indexedDb, type Surroundings } from '@syncline/idb'
import { counter } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { machineOf } from './disks.ts'
import { relayOf, wayTo } from './people.ts'

const votes = counter('votes')

test.each([
  { hasWebLocks: true, links: 1 },
  { hasWebLocks: false, links: 3 },
])(
  '[ID28] tabs that cannot talk to each other ($hasWebLocks) run $links of three links, and nothing of theirs is lost or doubled',
  async ({ hasWebLocks, links }) => {
    const machine = machineOf(1, undefined, undefined, hasWebLocks)
    const relay = relayOf()
    const connected = new Set<number>()
    const silent = (): Surroundings =>
      Object.defineProperty(machine.surroundings(), 'openChannel', { value: undefined })
    const open = (place: number): Promise<Store> => {
      const way = wayTo(relay)
      return machine.open({
        storage: indexedDb('app', silent()),
        credential: () => new Uint8Array(),
        transport: { connect: (events) => (connected.add(place), way.connect(events)) },
      })
    }
    const pass = (ms: number): Promise<void> =>
      machine.until(new Promise<void>((resolve) => void machine.clock().setTimer(ms, resolve)))
    const add = (store: Store): Promise<void> => machine.until(store.transact((tx) => tx.add(votes, 1)).durable())

    const stores = [await open(0), await open(1), await open(2)]
    for (const store of stores) await add(store)
    // So long it takes at most that who runs a link has looked at the log.
    await pass(20_000)
    expect(connected.size).toBe(links)
    expect(stores.map((store) => store.get(votes)).filter((seen) => seen === 3).length).toBeGreaterThanOrEqual(links)
    // Somebody else has all of it from the relay.
    const elsewhere = machineOf(2)
    const far = await elsewhere.open({ transport: wayTo(relay), credential: () => new Uint8Array() })
    for (let turn = 0; turn < 50 && far.get(votes) < 3; turn++) await elsewhere.run(20)
    expect(far.get(votes)).toBe(3)
    // Who stores something reads what the others have stored.
    for (const store of stores) await add(store)
    await pass(20_000)
    expect(stores.at(-1)!.get(votes)).toBe(6)
    for (const store of [...stores].reverse()) await machine.until(store.close())
    const again = await open(3)
    expect(again.get(votes)).toBe(6)
    await machine.until(again.close())
    await elsewhere.until(far.close())
    expect(machine.errors).toEqual([])
  },
)

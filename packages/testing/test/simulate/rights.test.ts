import { createMemoryStorage, createRelay, type Admission, type Relay } from '@syncline/relay'
import { lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { machineOf, type Machine } from './disks.ts'
import { openAs, wayTo } from './people.ts'

const title = lww('title', '')
const last = lww('d', '')
const cards = [lww('a', ''), lww('b', ''), lww('c', ''), last]
const GOOD_MS = 60_000

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

interface World {
  readonly machine: Machine
  readonly relay: Relay
  /** What everybody may do. */
  may: { read: boolean; write: boolean }
  /** When each credential came. */
  readonly cameAt: number[]
  isGood: boolean
}

/** A relay that gives credentials a minute, and a machine. */
function world(): World {
  const machine = machineOf(1)
  const clock = machine.clock()
  const one: World = {
    machine,
    may: { read: true, write: true },
    cameAt: [],
    isGood: true,
    relay: createRelay({
      storage: createMemoryStorage(),
      clock,
      authenticate(credential): Admission {
        one.cameAt.push(clock.nowMs())
        if (!one.isGood) return { denied: 'Sign in.' }
        return { principal: new TextDecoder().decode(credential), untilMs: clock.nowMs() + GOOD_MS }
      },
      authorize: async (_who, _space, action) => (action === 'read' ? one.may.read : one.may.write),
    }),
  }
  return one
}

/** Lets time go by, more slowly than what is on its way. */
const settled = async (machine: Machine, isSo: () => boolean): Promise<void> => {
  for (let step = 0; step < 2000 && !isSo(); step++) {
    await machine.run(1)
    for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(isSo()).toBe(true)
}

const problemOf = (store: Store): string | undefined => store.status.problem?.code

test('[ST90] a credential is renewed on the same connection, before it ends, and nothing is lost or interrupted', async () => {
  const { machine, relay, cameAt } = world()
  const transport = wayTo(relay)
  const links: string[] = []
  const store = await openAs(machine, 'ann', { transport, credential: async () => bytes('ann') })
  store.onStatus(({ link }) => links.push(link))
  await machine.until(store.transact((tx) => tx.set(title, 'one')).synced())
  links.length = 0
  await settled(machine, () => cameAt.length >= 4)
  await machine.until(store.transact((tx) => tx.set(title, 'two')).synced())
  expect(new Set(links)).toEqual(new Set(['online']))
  const apart = cameAt.slice(1).map((at, i) => at - cameAt[i]!)
  for (const ms of apart) expect(ms).toBeLessThan(GOOD_MS)
  await machine.until(store.close())
})

test('[ST90] where there is no credential the app is told, and it is tried again', async () => {
  const { machine, relay } = world()
  let isSignedIn = false
  const store = await openAs(machine, 'ann', {
    transport: wayTo(relay),
    async credential() {
      if (!isSignedIn) throw new Error('not signed in')
      return bytes('ann')
    },
  })
  await settled(machine, () => problemOf(store) === 'unauthenticated')
  expect(store.status.problem?.message).toContain('not signed in')
  const receipt = store.transact((tx) => tx.set(title, 'kept'))
  isSignedIn = true
  await machine.until(receipt.synced())
  await machine.until(store.close())
})

test('[ST90] [RL95] who is not let in any more keeps what is pending, and is told', async () => {
  const one = world()
  const { machine, relay } = one
  const store = await openAs(machine, 'ann', { transport: wayTo(relay) })
  await machine.until(store.transact((tx) => tx.set(title, 'one')).synced())
  one.isGood = false
  relay.revoke('ann')
  await settled(machine, () => problemOf(store) === 'unauthenticated')
  const receipt = store.transact((tx) => tx.set(title, 'two'))
  expect([store.get(title), store.status.refused]).toEqual(['two', 0])
  one.isGood = true
  await machine.until(receipt.synced())
  await machine.until(store.close())
})

test.each([
  ['write', { read: true, write: false }],
  ['read and write', { read: false, write: false }],
])(
  '[ST91] [RL91] [RL92] [RL95] when the right to %s is withdrawn, all that is pending is refused, and can be applied again',
  async (_, may) => {
    const one = world()
    const { machine, relay } = one
    const transport = wayTo(relay)
    const store = await openAs(machine, 'ann', { transport })
    await machine.until(store.transact((tx) => tx.set(title, 'one')).synced())
    // What is written while there is no way, in several collections, one on top of the other and beside it.
    transport.isWhole = false
    one.may = may
    relay.revoke('ann')
    const receipts = cards.map((card) => store.transact((tx) => tx.set(card, 'new')))
    const onTop = store.transact((tx) => tx.set(title, 'two'))
    const refused = Promise.allSettled([...receipts, onTop].map((receipt) => receipt.synced()))
    const cutAt = machine.clock().nowMs()
    transport.isWhole = true
    const outcomes = await machine.until(refused)
    expect(outcomes.map(({ status }) => status)).toEqual(Array(5).fill('rejected'))
    // Not one each time that it is tried.
    expect(machine.clock().nowMs() - cutAt).toBeLessThan(60_000)
    expect([store.get(title), store.get(last), store.status.pending]).toEqual(['one', '', 0])
    const list = store.refused.list()
    expect(list.map(({ code }) => code)).toEqual(Array(5).fill('read-only'))
    // They are on the device.
    await machine.until(store.close())
    const again = await openAs(machine, 'ann', { transport })
    expect(again.refused.list().length).toBe(5)
    one.may = { read: true, write: true }
    relay.revoke('ann')
    const back = again.refused.list().map(({ id }) => again.refused.reapply(id).synced())
    await machine.until(Promise.all(back))
    expect([again.get(title), again.get(last), again.refused.list()]).toEqual(['two', 'new', []])
    expect(machine.errors).toEqual([])
    await machine.until(again.close())
  },
)

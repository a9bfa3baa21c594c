import { counter, lww } from '@syncline/merge'
import { expect, test } from 'vitest'
import { counted } from '../counted.ts'
import { exhaust, SimulationError, type SimulatedApp } from '../../src/simulate/index.ts'

const isLong = process.env.SYNCLINE_LONG === '1'
const votes = counter('votes')
const title = lww('title', '')
const seat = lww<string | null>('seat', null, { arbiter: 'relay' })

const desk = lww<string | null>('desk', null, { arbiter: 'browser' })
const claims = counter('claims', { arbiter: 'browser' })

const app = {
  refs: { votes, title, seat, desk, claims },
  actions: {
    vote: (tx) => tx.add(votes, 1),
    rename: (tx, chance) => tx.set(title, chance.unique()),
    claim: {
      arbiter: 'browser',
      body(tx, chance) {
        if (tx.get(desk) !== null) return
        tx.set(desk, chance.unique())
        tx.add(claims, 1)
      },
    },
    sit: {
      arbiter: 'relay',
      body(tx, chance) {
        if (tx.get(seat) === null) tx.set(seat, chance.unique())
      },
    },
  },
} satisfies SimulatedApp

const print = (line: string): void => console.log(line)

test.each([
  // One after the other, as far as the relay may answer before the second is sent.
  { does: [['vote', 'vote'], []], orders: 30 },
  { does: [['vote'], ['vote']], orders: 56 },
  // What a relay decides about it decides once, whoever comes first.
  { does: [['sit'], ['sit']], orders: 32 },
  ...(isLong ? [{ does: [['sit', 'vote'], []], orders: 81 }] : []),
])('all $orders orders of messages and storages when tabs do $does', async ({ does, orders }) => {
  const invariants = {
    'one seat': (snapshot) => snapshot.get(seat) === null || /^\d+\.1$/.test(snapshot.get(seat)!),
  } satisfies SimulatedApp['invariants']
  const { complete, explored } = await exhaust({ app: { ...app, invariants }, of: 'frames', by: 'order', does, print })
  expect([complete, explored.orders]).toEqual([true, orders])
  counted('orders of frames', orders)
})

test.each(
  isLong
    ? [{ does: [['vote'], ['vote']], states: 1160, orders: 56 }]
    : [{ does: [['vote'], []], states: 13, orders: 1 }],
)('by state the same orders are found, and each of $states points once', async ({ does, states, orders }) => {
  const { complete, explored } = await exhaust({ app, of: 'frames', does, print })
  expect(complete).toBe(true)
  expect(explored).toMatchObject({ states, orders })
})

test.each([
  { does: [['vote'], []], orders: 6 },
  // What the tabs of a browser decide about they decide once, whoever's entry is stored first.
  { does: [['claim'], ['claim']], orders: 136 },
])('all $orders orders in which the tabs of one browser do $does', async ({ does, orders }) => {
  const invariants = { 'claimed once': (snapshot) => snapshot.get(claims) <= 1 } satisfies SimulatedApp['invariants']
  const { complete, explored } = await exhaust({
    app: { ...app, invariants },
    of: 'frames',
    tabs: [2],
    by: 'order',
    does,
    print,
  })
  expect([complete, explored.orders]).toEqual([true, orders])
  counted('orders of frames', orders)
})

test('what is found is shown in an order that is as usual as it can be', async () => {
  const broken = {
    ...app,
    invariants: {
      'nobody votes while it is renamed': (snapshot) => snapshot.get(title) === '' || snapshot.get(votes) < 2,
    },
  } satisfies SimulatedApp
  const does = [['vote', 'rename'], ['vote']]
  const error: unknown = await exhaust({ app: broken, of: 'frames', by: 'order', does, print }).catch(
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(SimulationError)
  const { check, what, steps, diagram } = (error as SimulationError).counterexample!
  expect([check, what]).toEqual(['invariant', expect.stringContaining('nobody votes while it is renamed')])
  expect(steps.filter((step) => /: \d+: (vote|rename)$/.test(step))).toHaveLength(3)
  expect(diagram).toMatch(/^browser 1\/tab 1 +browser 2\/tab 1 +relay\n/)
  expect(diagram).toContain('changes w')
})

test('it says when it is not all, and what it cannot explore', async () => {
  const does = [['vote'], ['vote']]
  const limited = await exhaust({ app, of: 'frames', does, limit: 3, print })
  expect(limited).toMatchObject({ of: 'frames', complete: false, reason: 'limit' })
  const short = await exhaust({ app, of: 'frames', does, depth: 3, print })
  expect(short).toMatchObject({ complete: false, reason: 'depth', explored: { orders: 0 } })
  await expect(exhaust({ app, of: 'frames', points: 'apart', does, print })).rejects.toThrow(
    'Leave out points and clocks',
  )
  await expect(exhaust({ app, of: 'frames', tabs: [2], does: [['vote']], print })).rejects.toThrow('at least two')
  await expect(exhaust({ app, of: 'frames', tabs: [2, 1], does, print })).rejects.toThrow('There are 3 tabs')
  await expect(exhaust({ app, of: 'frames', does: [['sing'], []], print })).rejects.toThrow('There is no action "sing"')
})

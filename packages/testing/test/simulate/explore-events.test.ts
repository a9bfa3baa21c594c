import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exploreEvents, playPath, type EventSystem } from '../../src/simulate/explore-events.ts'
import { createKernel } from '../../src/simulate/kernel.ts'

/** Senders, each with messages for receivers, who write down what comes. */
function system(
  sends: readonly (readonly string[])[],
  isWrong: (heard: Record<string, string>) => boolean = () => false,
): () => Promise<EventSystem> {
  return async () => {
    const kernel = createKernel(1)
    const heard: Record<string, string> = {}
    sends.forEach((receivers, sender) => {
      receivers.forEach((to, i) => {
        const channel = `${sender} to ${to}`
        kernel.plan({
          party: to,
          kind: 'message',
          label: 'm',
          channel,
          inMs: 10 - i,
          bytes: Uint8Array.of(sender, i),
          run: () => void (heard[to] = `${heard[to] ?? ''}${sender}`),
        })
      })
    })
    // It would come first, and waits for its time.
    kernel.plan({ party: 'x', kind: 'timer', label: 'late', run: () => void (heard.late = 'r') })
    const finding = () => (isWrong(heard) ? { check: 'wrong', what: JSON.stringify(heard) } : undefined)
    return {
      kernel,
      begunAt: 0,
      waits: ({ kind }) => kind === 'timer',
      partyOf: ({ party }) => party,
      broken: finding,
      async finish() {
        expect(heard.late).toBe(undefined)
        await kernel.pass(100)
        expect(heard.late).toBe('r')
        return finding()
      },
    }
  }
}

const everything = { depth: Infinity, limit: Infinity }

test.each([
  // To one receiver in each order, as far as those of one sender come in theirs.
  [
    [
      ['x', 'x'],
      ['x', 'x'],
    ],
    6,
  ],
  [[['x'], ['x'], ['x']], 6],
  // What different ones hear is one order.
  [[['x', 'y'], ['z']], 1],
  [
    [
      ['x', 'y'],
      ['x', 'y'],
    ],
    4,
  ],
  [
    [
      ['x', 'x', 'x'],
      ['x', 'x', 'x'],
    ],
    20,
  ],
])('of %j each order is played once, and each state is reached once', async (sends, orders) => {
  const byOrder = await exploreEvents(system(sends), { by: 'order', ...everything })
  expect(byOrder).toMatchObject({ orders, reason: undefined, finding: undefined })
  // What each has heard, in its order.
  const heard = new Set<string>()
  const told = await exploreEvents(
    system(sends, (all) => {
      heard.add(
        JSON.stringify(
          Object.entries(all)
            .map(([to, order]) => `${to} ${order}`)
            .sort(),
        ),
      )
      return false
    }),
    { by: 'state', ...everything },
  )
  expect(told.states).toBe([...heard].filter((each) => each !== '[]' && !each.includes('late')).length)
  expect(told.states).toBeGreaterThan(2)
})

test('what is found is found by both, and its path leads there again', async () => {
  const sends = [
    ['x', 'y', 'x'],
    ['y', 'x', 'y'],
  ]
  const isWrong = (heard: Record<string, string>): boolean => heard.x === '010' && heard.y === '110'
  for (const by of ['state', 'order'] as const) {
    const { finding, path, orders } = await exploreEvents(system(sends, isWrong), { by, ...everything })
    expect(finding?.what).toContain('"x":"010"')
    expect(orders).toBeGreaterThan(0)
    const again = await playPath(system(sends, isWrong), path)
    expect(again.finding).toEqual(finding)
  }
  const { finding, orders } = await exploreEvents(
    system(sends, () => false),
    { by: 'order', ...everything },
  )
  expect([finding, orders]).toEqual([undefined, 9])
})

test('too much is not all', async () => {
  const sends = [
    ['x', 'x', 'x'],
    ['x', 'x', 'x'],
  ]
  expect(await exploreEvents(system(sends), { by: 'order', depth: Infinity, limit: 7 })).toMatchObject({
    orders: 7,
    reason: 'limit',
  })
  const short = await exploreEvents(system(sends), { by: 'order', depth: 3, limit: Infinity })
  expect(short).toMatchObject({ orders: 0, reason: 'depth' })
})

/** Messages, each sent when the one before it that it names has come, or at the beginning; to somebody, by a channel or by none. */
const messages = fc.array(
  fc.record({ to: fc.constantFrom('x', 'y', 'z'), by: fc.constantFrom('a', 'b', undefined), cause: fc.nat(9) }),
  { minLength: 1, maxLength: 7 },
)

test('where races are the only places to choose at, no order is missed and none is played twice', async () => {
  let orders = 0
  let most = 0
  await fc.assert(
    fc.asyncProperty(messages, async (plan) => {
      let begun = 0
      const begin = async (): Promise<EventSystem> => {
        begun += 1
        const kernel = createKernel(1)
        const send = (cause: number | undefined): void =>
          plan.forEach(({ to, by, cause: after }, i) => {
            if ((after < i ? after : undefined) !== cause) return
            // A channel goes from one party to one.
            const from = cause === undefined ? 'outside' : plan[cause]!.to
            const channel = by === undefined ? undefined : `${by} from ${from} to ${to}`
            kernel.plan({
              party: to,
              kind: 'message',
              label: `m${i}`,
              channel,
              bytes: Uint8Array.of(i),
              run: () => send(i),
            })
          })
        send(undefined)
        return {
          kernel,
          begunAt: 0,
          waits: () => false,
          partyOf: ({ party }) => party,
          broken: () => undefined,
          finish: async () => undefined,
        }
      }
      const byState = await exploreEvents(begin, { by: 'state', ...everything })
      begun = 0
      const byOrder = await exploreEvents(begin, { by: 'order', ...everything })
      expect(byOrder.orders).toBe(byState.orders)
      orders += byOrder.orders
      most = Math.max(most, byOrder.orders)
      // Some are begun in vain, where what was tried before comes up again.
      expect(begun).toBeLessThanOrEqual(byOrder.orders * 2)
    }),
    { numRuns: 100 },
  )
  expect(orders).toBeGreaterThan(300)
  expect(most).toBeGreaterThan(20)
})

import { expect, test } from 'vitest'
import type { Trace } from '../../src/simulate/decider.ts'
import { createKernel, type Kernel } from '../../src/simulate/kernel.ts'
import { beginLife } from '../../src/simulate/life.ts'

const say =
  (heard: string[], word: string): (() => void) =>
  () =>
    void heard.push(word)

test('events happen as they are due, those of one channel in the order in which they were made', async () => {
  const kernel = createKernel(1)
  const heard: string[] = []
  const plan = (label: string, inMs: number, channel?: string): (() => void) =>
    kernel.plan({ party: 'a', kind: 'message', label, channel, inMs, run: say(heard, label) })
  plan('late', 30)
  plan('first of a channel', 20, 'c')
  plan('second of a channel', 5, 'c')
  plan('soon', 10)
  plan('prevented', 1)()
  await kernel.pass(100)
  expect(heard).toEqual(['soon', 'first of a channel', 'second of a channel', 'late'])
  expect(kernel.nowMs()).toBe(100)
  expect(await kernel.step()).toBe(false)
})

test('everything that follows from an event has happened before the next one', async () => {
  const kernel = createKernel(1)
  const heard: string[] = []
  kernel.plan({
    party: 'a',
    kind: 'timer',
    label: '',
    run: () => void Promise.resolve().then(() => Promise.resolve().then(say(heard, 'after a promise'))),
  })
  kernel.plan({ party: 'a', kind: 'timer', label: '', run: say(heard, 'next') })
  await kernel.pass(1)
  expect(heard).toEqual(['after a promise', 'next'])
})

test('whoever chooses sees the oldest event of each channel, and may take any of them', async () => {
  const kernel = createKernel(1)
  const heard: string[] = []
  for (const [label, channel] of [
    ['a1', 'a'],
    ['a2', 'a'],
    ['b1', 'b'],
    ['x', undefined],
  ] as const) {
    kernel.plan({ party: 'p', kind: 'message', label, channel, inMs: 10, run: say(heard, label) })
  }
  const labels = (): unknown[] => kernel.enabled().map(({ label }) => label)
  expect(labels()).toEqual(['a1', 'b1', 'x'])
  await kernel.step(kernel.enabled()[2])
  await kernel.step(kernel.enabled()[0])
  expect(labels()).toEqual(['a2', 'b1'])
  expect(heard).toEqual(['x', 'a1'])
})

/** Events that make events, with times and words by the decider. */
async function branching(from: number | Trace): Promise<Kernel> {
  const kernel = createKernel(from)
  const { decider } = kernel
  const grow = (depth: number): void => {
    const bytes = decider.chance(`party ${depth}`).bytes(8)
    for (let child = 0; child <= decider.choose('children', 3) && depth < 6; child++) {
      const inMs = decider.choose(`delay ${depth}`, 1000)
      const label = decider.happens('shouts', 0.3) ? 'HELLO' : 'hello'
      kernel.plan({ party: 'p', kind: 'message', label, inMs, bytes, run: () => grow(depth + 1) })
    }
  }
  grow(0)
  await kernel.pass(10_000)
  return kernel
}

test('a seed, and what it decided, is the same schedule byte for byte; another seed is another one', async () => {
  const once = await branching(7)
  expect(once.steps()).toBeGreaterThan(5)
  const again = await branching(7)
  const replayed = await branching(once.decider.trace())
  expect(again.chronicle.digest()).toBe(once.chronicle.digest())
  expect(replayed.chronicle.digest()).toBe(once.chronicle.digest())
  expect(replayed.decider.trace()).toEqual(once.decider.trace())
  expect((await branching(8)).chronicle.digest()).not.toBe(once.chronicle.digest())
})

test('a stream that was cut short goes on as calmly as can be, and the others as they were', async () => {
  const trace = (await branching(7)).decider.trace()
  const { children, ...others } = trace.decisions
  const cut = await branching({ seed: 7, decisions: { ...others, children: children!.slice(0, 2) } })
  const { decisions } = cut.decider.trace()
  expect(decisions['children']!.slice(2).every((each) => each === 0)).toBe(true)
  expect(decisions['delay 0']).toEqual(trace.decisions['delay 0']!.slice(0, decisions['delay 0']!.length))
  const only = await branching({ seed: 7, decisions: {} })
  expect(only.decider.trace()).toEqual(trace)
})

test('nothing happens to the dead, and to the frozen all of it later, in order', async () => {
  const kernel = createKernel(1)
  const heard: string[] = []
  const [living, dying] = [beginLife(kernel, 'living'), beginLife(kernel, 'dying')]
  for (const [party, word, inMs] of [
    [living, 'one', 1],
    [living, 'two', 2],
    [dying, 'never', 2],
    [living, 'three', 10],
  ] as const) {
    party.plan({ kind: 'message', label: word, inMs, run: say(heard, word) })
  }
  const prevent = living.plan({ kind: 'timer', label: 'prevented', inMs: 3, run: say(heard, 'prevented') })
  living.freeze()
  dying.onEnd(say(heard, 'dead'), 'something')
  dying.end()
  await kernel.pass(5)
  expect(heard).toEqual(['dead'])
  // It is over, and nobody has heard of it.
  prevent()
  living.thaw()
  await kernel.pass(20)
  expect(heard).toEqual(['dead', 'one', 'two', 'three'])
})

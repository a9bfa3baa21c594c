import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Trace } from '../../src/simulate/index.ts'
import { shrinkTrace } from '../../src/simulate/shrink-trace.ts'

const stream = fc.oneof(
  fc.nat(12).map((n) => `step ${n}`),
  fc.constantFrom('wire up', 'wire down', 'disk'),
)
const traces: fc.Arbitrary<Trace> = fc.record({
  seed: fc.nat(99),
  decisions: fc.dictionary(stream, fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }), { maxKeys: 9 }),
})

/** What a trace decides at a place. */
const at = ({ decisions }: Trace, name: string, place: number): number => decisions[name]?.[place] ?? 0

/** Fails when at each of these places something at least so large is decided. */
type Needs = readonly { readonly name: string; readonly place: number; readonly least: number }[]
const failsWith =
  (needs: Needs) =>
  (trace: Trace): boolean =>
    needs.every(({ name, place, least }) => at(trace, name, place) >= least)

const needsOf: fc.Arbitrary<Needs> = fc.array(
  fc.record({ name: stream, place: fc.nat(5), least: fc.integer({ min: 1, max: 9 }) }),
  { maxLength: 3 },
)

test('what was shrunk still fails, is nowhere less calm, and is the same each time', async () => {
  let smaller = 0
  await fc.assert(
    fc.asyncProperty(traces, needsOf, async (trace, needs) => {
      const decisions = { ...trace.decisions }
      // It has what it needs.
      for (const { name, place, least } of needs) {
        const made = Array.from(
          { length: Math.max(place + 1, decisions[name]?.length ?? 0) },
          (_, i) => decisions[name]?.[i] ?? 0,
        )
        made[place] = Math.max(made[place]!, least)
        if (name.startsWith('step')) made[0] = Math.max(1, made[0]!)
        decisions[name] = made
      }
      const whole: Trace = { seed: trace.seed, decisions }
      const fails = failsWith(needs)
      expect(fails(whole)).toBe(true)
      const asked: Trace[] = []
      const shrink = (runs: number): ReturnType<typeof shrinkTrace> =>
        shrinkTrace(whole, async (calmer) => (asked.push(calmer), fails(calmer)), runs)
      const shrunk = await shrink(500)
      expect(fails(shrunk.trace)).toBe(true)
      expect(shrunk.isLeast).toBe(true)
      expect(asked).toHaveLength(shrunk.runs)
      const places = Object.entries(shrunk.trace.decisions).flatMap(([name, made]) =>
        made.map((_, i) => [name, i] as const),
      )
      expect(places.every(([name, i]) => at(shrunk.trace, name, i) <= at(whole, name, i))).toBe(true)
      // Only what is needed is left, halved as far as it goes; what a step is stays.
      const unneeded = places.filter(([name, place]) => {
        const least = Math.max(
          0,
          ...needs.filter((need) => need.name === name && need.place === place).map((need) => need.least),
        )
        const left = at(shrunk.trace, name, place)
        const isStep = place === 0 && name.startsWith('step')
        return left !== 0 && !isStep && (least === 0 || left >> 1 >= least)
      })
      expect(unneeded).toEqual([])
      expect(await shrink(500)).toEqual(shrunk)
      const cut = await shrink(3)
      expect(fails(cut.trace)).toBe(true)
      expect(cut.runs).toBeLessThanOrEqual(3)
      if (JSON.stringify(shrunk.trace).length < JSON.stringify(whole).length) smaller += 1
    }),
  )
  expect(smaller).toBeGreaterThan(80)
})

test('a step that is not needed does nothing, and one that is stays what it was', async () => {
  const trace: Trace = {
    seed: 7,
    decisions: { 'step 0': [5, 1, 2], 'step 1': [9, 3], 'step 2': [7, 7, 0, 1], wire: [3, 3, 3] },
  }
  const { trace: least } = await shrinkTrace(
    trace,
    async (calmer) => at(calmer, 'step 2', 0) === 7 && at(calmer, 'wire', 1) > 0,
    100,
  )
  expect(least).toEqual({ seed: 7, rest: 'calm', decisions: { 'step 2': [7], wire: [0, 1] } })
})

test('a step that was needed only until something else had gone goes too, and what is least is left as it is', async () => {
  const trace: Trace = { seed: 7, decisions: { 'step 1': [5], 'step 2': [7], wire: [3] } }
  // While the wire is slow, it takes both steps.
  const fails = async (calmer: Trace): Promise<boolean> =>
    at(calmer, 'step 2', 0) === 7 && (at(calmer, 'wire', 0) === 0 || at(calmer, 'step 1', 0) === 5)
  const { trace: least, isLeast } = await shrinkTrace(trace, fails, 100)
  expect([least, isLeast]).toEqual([{ seed: 7, rest: 'calm', decisions: { 'step 2': [7] } }, true])
  expect((await shrinkTrace(least, fails, 100)).trace).toEqual(least)
})

import { expect, test } from 'vitest'
import { simulate } from '../../src/simulate/index.ts'
import { board } from './board.ts'

test('three browsers that work without trouble show the same in the end', async () => {
  const simulation = simulate({ app: board, tabs: [2, 1, 1], faults: {} })
  const { counts, virtualMs } = await simulation.run(1)
  expect(counts).toEqual({ opened: 4, actions: 40, changes: expect.any(Number) })
  expect(counts['changes']).toBeGreaterThan(30)
  expect(virtualMs).toBeGreaterThan(1000)
  // In every fourth there is somebody in the end who comes with nothing.
  const { counts: sums } = await simulation.cohort({ runs: 8 })
  expect(sums['opened']).toBeGreaterThan(8 * 4)
  expect(sums['opened']).toBeLessThan(8 * 5)
})

test('what was run is run again byte by byte, from its seed and from its trace; another seed is another run', async () => {
  const simulation = simulate({ app: board, tabs: [2, 1, 1] })
  const once = await simulation.run(1)
  expect(Object.keys(once.counts).length).toBeGreaterThan(5)
  expect(await simulation.replay(1)).toEqual(once)
  expect(await simulation.replay(once.trace)).toEqual(once)
  expect((await simulation.run(2)).digest).not.toBe(once.digest)
})

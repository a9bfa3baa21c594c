import { cellKeyOf, noPast } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Origins } from '../src/origins.ts'
import { inverseOf, inverseOfOne } from '../src/record-inverse.ts'
import type { RecordState } from '../src/record-state.ts'
import { histories, play } from './history.ts'
import { createReplica } from './replica.ts'
import { kept, nested, records, tables } from './subjects.ts'

for (const [name, subject] of Object.entries({ records, tables, nested, kept })) {
  test(`[ME60] ${name}: what takes one register back is the same, however it is made`, () => {
    let short = 0
    fc.assert(
      fc.property(histories, ([writers, steps]) => {
        const replica = createReplica('me', subject.policies)
        for (const change of play(subject, writers, steps, 'causal').changes) {
          for (const op of change.ops) {
            const before = replica.memory.state(cellKeyOf(op)) as RecordState | undefined
            const one = inverseOfOne(before, op.payload, noPast)
            if (one === undefined) continue
            expect(one).toEqual(inverseOf(before, op.payload, new Origins(noPast)))
            short += 1
          }
          replica.receive(change)
        }
      }),
      { seed: 8101 },
    )
    expect(short).toBeGreaterThan(50)
  })
}

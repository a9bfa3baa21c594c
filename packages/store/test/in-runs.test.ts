import { asleepOf, pendingIn, type KeptRun } from '@syncline/protocol'
import { emptyBasis, type Basis, type Change } from '@syncline/stm'
import { expect, test } from 'vitest'
import { inRuns } from '../src/in-runs.ts'
import { PendingChange, type KnownOfChange } from '../src/pending.ts'

const writer = '000102030405060708090a0b0c0d0e0f'
const other = 'f0e0d0c0b0a090807060504030201000'
const later: Basis = { ...emptyBasis, writers: new Map([[other, 2]]) }

function pending(seq: number, deps = emptyBasis, known: KnownOfChange = {}, count = 1): PendingChange {
  const ops = Array.from({ length: count }, (_, i) => {
    return { tag: 'lww', address: `rows/${i}`, arbiter: 'local', payload: [0, seq] } as const
  })
  const change: Change = { writer, seq, deps, at: seq, ops, effects: [], meta: null }
  return new PendingChange(change, change, known, () => new Map())
}

test('[CP12] pending Changes are in runs where these say all of them, and by themselves where not', () => {
  const sawMore = { saw: new Map([[other, 7]]) }
  const hasRecord = { record: new Uint8Array([1]) }
  const all = [
    pending(1),
    pending(2),
    // What its author had seen is not what its `deps` say.
    pending(3, emptyBasis, sawMore),
    pending(4),
    pending(5, later),
    pending(6, later),
    pending(7, later, hasRecord),
    // It is read in pieces.
    pending(8, later, {}, 1_000),
    pending(10, later),
    pending(12, later),
  ]
  const parts = inRuns(all)
  const seqs = parts.map((part) => ('bare' in part ? part.change.seq : part.map(({ change }) => change.seq)))
  expect(seqs).toEqual([[1, 2], 3, [4], [5, 6], 7, 8, [10], [12]])
})

test('[CP12] what an author had seen is known of a Change in a run', () => {
  const { change } = pending(5, later)
  const [found] = pendingIn(asleepOf([{ run: [{ change, inverse: null }] }]))
  const read = (found as KeptRun).run[0]!.change
  expect(new PendingChange(read, read, {}, () => new Map()).saw).toEqual(pending(5, later).saw)
})

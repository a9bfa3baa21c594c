import fc from 'fast-check'
import { expect, test } from 'vitest'
import { emptyBasis, type Op } from '../src/change.ts'
import type { DistilledCell } from '../src/distilled.ts'
import { createMemory } from '../src/memory-of-refs.ts'
import { nobodys, type Policy } from '../src/policy.ts'
import { cellKey } from '../src/ref.ts'
import type { Value } from '../src/value.ts'

/** Keeps the sum of what was added, and when last. */
function summing(tag: string): Policy<number, readonly [number, number], never> {
  return {
    tag,
    apply: (state, payload, stamp) => [(state?.[0] ?? 0) + Number(payload), Math.max(state?.[1] ?? 0, stamp.at)],
    read: (state) => state?.[0] ?? 0,
    distill: ([sum, at]) => [{ payload: sum, stamp: { at, writer: 'w' } }],
    draft: () => undefined as never,
    edit: (draft) => draft,
    readDraft: () => 0,
    finish: () => undefined,
  }
}

const known = summing('known')
const late = summing('late')
const addresses = ['a', 'b', 'cards/1', 'cards/2']
const keys = ['known', 'late'].flatMap((tag) => addresses.map((address) => cellKey(tag, address)))

const op: fc.Arbitrary<Op> = fc.record({
  tag: fc.constantFrom('known', 'late'),
  address: fc.constantFrom(...addresses),
  arbiter: fc.constant('local' as const),
  payload: fc.integer({ min: -9, max: 9 }) as fc.Arbitrary<Value>,
})

test('[SN12] [SN21] what is distilled of a memory makes one that is as it was when it was asked for that', () => {
  let cells = 0
  fc.assert(
    fc.property(fc.array(op, { maxLength: 20 }), fc.array(op, { maxLength: 20 }), fc.nat(20), (first, then, slowly) => {
      const memory = createMemory()
      memory.adopt(known)
      const apply = (of: typeof memory, ops: readonly Op[]): void => {
        ops.forEach((one, i) => of.apply([one], { at: i + 1, writer: 'w' }, emptyBasis))
      }
      apply(memory, first)
      const held = memory.distilled({ inPlaceOf: new Map(), counts: () => true })!
      const before = createMemory()
      before.adopt(known)
      apply(before, first)
      // Some of it is gone through before anything happens, and the rest after it.
      const distilled: DistilledCell[] = []
      let taken = 0
      for (const cell of held) {
        if (taken++ === slowly % 5) apply(memory, then)
        distilled.push(cell)
      }
      const copy = createMemory()
      copy.adopt(known)
      copy.restore(distilled, emptyBasis)
      // The same, laid under a memory one cell after the other.
      const laid = createMemory()
      laid.adopt(known)
      for (const cell of distilled) expect(laid.lay([cell])).toBe(true)
      laid.put(new Map(), emptyBasis)
      for (const of of [before, copy, laid]) {
        apply(of, then)
        of.adopt(late)
      }
      for (const key of keys) {
        expect(copy.state(key)).toEqual(before.state(key))
        expect(laid.state(key)).toEqual(before.state(key))
      }
      cells += distilled.length
    }),
    { seed: 20_263, numRuns: 200 },
  )
  expect(cells).toBeGreaterThan(500)
})

test('[SN12] what is restored stands in place of all that was there, and watchers are told what has changed', () => {
  const memory = createMemory()
  memory.adopt(known)
  const write = (tag: string, address: string, payload: number): void => {
    memory.apply([{ tag, address, arbiter: 'local', payload }], { at: 1, writer: 'w' }, emptyBasis)
  }
  write('known', 'a', 1)
  write('known', 'b', 2)
  write('late', 'a', 3)
  const { snapshot } = memory
  const ops = [{ payload: 7, stamp: nobodys }]
  const changed = memory.restore([{ tag: 'known', address: 'b', arbiter: 'local', ops }], emptyBasis)
  expect([...changed].sort()).toEqual(['known a', 'known b'])
  expect([memory.state('known a'), memory.state('known b')]).toEqual([undefined, [7, 0]])
  memory.adopt(late)
  expect(memory.state('late a')).toBeUndefined()
  expect(memory.snapshot).not.toBe(snapshot)
})

test('[SN12] a state may be left out for another, and what waits and does not count; a policy that cannot distill is told', () => {
  const memory = createMemory()
  memory.adopt(known)
  memory.apply([{ tag: 'known', address: 'a', arbiter: 'local', payload: 1 }], { at: 1, writer: 'w' }, emptyBasis)
  memory.apply([{ tag: 'late', address: 'a', arbiter: 'relay', payload: 1 }], { at: 1, writer: 'w' }, emptyBasis)
  const inPlaceOf = new Map([[cellKey('known', 'a'), [5, 9]]])
  const held = [...memory.distilled({ inPlaceOf, counts: ({ op: { arbiter } }) => arbiter !== 'relay' })!]
  expect(held).toEqual([
    { tag: 'known', address: 'a', arbiter: 'local', ops: [{ payload: 5, stamp: { at: 9, writer: 'w' } }] },
  ])
  const { distill: _, ...mute } = summing('mute')
  memory.adopt(mute)
  expect(memory.distilled({ inPlaceOf, counts: () => true })).toBeDefined()
  memory.apply([{ tag: 'mute', address: 'a', arbiter: 'local', payload: 1 }], { at: 2, writer: 'w' }, emptyBasis)
  expect(memory.distilled({ inPlaceOf, counts: () => true })).toBeUndefined()
})

test('[SN21] nothing is laid under a memory that has something, or that somebody has looked at', () => {
  const cell: DistilledCell = { tag: 'known', address: 'a', arbiter: 'local', ops: [{ payload: 7, stamp: nobodys }] }
  const written = createMemory()
  written.adopt(known)
  written.apply([{ tag: 'known', address: 'b', arbiter: 'local', payload: 1 }], { at: 1, writer: 'w' }, emptyBasis)
  const seen = createMemory()
  seen.adopt(known)
  const { snapshot } = seen
  for (const memory of [written, seen]) {
    expect(memory.lay([cell])).toBe(false)
    expect(memory.state('known a')).toBeUndefined()
  }
  expect(seen.snapshot).toBe(snapshot)
  // What was laid can go again: then it is as if it had not been there.
  const fresh = createMemory()
  fresh.adopt(known)
  expect(fresh.lay([cell, { ...cell, tag: 'late' }])).toBe(true)
  fresh.restore([], emptyBasis)
  fresh.adopt(late)
  expect([fresh.state('known a'), fresh.state('late a')]).toEqual([undefined, undefined])
})

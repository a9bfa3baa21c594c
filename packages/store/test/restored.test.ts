import type { CellKey, Folding, Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { createRestored } from '../src/restored.ts'

// Made up; nothing reads it.
const cell = 'text note' as CellKey
const other = 'text other' as CellKey

/** Makes a list of what it is given, and counts that. */
function listing(): Folding<Value[]> & { added: number } {
  return {
    added: 0,
    begin: () => [],
    add(made, value) {
      this.added += 1
      made.push(value)
    },
  }
}

test('[UN5] what was put back is folded once, and nothing that is remembered is left out', () => {
  const restored = createRestored()
  const folding = listing()
  for (let i = 0; i < 1_500; i++) {
    restored.remember(`${i} w`, new Map([[cell, i]]))
    if (i % 3 === 0) restored.remember(`${i} v`, new Map([[other, -i]]))
    expect(restored.folded(cell, folding).length).toBe(i + 1)
  }
  expect([folding.added, restored.folded(cell, folding)]).toEqual([1_500, [...restored.of(cell)]])
  // Far more than are remembered: some that are forgotten stay in it, and it does not grow for ever.
  for (let i = 1_500; i < 9_000; i++) {
    restored.remember(`${i} w`, new Map([[cell, i]]))
    if (i % 7 === 0) restored.folded(cell, folding)
  }
  const all = restored.folded(cell, folding)
  const remembered = [...restored.of(cell)]
  expect([remembered.length, all.slice(-remembered.length)]).toEqual([2_000, remembered])
  expect(all.length).toBeLessThan(4_100)
  expect(folding.added).toBeLessThan(9_000 * 2.5)
})

test('[UN5] what has another stamp, or is read in another way, is folded again', () => {
  const restored = createRestored()
  const folding = listing()
  for (let i = 0; i < 3; i++) restored.remember(`${i} w`, new Map([[cell, i]]))
  expect(restored.folded(cell, folding)).toEqual([0, 1, 2])
  restored.rename('1 w', '9 v', (_key, value) => Number(value) + 100)
  expect(restored.folded(cell, folding)).toEqual([0, 101, 2])
  expect([restored.folded(cell, listing()), restored.folded(other, folding)]).toEqual([[0, 101, 2], []])
})

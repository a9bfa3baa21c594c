import type { Value } from '@syncline/stm'
import { isCount } from './lineage.ts'
import { Stretches } from './stretches.ts'
import type { Range } from './stretches.ts'
import { writtenIn } from './update.ts'
import type { ParsedUpdate } from './update.ts'

/**
 * What it takes to take an edit of a doc back: which items it has inserted, and which ones it has deleted. What these hold need not be told: in
 * a doc a deleted item keeps it.
 */
export interface DocInverse {
  readonly inserted: readonly Range[]
  readonly removed: readonly Range[]
}

/** The inverse of an update. What it inserts and deletes itself was never there for anybody. */
export function inverseOf({ runs, deletes }: ParsedUpdate): DocInverse {
  const inserted = new Stretches<boolean>()
  const removed = new Stretches<boolean>()
  for (const range of deletes) removed.set(range, true)
  for (const range of runs.flatMap(writtenIn)) {
    inserted.set(range, true)
    removed.set(range, false)
  }
  for (const range of deletes) inserted.set(range, false)
  return { inserted: thoseIn(inserted), removed: thoseIn(removed) }
}

function thoseIn(stretches: Stretches<boolean>): readonly Range[] {
  return Array.from(stretches).flatMap(({ range, value }) => (value ? range : []))
}

/** An inverse as data: `[[client, clock, length, …], [client, clock, length, …]]`; undefined when there is nothing to take back. */
export function encodeDocInverse({ inserted, removed }: DocInverse): Value | undefined {
  if (inserted.length + removed.length === 0) return undefined
  return [inserted, removed].map((ranges) => ranges.flatMap(({ client, clock, length }) => [client, clock, length]))
}

/** The inverse in data; undefined when there is none. */
export function decodeDocInverse(data: Value): DocInverse | undefined {
  if (!Array.isArray(data)) return undefined
  const [inserted, removed] = (data as readonly Value[]).map(decodeRanges)
  return inserted === undefined || removed === undefined ? undefined : { inserted, removed }
}

function decodeRanges(data: Value): readonly Range[] | undefined {
  if (!Array.isArray(data) || data.length % 3 !== 0 || !data.every(isCount)) return undefined
  const numbers = data as readonly number[]
  const ranges = new Stretches<boolean>()
  for (let i = 0; i < numbers.length; i += 3) {
    if (numbers[i + 2] === 0) return undefined
    ranges.set({ client: numbers[i]!, clock: numbers[i + 1]!, length: numbers[i + 2]! }, true)
  }
  // In order and apart, as Yjs takes them.
  return thoseIn(ranges)
}

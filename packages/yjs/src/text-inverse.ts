import type { Value } from '@syncline/stm'
import { isCount } from './lineage.ts'
import type { Range } from './stretches.ts'

/** Characters that an edit has deleted. Their ids still say where they stood: a deleted character keeps its place among the others. */
export interface Removed {
  readonly client: number
  readonly clock: number
  readonly text: string
}

/** What it takes to take an edit of a text back: which characters it has inserted, and which ones it has deleted. */
export interface TextInverse {
  readonly inserted: readonly Range[]
  readonly removed: readonly Removed[]
}

/** An inverse as data: `[[client, clock, length, …], [client, clock, text, …]]`; undefined when there is nothing to take back. */
export function encodeInverse({ inserted, removed }: TextInverse): Value | undefined {
  if (inserted.length + removed.length === 0) return undefined
  return [
    inserted.flatMap(({ client, clock, length }) => [client, clock, length]),
    removed.flatMap(({ client, clock, text }) => [client, clock, text]),
  ]
}

/** The inverse in data; undefined when there is none. */
export function decodeInverse(data: Value): TextInverse | undefined {
  if (!Array.isArray(data)) return undefined
  const [insertions, removals] = data as readonly Value[]
  if (!Array.isArray(insertions) || !Array.isArray(removals)) return undefined
  const inserted: Range[] = []
  for (let i = 0; i < insertions.length; i += 3) {
    const [client, clock, length] = insertions.slice(i, i + 3) as readonly Value[]
    if (!isCount(client) || !isCount(clock) || !isCount(length) || length === 0) return undefined
    inserted.push({ client, clock, length })
  }
  const removed: Removed[] = []
  for (let i = 0; i < removals.length; i += 3) {
    const [client, clock, text] = removals.slice(i, i + 3) as readonly Value[]
    if (!isCount(client) || !isCount(clock) || typeof text !== 'string' || text === '') return undefined
    removed.push({ client, clock, text })
  }
  return { inserted, removed }
}

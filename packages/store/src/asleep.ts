import type { Directory } from '@syncline/protocol'
import { changeId, type Change, type ChangeId, type WriterId } from '@syncline/stm'

/** Pending Changes by their names: of a writer those from one seq to another, both included. */
export type Sleepers = NonNullable<Directory['asleep']>[3]

/** How many they are. */
export function countOf(sleepers: Sleepers): number {
  return sleepers.reduce((sum, [, from, to]) => sum + to + 1 - from, 0)
}

/** Their ids, of each writer in order. */
export function* idsOf(sleepers: Sleepers): Iterable<ChangeId> {
  for (const [writer, from, to] of sleepers) for (let seq = from; seq <= to; seq++) yield changeId({ writer, seq })
}

/** The names of some Changes, together with those before them: as few stretches as there are where those of a writer count up. */
export function withNames(before: Sleepers, changes: Iterable<Pick<Change, 'writer' | 'seq'>>): Sleepers {
  const all: [WriterId, number, number][] = before.map(([...one]) => one)
  const open = new Map(all.map((one) => [one[0], one]))
  for (const { writer, seq } of changes) {
    const last = open.get(writer)
    if (last?.[2] === seq - 1) last[2] = seq
    else {
      const begun: [WriterId, number, number] = [writer, seq, seq]
      open.set(writer, begun)
      all.push(begun)
    }
  }
  return all
}

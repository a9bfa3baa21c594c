import { collection, list, lww, type ListWrites, type RecordCollection } from '@syncline/merge'

import type { Ref, PlainOptions } from '@syncline/stm'

/** The data of one history. Names differ from history to history, so one store serves many. */
export interface Cells {
  /** Lists in registers, which only grow. */
  readonly arrays: readonly Ref<readonly number[], { set: readonly number[] }>[]
  /** A list whose items merge, which only grows too. */
  readonly merged: Ref<readonly number[], ListWrites<number>>
  readonly registers: readonly Ref<number | null, { set: number | null }>[]
  /** Two numbers that are the negative of each other, for everybody at any time. */
  readonly pair: readonly [Ref<number, { set: number }>, Ref<number, { set: number }>]
  /** A pair that only somebody else writes. */
  readonly theirs: readonly [Ref<number, { set: number }>, Ref<number, { set: number }>]
  readonly members: RecordCollection<{ by: string }>
}

export function createCells(name: string, options: PlainOptions<'local'> = {}): Cells {
  return {
    arrays: ['a', 'b'].map((key) => lww<readonly number[]>(`${name}.${key}`, [], options)),
    merged: list<number>(`${name}.c`, options),
    registers: ['r', 's'].map((key) => lww<number | null>(`${name}.${key}`, null, options)),
    pair: [lww(`${name}.x`, 0, options), lww(`${name}.y`, 0, options)],
    theirs: [lww(`${name}.q`, 0), lww(`${name}.w`, 0)],
    members: collection(`${name}.m`, { by: '' }, options),
  }
}

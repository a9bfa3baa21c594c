/** A row of the table: eight columns beside its id, texts, numbers and a flag. */
export interface Row {
  readonly id: string
  readonly title: string
  readonly owner: string
  readonly status: string
  readonly note: string
  readonly points: number
  readonly votes: number
  readonly due: number
  readonly done: boolean
}

export type Column = Exclude<keyof Row, 'id'>

export const columns: readonly Column[] = ['title', 'owner', 'status', 'note', 'points', 'votes', 'due', 'done']

/** The first `count` rows: the same in every run. */
export function rowsOf(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `row${i}`,
    title: `Card number ${i}`,
    owner: `person${i % 37}`,
    status: ['todo', 'doing', 'done'][i % 3]!,
    note: `Something to remember about ${i * 7}`,
    points: i % 13,
    votes: i,
    due: 1_700_000_000 + i * 3_600,
    done: i % 3 === 2,
  }))
}

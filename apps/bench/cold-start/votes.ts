import { rowsOf } from '../records/rows.ts'

/** What the votes of some rows add up to after so many edits, of which each gave the next row its number. */
export function votesAfter(rows: number, edits: number): number {
  const votes = rowsOf(rows).map((row) => row.votes)
  for (let i = 0; i < edits; i++) votes[i % rows] = i
  return votes.reduce((sum, one) => sum + one, 0)
}

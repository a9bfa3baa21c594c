import type { Edge } from './findings.ts'
import { createGraph, type Graph } from './graph.ts'

/** A step of the graph of snapshots, and the dependency that it is. */
export interface SnapshotStep {
  readonly from: number
  readonly to: number
  readonly edge: Edge
}

/**
 * The graph whose cycles are what snapshot isolation excludes: those without two anti-dependencies in a row (Cerone & Gotsman,
 * "Analysing Snapshot Isolation", PODC 2016, theorem 4). Each node stands twice in it: arrived at by an anti-dependency (odd), after
 * which another one must not follow, and otherwise (even).
 */
export function createSnapshotGraph(size: number, edges: readonly Edge[]): Graph<SnapshotStep> {
  const steps = edges.flatMap((edge): SnapshotStep[] => {
    const { from, to, kind } = edge
    if (kind === 'rw') return [{ from: 2 * from, to: 2 * to + 1, edge }]
    return [
      { from: 2 * from, to: 2 * to, edge },
      { from: 2 * from + 1, to: 2 * to, edge },
    ]
  })
  return createGraph(2 * size, steps)
}

import type { AnomalyType, Edge, Findings } from './findings.ts'
import { createGraph, shortestPath, type Arc, type Graph } from './graph.ts'
import type { Ledger } from './ledger.ts'
import { createSnapshotGraph, type SnapshotStep } from './snapshots.ts'
import { withoutMoments, type TimeOrder } from './time.ts'

/**
 * Nodes looked at in search of the shortest cycle to show, about, for each type. Whether there is one is known before, at linear cost, and in
 * each component at least the first edge is followed; with more than that wrong in one history, what was found first tells enough.
 */
const LOOKED_AT = 200_000
const TRIED = 500

/** The graphs of dependencies, from the strictest to the widest. A cycle in the first is the worst. */
export interface Graphs {
  readonly ww: Graph<Edge>
  /** `ww` and `wr`: who has seen or overwritten whom. */
  readonly seen: Graph<Edge>
  /** What snapshot isolation forbids cycles in. */
  readonly snapshots: Graph<SnapshotStep>
  /** All three. */
  readonly all: Graph<Edge>
}

export function createGraphs(size: number, edges: readonly Edge[]): Graphs {
  // Of two edges between the same transactions the stricter comes first, so a cycle is named by the worst that is true of it.
  const sorted = [...ofKind(edges, 'ww'), ...ofKind(edges, 'wr'), ...ofKind(edges, 'rw')]
  return {
    ww: createGraph(size, ofKind(edges, 'ww')),
    seen: createGraph(
      size,
      sorted.filter(({ kind }) => kind !== 'rw'),
    ),
    snapshots: createSnapshotGraph(size, sorted),
    all: createGraph(size, sorted),
  }
}

/** Names the cycles that no clock is needed for. Each type is looked for only where the stricter ones do not already explain it. */
export function findCycles({ ww, seen, snapshots, all }: Graphs, ledger: Ledger, findings: Findings): void {
  const report = createReport(ledger, findings)
  if (all.isAcyclic) return

  for (const cycle of oneInEach(ww, ww.edges)) report('G0', cycle)
  const informing = seen.edges.filter(({ kind, from, to }) => kind === 'wr' && ww.component[from] !== ww.component[to])
  for (const cycle of oneInEach(seen, informing)) report('G1c', cycle)

  const explained = new Set<number>()
  const missing = all.edges.filter(
    ({ kind, from, to }) =>
      kind === 'rw' && all.component[from] === all.component[to] && seen.component[from] !== seen.component[to],
  )
  for (const edge of bounded(all, missing)) {
    const back = shortestPath(seen, edge.to, edge.from, all.component)
    if (back === undefined) continue
    explained.add(snapshots.component[2 * edge.from]!)
    report('G-single', [edge, ...back])
  }
  for (const steps of oneInEach(snapshots, snapshots.edges)) {
    if (!explained.has(snapshots.component[steps[0]!.from]!)) reportByShape(steps.map(({ edge }) => edge))
  }
  for (const edge of bounded(all, missing)) reportByShape(cycleOver(edge, all))

  function reportByShape(cycle: readonly Edge[] | undefined): void {
    const missed = cycle?.filter(({ kind }) => kind === 'rw').length ?? 0
    if (missed === 1) report('G-single', cycle)
    else if (missed > 1) report(hasTwoInARow(cycle!) ? 'G2' : 'G-nonadjacent', cycle)
  }
}

/** Names cycles that the order of time closes, where there was none before. */
export function findTimeCycles(
  type: 'real-time' | 'session',
  time: TimeOrder,
  graphs: Graphs,
  ledger: Ledger,
  findings: Findings,
): void {
  const report = createReport(ledger, findings)
  const edges = [...graphs.all.edges, ...time.edges]
  const full = createGraph(time.size, edges)
  if (full.isAcyclic) return
  const snapshots = createSnapshotGraph(time.size, edges)
  const explained = new Set<number>()
  const timed = snapshots.edges.filter(({ edge }) => edge.kind === type)
  for (const steps of oneInEach(snapshots, timed)) {
    const cycle = steps.map(({ edge }) => edge)
    if (show(type, cycle)) explained.add(full.component[cycle[0]!.from]!)
  }
  for (const cycle of oneInEach(full, time.edges)) {
    if (!explained.has(full.component[cycle[0]!.from]!)) show(`G2-${type}`, cycle)
  }

  /** A cycle inside what was one component without the clock says nothing about the clock. */
  function show(as: AnomalyType, found: readonly Edge[]): boolean {
    const cycle = withoutMoments(found, ledger)
    if (new Set(cycle.map(({ from }) => graphs.all.component[from])).size < 2) return false
    report(as, cycle)
    return true
  }
}

type Report = (type: AnomalyType, cycle: readonly Edge[] | undefined) => void

/** Reports each set of transactions once. */
function createReport(ledger: Ledger, findings: Findings): Report {
  const idOf = (names: readonly string[]): string => JSON.stringify(names.toSorted())
  const told = new Set(
    findings.anomalies.filter(({ type }) => type === 'lost-update').map(({ transactions }) => idOf(transactions)),
  )
  return (type, cycle) => {
    if (cycle === undefined) return
    const names = cycle.map(({ from }) => ledger.entries[from]!.name)
    const id = idOf(names)
    if (told.has(id)) return
    told.add(id)
    const reasons = cycle.map(
      ({ from, to, because }) =>
        `${because()}, so ${ledger.entries[from]!.name} comes before ${ledger.entries[to]!.name}`,
    )
    findings.anomaly(type, names, `${reasons.join('; ')}.`)
  }
}

/** For each component that has a cycle over some of these edges: the shortest one, of those over the first of them. */
function oneInEach<E extends Arc>(graph: Graph<E>, edges: readonly E[]): E[][] {
  const best = new Map<number, E[]>()
  for (const edge of bounded(graph, edges)) {
    const component = graph.component[edge.from]!
    const cycle = cycleOver(edge, graph)
    if (cycle !== undefined && cycle.length < (best.get(component)?.length ?? Infinity)) best.set(component, cycle)
  }
  return [...best.values()]
}

/** Those of the edges that are on cycles, no more than there is time for, but one in each component. */
function* bounded<E extends Arc, F extends Arc>(graph: Graph<E>, edges: readonly F[]): Iterable<F> {
  let tries = Math.min(TRIED, LOOKED_AT / graph.size)
  const begun = new Set<number>()
  for (const edge of edges) {
    const component = graph.component[edge.from]!
    if (component !== graph.component[edge.to] || (tries <= 0 && begun.has(component))) continue
    begun.add(component)
    tries -= 1
    yield edge
  }
}

/** The shortest cycle that begins with this edge. */
function cycleOver<E extends Arc>(edge: E, graph: Graph<E>): E[] | undefined {
  const back = graph.component[edge.from] === graph.component[edge.to] && shortestPath(graph, edge.to, edge.from)
  return back ? [edge, ...back] : undefined
}

function hasTwoInARow(cycle: readonly Edge[]): boolean {
  return cycle.some(({ kind }, at) => kind === 'rw' && cycle[(at + 1) % cycle.length]!.kind === 'rw')
}

function ofKind(edges: readonly Edge[], kind: Edge['kind']): Edge[] {
  return edges.filter((edge) => edge.kind === kind)
}

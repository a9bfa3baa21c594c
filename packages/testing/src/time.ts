import type { Edge } from './findings.ts'
import type { Entry, Ledger } from './ledger.ts'

/** What the clock says, as edges. `size` counts the transactions and the moments between them, which are nodes too. */
export interface TimeOrder {
  readonly size: number
  readonly edges: readonly Edge[]
}

const noReason = (): string => ''

/**
 * A transaction that completed before another was invoked comes before it. Said with one node for each completion, from which every later
 * invocation is reached: as many edges as transactions, not as many as pairs.
 */
export function realTimeOrder(ledger: Ledger): TimeOrder {
  const events = ledger.judged
    .flatMap((entry) => [
      { atMs: entry.source.invoked, entry, isInvocation: true },
      ...(entry.source.completed === undefined || entry.source.outcome === 'info'
        ? []
        : [{ atMs: entry.source.completed, entry, isInvocation: false }]),
    ])
    // At the same moment nobody was first.
    .toSorted((a, b) => a.atMs - b.atMs || Number(b.isInvocation) - Number(a.isInvocation))
  const edges: Edge[] = []
  let size = ledger.entries.length
  let moment: number | undefined
  const edge = (from: number, to: number): void => void edges.push({ kind: 'real-time', from, to, because: noReason })
  for (const { entry, isInvocation } of events) {
    if (isInvocation) {
      if (moment !== undefined) edge(moment, entry.index)
      continue
    }
    const next = size++
    if (moment !== undefined) edge(moment, next)
    edge(entry.index, next)
    moment = next
  }
  return { size, edges }
}

/** What a process ran, it ran in order. What never completed for it may have happened at any time afterwards. */
export function sessionOrder(ledger: Ledger): TimeOrder {
  const lastOf = new Map<string | number, Entry>()
  const edges: Edge[] = []
  for (const entry of ledger.judged.toSorted((a, b) => a.source.invoked - b.source.invoked)) {
    const { process } = entry.source
    const before = lastOf.get(process)
    if (before !== undefined) {
      const because = (): string => `process ${process} ran ${before.name} and then ${entry.name}`
      edges.push({ kind: 'session', from: before.index, to: entry.index, because })
    }
    if (entry.source.outcome !== 'info') lastOf.set(process, entry)
  }
  return { size: ledger.entries.length, edges }
}

/** A cycle of transactions alone: from one to the next in real time, whatever moments lie between. */
export function withoutMoments(cycle: readonly Edge[], ledger: Ledger): Edge[] {
  const { entries } = ledger
  const start = cycle.findIndex(({ from }) => from < entries.length)
  const turned = [...cycle.slice(start), ...cycle.slice(0, start)]
  const edges: Edge[] = []
  let from: number | undefined
  for (const edge of turned) {
    if (edge.kind !== 'real-time') {
      edges.push(edge)
      continue
    }
    from ??= edge.from
    if (edge.to >= entries.length) continue
    const [before, after] = [entries[from]!, entries[edge.to]!]
    const because = (): string =>
      `${before.name} had completed (at ${before.source.completed}) when ${after.name} was invoked (at ${after.source.invoked})`
    edges.push({ kind: 'real-time', from, to: edge.to, because })
    from = undefined
  }
  return edges
}

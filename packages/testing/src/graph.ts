/** From one node to another. */
export interface Arc {
  readonly from: number
  readonly to: number
}

/** A directed graph over the numbers 0 … size - 1. */
export interface Graph<E extends Arc> {
  readonly size: number
  readonly edges: readonly E[]
  edgesFrom(node: number): readonly E[]
  /** The number of the strongly connected component of each node. */
  readonly component: Int32Array
  readonly isAcyclic: boolean
}

/** Cost: linear in nodes and edges. An edge from a node to itself counts as a cycle. */
export function createGraph<E extends Arc>(size: number, edges: readonly E[]): Graph<E> {
  const byNode: E[][] = Array.from({ length: size }, () => [])
  for (const edge of edges) byNode[edge.from]!.push(edge)
  const component = stronglyConnected(size, byNode)
  return {
    size,
    edges,
    edgesFrom: (node) => byNode[node]!,
    component,
    isAcyclic: edges.every(({ from, to }) => component[from] !== component[to]),
  }
}

/** Tarjan's algorithm (SIAM J. Comput. 1972), with a stack of its own: histories are longer than call stacks. */
function stronglyConnected(size: number, byNode: readonly (readonly Arc[])[]): Int32Array {
  const order = new Int32Array(size).fill(-1)
  const low = new Int32Array(size)
  const component = new Int32Array(size).fill(-1)
  const open: number[] = []
  let visited = 0
  let components = 0

  for (let root = 0; root < size; root++) {
    if (order[root] !== -1) continue
    const path = [{ node: root, next: 0 }]
    while (path.length > 0) {
      const step = path.at(-1)!
      const { node } = step
      if (step.next === 0) {
        order[node] = low[node] = visited++
        open.push(node)
      }
      const edge = byNode[node]![step.next]
      step.next += 1
      if (edge !== undefined) {
        if (order[edge.to] === -1) path.push({ node: edge.to, next: 0 })
        else if (component[edge.to] === -1) low[node] = Math.min(low[node]!, order[edge.to]!)
        continue
      }
      path.pop()
      const parent = path.at(-1)
      if (parent !== undefined) low[parent.node] = Math.min(low[parent.node]!, low[node]!)
      if (low[node] !== order[node]) continue
      for (;;) {
        const member = open.pop()!
        component[member] = components
        if (member === node) break
      }
      components += 1
    }
  }
  return component
}

/**
 * The edges of a shortest way that stays inside one component of `within`. Undefined when there is none. `from === to` asks for a cycle.
 */
export function shortestPath<E extends Arc>(
  graph: Graph<E>,
  from: number,
  to: number,
  within: Int32Array = graph.component,
): E[] | undefined {
  const cameBy = new Map<number, E>()
  const queue = [from]
  for (let at = 0; at < queue.length && !cameBy.has(to); at++) {
    for (const edge of graph.edgesFrom(queue[at]!)) {
      if (cameBy.has(edge.to) || within[edge.to] !== within[from]) continue
      cameBy.set(edge.to, edge)
      queue.push(edge.to)
    }
  }
  if (!cameBy.has(to)) return undefined
  const path: E[] = []
  for (let node = to; path.length === 0 || node !== from;) {
    const edge = cameBy.get(node)!
    path.push(edge)
    node = edge.from
  }
  return path.reverse()
}

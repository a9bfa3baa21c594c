/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1

/** What is asked of each row: the measure, and whether it is about writes that people make or that arrive. */
export const rows = [
  { workload: 'keys', measure: 'µs', what: '100,000 keys in one transaction, a key', isWrite: true },
  { workload: 'overwrite', measure: 'µs', what: '100,000 transactions on the same 100 keys, each', isWrite: true },
  { workload: 'overwrite', measure: 'bytes', what: '… bytes kept of each' },
  {
    workload: 'insert',
    measure: 'µs',
    what: 'table of 10,000 rows of 8 cells, inserted at once, a row',
    isWrite: true,
  },
  { workload: 'local', measure: 'µs', what: '… a transaction of one cell', isWrite: true },
  { workload: 'remote', measure: 'µs', what: '… a cell written elsewhere', isWrite: true },
  { workload: 'load', measure: 'ms', what: '… loaded, and every row read' },
  { workload: 'load', measure: 'MB', what: '… heap when it is loaded and read' },
  { workload: 'merge', measure: 'ms', what: '100 replicas that wrote 100 cells each, merged', isWrite: true },
]

const OTHERS = ['Loro', 'Automerge', 'TinyBase']

/** What we want to be true, and what a run says. */
export function barsOf({ results }) {
  const value = ({ workload, measure }, name) => results[workload]?.[name]?.[measure]?.median
  const bars = rows.flatMap((row) => {
    if (row.measure === 'bytes')
      return [atMost(0.1, 'bytes kept of a value that was written over', value(row, 'Syncline'))]
    const ours = value(row, 'Syncline')
    const yjs = Math.min(...['Yjs', 'Yjs, flat'].map((name) => value(row, name) ?? Infinity))
    const times = [atLeast(5, `${row.what}: times faster than Yjs in its better layout`, yjs / ours)]
    if (row.measure === 'MB')
      return [atMost(2, `${row.what}: times that of plain objects`, ours / value(row, 'plain objects'))]
    if (!row.isWrite) return times
    const best = Math.min(...OTHERS.map((name) => value(row, name) ?? Infinity))
    return [
      ...times,
      atLeast(10, `${row.what}: times faster than the best of Loro, Automerge and TinyBase`, best / ours),
    ]
  })
  return bars
}

const atMost = (limit, what, value) => ({
  what,
  bar: `at most ${limit}`,
  value,
  isMet: value <= limit * (1 + TOLERANCE),
})
const atLeast = (limit, what, value) => ({
  what,
  bar: `at least ${limit}`,
  value,
  isMet: value >= limit / (1 + TOLERANCE),
})

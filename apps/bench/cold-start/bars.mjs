/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1

/** What we want to be true, as ratios within one run, and what the run says. */
export function barsOf({ sizes }) {
  const [small, large, long] = sizes.map(
    ({ results }) =>
      (name, measure = 'readyMs') =>
        results[name]?.[measure]?.median,
  )
  const yjs = 'Yjs with y-indexeddb'
  return [
    atMost(0.2, '10,000 rows: time, of that of y-indexeddb', small('Syncline') / small(yjs)),
    atMost(0.12, '100,000 rows: time, of that of y-indexeddb', large('Syncline') / large(yjs)),
    atMost(
      1.5,
      '100,000 rows: times that of one record read by hand',
      large('Syncline') / large('IndexedDB one record'),
    ),
    atMost(50, '100,000 rows: longest block, ms', large('Syncline', 'blockMs')),
    atMost(0.2, '1,000 rows after 50,000 edits: time, of that of y-indexeddb', long('Syncline') / long(yjs)),
  ]
}

const atMost = (limit, what, value) => ({
  what,
  bar: `at most ${limit}`,
  value,
  isMet: value <= limit * (1 + TOLERANCE),
})

/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1

/** What we want to be true, as ratios within one run, and what the run says. */
export function barsOf({ sizes, growth }) {
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
    ...(growth === undefined ? [] : growthBars((name) => growth[name].readyMs.median)),
  ]
}

function growthBars(ms) {
  const rows = ms('10,000 rows')
  return [
    atMost(
      1.1,
      '10,000 rows beside a text of 10 MB: times that without it',
      ms('10,000 rows and a text of 10 MB') / rows,
    ),
    atMost(
      1.1,
      'the same with the text on demand: times that without it',
      ms('10,000 rows and a text of 10 MB on demand') / rows,
    ),
    atMost(
      1.3,
      '50,000 edits that a relay has: times that of all of them compacted',
      ms('1,000 rows, 50,000 edits') / ms('1,000 rows, 50,000 edits, compacted'),
    ),
  ]
}

const atMost = (limit, what, value) => ({
  what,
  bar: `at most ${limit}`,
  value,
  isMet: value <= limit * (1 + TOLERANCE),
})

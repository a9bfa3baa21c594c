/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1

/** What we want to be true, as ratios within one run, and what the run says. */
export function barsOf({ results }) {
  const ratio = (workload, ours) => results[workload][ours].median / results[workload]['Yjs with updates'].median
  return [
    atMost(
      1.15,
      'an edit in a transaction, with the Change encoded: time, of that of Yjs with its update stored',
      ratio('edit', 'Syncline'),
    ),
    atMost(1.25, 'an edit that comes from somebody else: time, of that of Yjs', ratio('receive', 'Syncline')),
  ]
}

const atMost = (limit, what, value) => ({
  what,
  bar: `at most ${limit}`,
  value,
  isMet: value <= limit * (1 + TOLERANCE),
})

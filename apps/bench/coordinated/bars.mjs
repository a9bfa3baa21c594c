/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1

/** What we want to be true, as ratios within one run, and what the run says; of what was not measured nothing is said. */
export function barsOf({ results, fsync }) {
  const of = (load, name) => results[load]?.[name]?.perSecond.median
  const beside = (load, peer) => of(load, 'Syncline') / of(load, peer)
  return [
    atLeast(
      0.5,
      'one decides: of the flushes that the disk gives to one',
      of('1 apart', 'Syncline') / fsync.perSecond.median,
    ),
    atLeast(1, 'the same: of PostgreSQL', beside('1 apart', 'PostgreSQL')),
    atLeast(1, '10, each for itself: of PostgreSQL', beside('10 apart', 'PostgreSQL')),
    atLeast(1, '100, each for itself: of PostgreSQL', beside('100 apart', 'PostgreSQL')),
    atLeast(0.5, 'the same: of Redis', beside('100 apart', 'Redis')),
    atLeast(1, '10 want the same: of PostgreSQL', beside('10 together', 'PostgreSQL')),
    atLeast(1, '100 want the same: of PostgreSQL', beside('100 together', 'PostgreSQL')),
  ].filter(({ value }) => Number.isFinite(value))
}

const atLeast = (limit, what, value) => ({
  what,
  bar: `at least ${limit}`,
  value,
  isMet: value >= limit * (1 - TOLERANCE),
})

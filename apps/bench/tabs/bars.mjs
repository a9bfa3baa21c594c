/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1

/** What we want to be true, and what the run says. Of those that end in another leader, in the slowest of the rounds. */
export function barsOf({ seen, leaders, beside }) {
  const of = (results) => results['Syncline']
  const way = (name) => of(leaders.find(({ way }) => way === name).results).leadsMs.most
  const state = (name) => of(beside.find(({ state }) => state === name).results).p95.median
  return [
    ...seen.map(({ tabs, results }) => atMost(50, `a commit is seen in ${tabs} tabs, p95, ms`, of(results).p95.median)),
    atMost(2_000, 'a leader that is killed: until another one leads, the slowest, ms', way('killed')),
    atMost(5_000, 'a leader that is frozen: the same', way('frozen')),
    atMost(5_000, 'a leader whose process is stopped: the same', way('stopped')),
    atMost(100, 'a write beside a frozen tab, until it is stored, p95, ms', state('frozen')),
    atMost(100, 'a write beside one whose process is stopped: the same', state('stopped')),
  ]
}

const atMost = (limit, what, value) => ({
  what,
  bar: `at most ${limit.toLocaleString('en')}`,
  value,
  isMet: value <= limit * (1 + TOLERANCE),
})

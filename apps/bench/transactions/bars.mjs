/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1

const ours = 'Syncline refs'

/** What we want to be true, as ratios within one run, and what the run says. */
export function barsOf({ single, many }) {
  const [small, middle, large] = single.map(
    ({ results }) =>
      (name) =>
        results[name].write.median,
  )
  const bulk = (name) => many.results[name].writeMany.median
  const rolledBack = many.results[ours].giveUp.median
  return [
    atMost(
      1,
      'one ref of 10,000, 10,000 subscribers: time, of that of nanostores',
      middle(ours) / middle('nanostores'),
    ),
    atMost(1, 'the same, of valtio', middle(ours) / middle('valtio')),
    atLeast(5, 'times faster than tinybase', middle('tinybase') / middle(ours)),
    atLeast(5, 'times faster than the tldraw store', middle('tldraw store') / middle(ours)),
    atLeast(1000, 'times faster than zustand with selectors', middle('zustand') / middle(ours)),
    atMost(2, 'one ref of 100,000, 10,000 subscribers: time, of that with 1,000 and 100', large(ours) / small(ours)),
    atLeast(10, '1,000 writes in one transaction: times faster than tinybase', bulk('tinybase') / bulk(ours)),
    atLeast(10, 'times faster than the tldraw store', bulk('tldraw store') / bulk(ours)),
    atLeast(10, 'times faster than immer', bulk('zustand + immer') / bulk(ours)),
    atMost(1, 'rolling 1,000 writes back: time, of that of committing them', rolledBack / bulk(ours)),
  ]
}

const atMost = (limit, what, ratio) => ({
  what,
  bar: `at most ${limit}`,
  ratio,
  isMet: ratio <= limit * (1 + TOLERANCE),
})

const atLeast = (limit, what, ratio) => ({
  what,
  bar: `at least ${limit.toLocaleString('en')}`,
  ratio,
  isMet: ratio >= limit * (1 - TOLERANCE),
})

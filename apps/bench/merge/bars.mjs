/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1

/** What we want to be true, and what a run says. */
export function barsOf({ results }) {
  const ms = (workload) => results[workload].Syncline.median
  const [, middle, large, equal] = Object.keys(results)
  const compared = Object.values(results).filter((each) => each['node-diff3']?.tooSlow !== true)
  const slowest = Math.max(...compared.map((each) => each.Syncline.median / each['node-diff3'].median))
  return [
    atMost(1_000, `${large}: milliseconds`, ms(large)),
    atMost(1_000, `${equal}: milliseconds`, ms(equal)),
    atMost(2, 'time for a line of 200,000, of that for one of 20,000', ms(large) / 10 / ms(middle)),
    atMost(1, 'time, of that of node-diff3, where it is worst', slowest),
  ]
}

const atMost = (limit, what, value) => ({
  what,
  bar: `at most ${limit.toLocaleString('en')}`,
  value,
  isMet: value <= limit * (1 + TOLERANCE),
})

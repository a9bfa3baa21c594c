/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1
/** What it may cost more that everything is on the disk before anybody hears of it. */
const STORED = 1.3

const ours = 'Syncline'

/** What we want to be true, as ratios within one run, and what the run says; of what was not measured nothing is said. */
export function barsOf({ results }) {
  const of = (workload, name, measure = 'cpu') => results[workload]?.[name]?.[measure]?.median
  const times = (workload, other, measure) => of(workload, ours, measure) / of(workload, other, measure)
  const less = (workload, other) => of(workload, other) / of(workload, ours)
  const bare = 'bare ws'
  const yjs = 'y-websocket-server'
  return [
    atMost(0.15 * STORED, 'one writes quickly, 9 read: CPU, of that of bare ws', times('burst 10', bare)),
    atLeast(20 / STORED, 'the same: times less than y-websocket-server', less('burst 10', yjs)),
    atMost(0.1 * STORED, '99 read: CPU, of that of bare ws', times('burst 100', bare)),
    atLeast(20 / STORED, 'the same: times less than y-websocket-server', less('burst 100', yjs)),
    atMost(0.25 * STORED, '999 read: CPU, of that of bare ws', times('burst 1000', bare)),
    atLeast(7 / STORED, 'the same: times less than y-websocket-server', less('burst 1000', yjs)),
    atMost(0.95 * STORED, '200 edits a second to 9: CPU, of that of bare ws', times('steady 10', bare)),
    atMost(1.15 * STORED, 'the same: the middle delay, of that of bare ws', times('steady 10', bare, 'p50')),
    atMost(1 * STORED, '10 edits a second to 999: CPU, of that of bare ws', times('steady 1000', bare)),
    atMost(1.1 * STORED, 'the same: the middle delay, of that of bare ws', times('steady 1000', bare, 'p50')),
    atMost(1.5 * STORED, 'the same: the longest delay but for one in a hundred', times('steady 1000', bare, 'p99')),
    atMost(0.5, '100 show themselves: CPU, of that of bare ws', times('presence', bare)),
    atMost(16, 'the same: the middle delay, ms', of('presence', ours, 'p50')),
    atMost(15, '1,000 rooms: CPU of an edit more than that of bare ws, µs', of('rooms', ours) - of('rooms', bare)),
    atLeast(
      3.5,
      'the same, in memory: times less than y-websocket-server',
      of('rooms', yjs) / of('rooms', 'Syncline in memory'),
    ),
    atMost(
      1.3 * STORED,
      'the same: the longest delay but for one in a hundred, of that of bare ws',
      times('rooms', bare, 'p99'),
    ),
    atMost(
      1.15,
      'a connection that does nothing: what it holds, of that of bare ws',
      times('connections', bare, 'heldKb'),
    ),
    atMost(20, 'a space with two that do nothing: kB', of('pairs', ours, 'heldKb')),
    atLeast(40_000, 'edits stored in a second, 100 on their way', of('acknowledged', ours, 'perSecond')),
  ].filter(({ value }) => Number.isFinite(value))
}

const atMost = (limit, what, value) => ({
  what,
  bar: `at most ${count(limit)}`,
  value,
  isMet: value <= limit * (1 + TOLERANCE),
})

const atLeast = (limit, what, value) => ({
  what,
  bar: `at least ${count(limit)}`,
  value,
  isMet: value >= limit * (1 - TOLERANCE),
})

const count = (number) => number.toLocaleString('en', { maximumSignificantDigits: 3 })

/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1
/** What it may cost more that everything is on the disk before anybody hears of it. */
const STORED = 1.3

const ours = 'Syncline'
const inMemory = 'Syncline in memory'
const bare = 'bare ws'
const yjs = 'y-websocket-server'
const hocuspocus = 'Hocuspocus'
const keeping = 'ws that keeps'

/** What we want to be true, as ratios within one run, and what the run says; of what was not measured nothing is said. Who keeps nothing is compared with us when we keep nothing, and that with us when we do. */
export function barsOf({ results }) {
  const of = (workload, name, measure = 'cpu') => results[workload]?.[name]?.[measure]?.median
  const times = (workload, measure) => of(workload, inMemory, measure) / of(workload, bare, measure)
  const less = (workload, than = yjs) => of(workload, than) / of(workload, inMemory)
  const share = (workload, one = inMemory) => of(workload, one) / of(workload, hocuspocus)
  const stored = (workload) => of(workload, ours) / of(workload, inMemory)
  return [
    atMost(0.15, 'one writes quickly, 9 read, in memory: CPU, of that of bare ws', times('burst 10')),
    atLeast(20, 'the same: times less than y-websocket-server', less('burst 10')),
    atLeast(10, 'the same: times less than Hocuspocus', less('burst 10', hocuspocus)),
    atMost(STORED, 'the same, stored: times that in memory', stored('burst 10')),
    atMost(0.1, '99 read, in memory: CPU, of that of bare ws', times('burst 100')),
    atLeast(20, 'the same: times less than y-websocket-server', less('burst 100')),
    atLeast(3, 'the same: times less than Hocuspocus', less('burst 100', hocuspocus)),
    atMost(STORED, 'the same, stored: times that in memory', stored('burst 100')),
    atMost(0.25, '999 read, in memory: CPU, of that of bare ws', times('burst 1000')),
    atLeast(7, 'the same: times less than y-websocket-server', less('burst 1000')),
    atLeast(2, 'the same: times less than Hocuspocus', less('burst 1000', hocuspocus)),
    atMost(STORED, 'the same, stored: times that in memory', stored('burst 1000')),
    atMost(0.95, '200 edits a second to 9, in memory: CPU, of that of bare ws', times('steady 10')),
    atMost(0.5, 'the same: CPU, of that of Hocuspocus', share('steady 10')),
    atMost(1.15, 'the same: the middle delay, of that of bare ws', times('steady 10', 'p50')),
    atMost(STORED, 'the same, stored: CPU, times that in memory', stored('steady 10')),
    atMost(1, '10 edits a second to 999, in memory: CPU, of that of bare ws', times('steady 1000')),
    atMost(0.8, 'the same: CPU, of that of Hocuspocus', share('steady 1000')),
    atMost(1.1, 'the same: the middle delay, of that of bare ws', times('steady 1000', 'p50')),
    atMost(1.5, 'the same: the longest delay but for one in a hundred', times('steady 1000', 'p99')),
    atMost(STORED, 'the same, stored: CPU, times that in memory', stored('steady 1000')),
    atMost(0.5, '100 show themselves: CPU, of that of bare ws', of('presence', ours) / of('presence', bare)),
    atMost(0.3, 'the same: CPU, of that of Hocuspocus', share('presence', ours)),
    atMost(16, 'the same: the middle delay, ms', of('presence', ours, 'p50')),
    atMost(1.05, '1,000 rooms, in memory: CPU, of that of bare ws', times('rooms')),
    atLeast(3.5, 'the same: times less than y-websocket-server', less('rooms')),
    atLeast(6, 'the same: times less than Hocuspocus', less('rooms', hocuspocus)),
    atMost(1.3, 'the same: the longest delay but for one in a hundred, of that of bare ws', times('rooms', 'p99')),
    atMost(15, 'the same, stored: CPU of an edit more than in memory, µs', of('rooms', ours) - of('rooms', inMemory)),
    atMost(
      1.15,
      'a connection that does nothing: what it holds, of that of bare ws',
      of('connections', ours, 'heldKb') / of('connections', bare, 'heldKb'),
    ),
    atMost(
      1.15,
      'one of 5,000 that do nothing: what it holds, of that of bare ws',
      of('crowd', ours, 'heldKb') / of('crowd', bare, 'heldKb'),
    ),
    atMost(0.55, 'the same: of that of Hocuspocus', of('crowd', ours, 'heldKb') / of('crowd', hocuspocus, 'heldKb')),
    atMost(20, 'a space with two that do nothing: kB', of('pairs', ours, 'heldKb')),
    atMost(0.4, 'the same: of that of Hocuspocus', of('pairs', ours, 'heldKb') / of('pairs', hocuspocus, 'heldKb')),
    atMost(
      0.2,
      'a space with something in it that nobody follows: kB more than with bare ws, which keeps nothing',
      of('left', ours, 'heldKb') - of('left', bare, 'heldKb'),
    ),
    // What it holds was made and let go of by others before: only what the process has grown by says anything.
    atMost(
      15_000,
      'a document of 1.1 MB that is open: kB by which the process has grown',
      of('document', ours, 'rssKb'),
    ),
    atMost(4_000, 'one who reads nothing of 32 MB: kB', of('stalled', ours, 'heldKb')),
    atMost(
      1.1,
      'half of twenty read nothing: the longest delay of the others but for one in a hundred, of that when all read',
      of('beside', ours, 'stallTimes'),
    ),
    atMost(100, 'the same: ms', of('beside', ours, 'someStallMs')),
    atMost(
      1.3,
      '1,000 want 1.1 MB: CPU, of that of a bare ws that sends as much',
      of('storm', ours, 'eachUs') / of('storm', keeping, 'eachUs'),
    ),
    atLeast(
      20,
      'the same: times less than y-websocket-server',
      of('storm', yjs, 'eachUs') / of('storm', ours, 'eachUs'),
    ),
    atLeast(
      20,
      'the same: times less than Hocuspocus',
      of('storm', hocuspocus, 'eachUs') / of('storm', ours, 'eachUs'),
    ),
    atMost(
      0.55,
      'the same: what the process takes at most, of that of Hocuspocus',
      of('storm', ours, 'peakMb') / of('storm', hocuspocus, 'peakMb'),
    ),
    atLeast(
      8,
      'the same: times sooner than y-websocket-server',
      of('storm', yjs, 'allMs') / of('storm', ours, 'allMs'),
    ),
    atMost(
      0.5,
      '1,000 come back, who miss the same: CPU, of that of y-websocket-server',
      of('coming back alike', ours, 'eachUs') / of('coming back alike', yjs, 'eachUs'),
    ),
    atMost(
      1,
      'the same, and each misses something else',
      of('coming back apart', ours, 'eachUs') / of('coming back apart', yjs, 'eachUs'),
    ),
    atMost(
      1,
      '1,000 connect again after a restart: ms until all but one in a hundred are back, of those of y-websocket-server with a file',
      of('herd', ours, 'mostBackMs') / of('herd', 'y-websocket-server with a file', 'mostBackMs'),
    ),
    atMost(10, 'the first who comes to 100,000 edits after a start: ms', of('cold start', ours, 'firstMs')),
    atLeast(
      50,
      'the same: CPU, times less than y-websocket-server with a file',
      of('cold start', 'y-websocket-server with a file', 'firstCpuMs') / of('cold start', ours, 'firstCpuMs'),
    ),
    atLeast(40_000, 'edits stored in a second, 100 on their way', of('acknowledged', ours, 'perSecond')),
    atMost(2, 'the same: ms until the middle one is', of('acknowledged', ours, 'p50')),
    atMost(
      5,
      'the same: ms that all but one in a hundred of what is due waits for its turn',
      of('acknowledged', ours, 'loopDelayMs'),
    ),
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

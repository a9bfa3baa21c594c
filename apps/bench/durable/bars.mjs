/** So close to a bar is at it: what two runs of the same code differ by. */
const TOLERANCE = 0.1

/** What is shown of each contender. */
export const measures = [
  { measure: 'durableMs', what: '3,000 quick edits until all are stored, ms' },
  { measure: 'taskUs', what: 'an edit in the task that makes it, µs' },
  { measure: 'typingUs', what: 'a typed character in the task that makes it, µs' },
  { measure: 'steadyUs', what: 'each of 30,000 quick edits until all are stored, µs' },
  { measure: 'loneMs', what: 'a lone edit until it is stored, ms' },
]

/** What is shown of compacting while somebody types. */
export const compactionMeasures = [
  { measure: 'tookMs', what: 'all of it' },
  { measure: 'replaceMs', what: 'the step that puts the checkpoint in place of the log' },
  { measure: 'makingBlockMs', what: 'longest block until then' },
  { measure: 'replaceBlockMs', what: 'longest block in that step' },
  { measure: 'editMs', what: 'an edit meanwhile, until it is stored: the middle one' },
  { measure: 'longestEditMs', what: 'the one that waits longest' },
]

/** What we want to be true, most of it as ratios within one run, and what the run says. */
export function barsOf({ results, compaction }) {
  const of = (name, measure) => results[name]?.[measure]?.median
  const ours = (measure) => of('Syncline', measure)
  return [
    atLeast(
      10,
      '3,000 quick edits stored: times sooner than with y-indexeddb',
      of('Yjs with y-indexeddb', 'durableMs') / ours('durableMs'),
    ),
    atLeast(
      0.3,
      'edits stored in a second, when 30,000 come, of those that a record a batch by hand gives',
      of('IndexedDB by batches', 'steadyUs') / ours('steadyUs'),
    ),
    atMost(
      2,
      'an edit in its task: times that of the same in memory',
      ours('taskUs') / of('Syncline in memory', 'taskUs'),
    ),
    atMost(
      1.1,
      'a typed character in its task: times that of Yjs in memory',
      ours('typingUs') / of('Yjs in memory', 'typingUs'),
    ),
    atMost(1.3, 'a lone edit stored: times that of a put by hand', ours('loneMs') / of('IndexedDB by puts', 'loneMs')),
    ...(compaction === undefined ? [] : compactionBars(compaction)),
  ].filter(({ value }) => Number.isFinite(value))
}

function compactionBars({ makingBlockMs, replaceBlockMs, longestEditMs }) {
  return [
    atMost(50, 'compacting 15 MB: longest block, ms', Math.max(makingBlockMs.median, replaceBlockMs.median)),
    atMost(200, 'compacting 15 MB: the edit that waits longest until it is stored, ms', longestEditMs.median),
  ]
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
  isMet: value >= limit * (1 - TOLERANCE),
})

/** The middle of some measurements, and how far apart the middle half of them is, as a share of it. */
export function summary(samples) {
  const sorted = [...samples].sort((a, b) => a - b)
  const median = at(sorted, 0.5)
  return {
    median: round(median),
    spread: round((at(sorted, 0.75) - at(sorted, 0.25)) / median),
    samples: samples.length,
  }
}

/** What lies at a share of some sorted numbers. */
export function at(sorted, share) {
  const place = (sorted.length - 1) * share
  const low = Math.floor(place)
  return sorted[low] + (sorted[Math.ceil(place)] - sorted[low]) * (place - low)
}

/** Three digits that say something. */
export const round = (number) => Number(number.toPrecision(3))

/** Of some samples that each have the same measures: the summary of each measure. */
export function summaries(samples) {
  return Object.fromEntries(
    Object.keys(samples[0]).map((what) => [what, summary(samples.map((sample) => sample[what]))]),
  )
}

/** Lets all take their turns, round by round, so that whatever the machine does meanwhile happens to all of them. Another one is first each time: nobody always runs after the same neighbour. */
export async function takeTurns(racers, rounds, sample, step = 4) {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < racers.length; i++) await sample(racers[(i + round * step) % racers.length])
  }
}

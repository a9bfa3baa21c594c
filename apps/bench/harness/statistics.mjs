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

function at(sorted, share) {
  const place = (sorted.length - 1) * share
  const low = Math.floor(place)
  return sorted[low] + (sorted[Math.ceil(place)] - sorted[low]) * (place - low)
}

/** Three digits that say something. */
export const round = (number) => Number(number.toPrecision(3))

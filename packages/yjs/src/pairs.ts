/** Whether a cut at `index` would separate the halves of a surrogate pair. */
export function splitsPair(text: string, index: number): boolean {
  const unit = text.charCodeAt(index)
  if (!(unit >= 0xdc00 && unit <= 0xdfff) || index === 0) return false
  const previous = text.charCodeAt(index - 1)
  return previous >= 0xd800 && previous <= 0xdbff
}

/** A place in a text, or before the pair that it is inside of. */
export function startOfPair(text: string, index: number): number {
  return splitsPair(text, index) ? index - 1 : index
}

/** A place in a text, or behind the pair that it is inside of. */
export function endOfPair(text: string, index: number): number {
  return splitsPair(text, index) ? index + 1 : index
}

/** How many code units two texts have in common at their beginnings, and at what is left of their ends, without cutting a pair. */
export function commonEnds(a: string, b: string): { readonly start: number; readonly end: number } {
  const shorter = Math.min(a.length, b.length)
  let start = 0
  while (start < shorter && a.charCodeAt(start) === b.charCodeAt(start)) start++
  // Two pairs may share their first half only, or their second half only.
  start = startOfPair(b, startOfPair(a, start))
  let end = 0
  while (end < shorter - start && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end)) end++
  if (splitsPair(a, a.length - end) || splitsPair(b, b.length - end)) end--
  return { start, end }
}

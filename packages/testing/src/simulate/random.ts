/** Numbers in [0, 1), the same for the same seed and stream. */
export type Random = () => number

/**
 * The random numbers of one stream of a seed (mulberry32; Tommy Ettinger, public domain). Each stream is as if it had a seed of its own, so
 * what one draws moves no other.
 */
export function createRandom(seed: number, stream: string): Random {
  let state = startOf(seed, stream)
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** FNV-1a over both halves of the seed and the name, then mixed once more: names and seeds differ in few bits. */
function startOf(seed: number, stream: string): number {
  let hash = 0x811c9dc5
  const take = (word: number): void => void (hash = Math.imul(hash ^ word, 0x01000193))
  take(seed >>> 0)
  take(Math.floor(seed / 2 ** 32) >>> 0)
  for (let at = 0; at < stream.length; at++) take(stream.charCodeAt(at))
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return (hash ^ (hash >>> 16)) >>> 0
}

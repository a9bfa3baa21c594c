/**
 * Which of some distinct numbers form a longest ascending subsequence: of an order that was changed, what need not have been moved. Of
 * several the one is taken whose numbers are least, from the end on. Cost: n log n.
 */
export function risingAmong(numbers: readonly number[]): Uint8Array {
  // lasts[k] is the index of the least number at which an ascending sequence of k + 1 ends (Fredman, 1975).
  const lasts: number[] = []
  const previous = new Int32Array(numbers.length)
  for (let i = 0; i < numbers.length; i++) {
    let low = 0
    let high = lasts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (numbers[lasts[middle]!]! < numbers[i]!) low = middle + 1
      else high = middle
    }
    previous[i] = low === 0 ? -1 : lasts[low - 1]!
    lasts[low] = i
  }
  const rising = new Uint8Array(numbers.length)
  for (let i = lasts.at(-1) ?? -1; i !== -1; i = previous[i]!) rising[i] = 1
  return rising
}

import { imageOfData } from './image.ts'

/**
 * Whether an observation is a part of another: a number that is not greater, a set or list whose items are all in the other, as often as there,
 * an object whose fields are parts of those of the other, and nothing at all of everything. Texts are parts of equal ones.
 */
export function isPartOf(part: unknown, whole: unknown): boolean {
  if (part === undefined || part === null || part === '') return true
  if (typeof part === 'number') return typeof whole === 'number' && part <= whole
  if (typeof part === 'boolean') return !part || whole === true
  if (Array.isArray(part)) return Array.isArray(whole) && areIn(part as unknown[], whole as unknown[])
  if (part instanceof Set) return whole instanceof Set && [...(part as Set<unknown>)].every((item) => whole.has(item))
  if (part instanceof Map) {
    return (
      whole instanceof Map &&
      [...(part as Map<unknown, unknown>)].every(([key, value]) => isPartOf(value, whole.get(key)))
    )
  }
  if (typeof part !== 'object' || part instanceof Uint8Array) return imageOfData(part) === imageOfData(whole)
  if (typeof whole !== 'object' || whole === null) return false
  return Object.entries(part).every(([key, value]) =>
    isPartOf(value, (whole as { readonly [key: string]: unknown })[key]),
  )
}

function areIn(items: readonly unknown[], all: readonly unknown[]): boolean {
  const left = new Map<string, number>()
  for (const item of all) left.set(imageOfData(item), (left.get(imageOfData(item)) ?? 0) + 1)
  return items.every((item) => {
    const image = imageOfData(item)
    const count = left.get(image) ?? 0
    left.set(image, count - 1)
    return count > 0
  })
}

import type { Value } from '@syncline/stm'

/** As many levels of arrays and objects as a value of an app may have. What comes from elsewhere may have more. */
export const MOST_LEVELS = 64

/** Whether a value has so many levels at most. It is not walked any deeper. */
export function isWithin(value: Value, levels: number): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true
  return levels > 0 && Object.values(value).every((inner: Value) => isWithin(inner, levels - 1))
}

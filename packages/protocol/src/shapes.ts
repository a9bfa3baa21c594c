/** Whether a value has a shape. */
export type Shape = (value: unknown) => boolean

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

export const text: Shape = (value) => typeof value === 'string'
export const whole: Shape = Number.isSafeInteger
export const bytes: Shape = (value) => value instanceof Uint8Array
export const any: Shape = (value) => value !== undefined
export const listOf =
  (item: Shape): Shape =>
  (value) =>
    isList(value) && value.every(item)
export const tuple =
  (...items: readonly Shape[]): Shape =>
  (value) =>
    isList(value) && value.length === items.length && items.every((item, i) => item(value[i]))

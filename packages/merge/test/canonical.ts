import type { Value } from '@syncline/stm'

/** One text for one value, whatever order its keys were set in: what bytes would say. Keys of any name count, own ones only. */
export function canonicalText(value: Value | undefined): string {
  if (value === undefined) return 'absent'
  if (typeof value === 'number') return `${value}`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (value instanceof Uint8Array) return `bytes(${[...value].join()})`
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`
  const keys = Object.keys(value).sort()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalText((value as { [key: string]: Value })[key])}`).join()}}`
}

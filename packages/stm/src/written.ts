import type { Policy } from './policy.ts'

/** What of a value apps write: the part that a schema and a limit of size are about. */
export function writtenIn(value: unknown, { written }: Policy): unknown {
  return written === undefined ? value : written(value)
}

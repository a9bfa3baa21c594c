import type { Value } from '@syncline/stm'
import type { Difference, Part } from './by.ts'
import type { Conflict, Path } from './conflict.ts'

/** No conflicts at all. */
export const agreed: readonly Conflict[] = Object.freeze([])

/** The difference that one value stands for another, or that it came or went. */
export function replaced(was: Value | undefined, is: Value | undefined, path: Path): Difference {
  return { kind: 'set', path, ...(was !== undefined && { was }), ...(is !== undefined && { is }) }
}

/** A place on which the sides disagree as a whole. */
export function disputed(
  base: Value | undefined,
  mine: Value | undefined,
  theirs: Value | undefined,
  path: Path,
): Part {
  const conflict: Conflict = {
    kind: 'value',
    path,
    ...(base !== undefined && { base }),
    ...(mine !== undefined && { mine }),
    ...(theirs !== undefined && { theirs }),
  }
  return { value: base, conflicts: [conflict] }
}

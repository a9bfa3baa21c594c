import type { Op, Stamp } from './change.ts'
import type { View } from './memory.ts'
import type { Policy } from './policy.ts'
import type { CellKey } from './ref.ts'
import type { Rules } from './rules.ts'
import type { Snapshot } from './snapshot.ts'
import type { Version, Versions } from './versions.ts'

/** What is behind a Snapshot: where it stands in the history of a memory, and what lies on top of that. */
export interface Behind {
  /** Of its memory, and of no other. */
  readonly versions: Versions
  readonly version: Version
  readonly view: View
  /** The cells that hold something else than at its version. */
  readonly over: ReadonlyMap<CellKey, unknown>
  /** How many bodies lie one on the other in it that nobody has committed. */
  readonly depth: number
  policyOf(tag: string): Policy | undefined
  /** A Snapshot with operations on top of a view. */
  layer(view: View, ops: readonly Op[], stamp: Stamp, depth: number): Snapshot
  /** What a body must keep to, also when nobody commits it. */
  readonly rules: Rules
}

const known = new WeakMap<Snapshot, Behind>()

/** What knows it when it is asked. */
export interface Ground {
  behind(): Behind
}

/** A Snapshot that has it in itself: for those that are made with each commit, of which hardly anybody asks. */
export class Grounded {
  readonly #ground: Ground

  constructor(ground: Ground) {
    this.#ground = ground
  }

  static behind(snapshot: object): Behind | undefined {
    return #ground in snapshot ? snapshot.#ground.behind() : undefined
  }
}

/** Says what is behind a Snapshot, once, when it is made. */
export function setBehind(snapshot: Snapshot, behind: Behind): void {
  known.set(snapshot, behind)
}

/** What is behind a Snapshot; undefined for what no memory has given, whatever it is. */
export function behindOf(snapshot: Snapshot): Behind | undefined {
  if (typeof snapshot !== 'object' || snapshot === null) return undefined
  return Grounded.behind(snapshot) ?? known.get(snapshot)
}

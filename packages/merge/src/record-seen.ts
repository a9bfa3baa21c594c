import { compareStamps, type Stamp, type Value } from '@syncline/stm'
import type { CounterState } from './counter-state.ts'
import { readStamps, StampTable, unlessMalformed } from './origins.ts'
import { pathsOf, registersIn } from './record-sketch.ts'
import { YIELD } from './record-op.ts'
import type { RecordState } from './record-state.ts'
import { additionsPath } from './restamp.ts'
import { COUNT } from './shape.ts'

/**
 * What the yielding deletes of an incarnation had seen of it, all of them together: by path, the latest write. An incarnation that holds
 * anything else is there: it was edited by somebody that none of them knew of.
 */
export interface Seen {
  /** The latest of the deletes. */
  readonly deleted: Stamp
  readonly stamps: ReadonlyMap<string, Stamp>
}

/** One write that stands in a record: where, in which field, and when. Of a count the latest addition of each writer. */
interface Standing {
  readonly path: string
  readonly name: string
  readonly stamp: Stamp
}

function standingIn(state: RecordState): readonly Standing[] {
  const standing: Standing[] = []
  state.values.forEach((held, slot) => {
    const name = state.shape.names[slot]!
    if (state.shape.kinds[slot] === COUNT) {
      for (const [writer, { at }] of (held as CounterState).tallies) {
        standing.push({ path: additionsPath(name, writer), name, stamp: { at, writer } })
      }
    } else {
      for (const register of registersIn(state, slot)) {
        standing.push({ path: pathsOf(register)[0], name, stamp: register.stamp! })
      }
    }
  })
  return standing
}

/** The delete of a record that yields to all that is not in this state: `[YIELD, incarnation, stamps, path, place of its stamp, …]`. */
export function yieldingDelete(state: RecordState): readonly Value[] {
  const table = new StampTable()
  const entries = standingIn(state).flatMap(({ path, stamp }) => [path, table.place(stamp)])
  return [YIELD, state.incarnation, table.data, ...entries]
}

/** What a delete says that it has seen, in its operation; undefined when that makes no sense. */
export function readSeen(payload: readonly Value[]): ReadonlyMap<string, Stamp> | undefined {
  return unlessMalformed(() => {
    const stampAt = readStamps(payload[2])
    const stamps = new Map<string, Stamp>()
    for (let i = 3; i < payload.length; i += 2) {
      const path = payload[i]
      const stamp = stampAt(payload[i + 1])
      if (typeof path !== 'string' || stamp === undefined || !Number.isSafeInteger(stamp.at)) return undefined
      stamps.set(path, stamp)
    }
    return stamps
  })
}

/** What deletes have seen with one more of them; the same when it has nothing new. */
export function joinedSeen(seen: Seen | undefined, deleted: Stamp, stamps: ReadonlyMap<string, Stamp>): Seen {
  const joined = new Map(seen?.stamps)
  let isNew = seen === undefined || compareStamps(deleted, seen.deleted) > 0
  const latest = isNew ? deleted : seen!.deleted
  for (const [path, stamp] of stamps) {
    if (!isUnseen(joined, path, stamp)) continue
    joined.set(path, stamp)
    isNew = true
  }
  return isNew ? { deleted: latest, stamps: joined } : seen!
}

/** Whether deletes that saw this had not seen a write. */
export function isUnseen(stamps: ReadonlyMap<string, Stamp>, path: string, stamp: Stamp): boolean {
  const seen = stamps.get(path)
  return seen === undefined || compareStamps(stamp, seen) > 0
}

/** Whether a record holds something that its deletes had not seen. Cost: its fields. */
export function holdsUnseen(state: RecordState, { stamps }: Seen): boolean {
  return standingIn(state).some(({ path, stamp }) => isUnseen(stamps, path, stamp))
}

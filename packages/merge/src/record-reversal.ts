import { type Reversal, type Stamp, type Value } from '@syncline/stm'
import { Origins, Restoration, unlessMalformed } from './origins.ts'
import { KEPT } from './lens.ts'
import { inverseOf, inverseOfOne, readInverse, REVIVE, type LifeInverse, type WriteInverse } from './record-inverse.ts'
import { yieldingDelete } from './record-seen.ts'
import {
  CREATED,
  DELETED,
  isThere,
  pathOf,
  pathsOf,
  sketchOf,
  sumAt,
  type Register,
  type Sketch,
} from './record-sketch.ts'
import { ADD, CLEAR, CREATE, DELETE, WRITE, YIELD } from './record-op.ts'
import type { RecordState } from './record-state.ts'
import { DATA } from './shape.ts'
import { addSums, encodeSum, negated, noSum, splitSum } from './sum.ts'

/**
 * Takes back operations on records, each field by itself: registers and places go back to what they held, additions are subtracted. A member
 * that was created is deleted, unless somebody else has written to it; one that was deleted is created again as it was.
 */
export const recordReversal: Reversal<RecordState> = {
  inverse: (before, payload, past) =>
    inverseOfOne(before, payload, past) ?? inverseOf(before, payload, new Origins(past)),

  revert(state, undone, past) {
    const origins = new Origins(past)
    const undoing: Undoing = {
      state,
      origins,
      sketch: sketchOf(state, origins),
      isOtherLife: false,
      isRevived: false,
      written: new Set(),
      superseded: new Set(),
    }
    for (const { inverse: data, stamp } of undone) {
      const inverse = unlessMalformed(() => readInverse(data))
      if (inverse === undefined) continue
      if (inverse.kind === WRITE) takeBackWrite(undoing, inverse, stamp)
      else takeBackLife(undoing, inverse, stamp)
    }
    return { ...operationFor(state, undoing), superseded: [...undoing.superseded] }
  },
}

interface Undoing {
  readonly state: RecordState | undefined
  readonly origins: Origins
  sketch: Sketch
  /** The sketch is of another life of the member than the state. */
  isOtherLife: boolean
  /** It is to be there again in the incarnation that a yielding delete has deleted. */
  isRevived: boolean
  /** The paths of registers that went back. */
  readonly written: Set<string>
  readonly superseded: Set<string>
}

function takeBackWrite(undoing: Undoing, { life, registers, added }: WriteInverse, stamp: Stamp): void {
  const { sketch, written, superseded } = undoing
  if (sketch.deleted !== undefined || sketch.life !== life) {
    for (const { name } of registers) superseded.add(name)
    for (const name of added.keys()) superseded.add(name)
    return
  }
  // All are looked at before the first goes back: parts of what one write replaced go back together.
  const back = new Set(registers.filter((before) => isStanding(undoing, before, stamp)))
  for (const before of registers) {
    const [path] = pathsOf(before)
    if (back.has(before)) {
      sketch.registers.set(path, before)
      written.add(path)
    } else superseded.add(before.name)
  }
  for (const [name, sum] of added) sketch.counts.set(name, addSums(sumAt(sketch, name), negated(sum)))
}

/** Whether a write stands at a register or part of one: there, or at what it is a part of when nobody has written there since. */
function isStanding({ sketch, origins }: Undoing, before: Register, stamp: Stamp): boolean {
  for (const path of pathsOf(before)) {
    const now = sketch.registers.get(path)
    if (now?.stamp === undefined) continue
    if (origins.same(now.stamp, stamp, path)) return true
    // Taken back to what is around it.
    if (origins.of(now.stamp, path) !== undefined) return false
  }
  return false
}

function takeBackLife(undoing: Undoing, inverse: LifeInverse, stamp: Stamp): void {
  const { kind, before, incarnation } = inverse
  const { state, sketch, origins } = undoing
  if (kind === DELETE || kind === YIELD) {
    if (sketch.deleted === undefined || !origins.same(sketch.deleted, stamp, DELETED)) {
      undoing.superseded.add('')
      return
    }
  } else {
    const [standing, path] =
      kind === CREATE ? [sketch.created, CREATED] : [sketch.registers.get(KEPT_PATH)?.stamp, KEPT_PATH]
    const isOurs = isThere(sketch) && standing !== undefined && origins.same(standing, stamp, path)
    const others = isOurs ? writtenByOthers(sketch, origins, inverse, stamp) : ['']
    for (const name of others) undoing.superseded.add(name)
    if (others.length > 0) return
  }
  if (kind === YIELD && !undoing.isOtherLife && state?.seen !== undefined && state.incarnation === incarnation) {
    // All is there still, and what others have written to it and is under way will be too.
    sketch.deleted = undefined
    undoing.isRevived = true
    return
  }
  undoing.sketch = before
  undoing.isOtherLife = true
  undoing.isRevived = false
  undoing.written.clear()
}

const KEPT_PATH = pathOf(CLEAR, KEPT, [])

/** The fields of a member that somebody has written since it was created or brought back: with it their work would go. */
function writtenByOthers(
  sketch: Sketch,
  origins: Origins,
  { kind, before, added }: LifeInverse,
  ours: Stamp,
): readonly string[] {
  const names: string[] = []
  for (const [path, { name, stamp }] of sketch.registers) {
    const isKnown =
      origins.of(stamp, path) === undefined ||
      origins.same(stamp, ours, path) ||
      // What was brought back came with all that it had.
      (kind === REVIVE && (path === KEPT_PATH || origins.same(stamp, before.registers.get(path)?.stamp, path)))
    if (!isKnown) names.push(name)
  }
  for (const [name, sum] of sketch.counts) {
    if (addSums(sum, negated(added.get(name) ?? noSum)).length > 0) names.push(name)
  }
  return names
}

/** The operation that makes a record what the sketch says, and what it puts back. */
function operationFor(
  state: RecordState | undefined,
  undoing: Undoing,
): { readonly payload: Value | undefined; readonly restored: Value } {
  const { sketch, origins, isOtherLife } = undoing
  const restoration = new Restoration()
  const restore = (path: string, stamp: Stamp | undefined): void => restoration.add(path, origins.of(stamp, path))
  const write = (register: Register): readonly Value[] => {
    restore(pathsOf(register)[0], register.stamp)
    return [register.entry, register.name, register.data]
  }
  let payload: Value[] | undefined
  if (!isOtherLife) payload = writesFor(state, undoing, restoration, write)
  else if (isThere(sketch)) {
    payload = [CREATE, (state?.incarnation ?? 0) + 1]
    restoration.life = sketch.life
    restore(CREATED, sketch.created)
    for (const register of sketch.registers.values()) for (const item of write(register)) payload.push(item)
    for (const [name, sum] of sketch.counts) {
      if (sum.length > 0) payload.push(ADD, name, encodeSum(splitSum(sum)))
    }
  } else if (state !== undefined && (state.exists || isDeletedOtherwise(state, undoing))) {
    payload = deleteOf(state)
    restore(DELETED, sketch.deleted)
  }
  return { payload, restored: restoration.data() }
}

/** The delete of a member, by itself: it yields where its members are created so. */
function deleteOf(state: RecordState): Value[] {
  const yields = state.seen !== undefined || state.shape.slot(DATA, KEPT) >= 0
  return yields ? [...yieldingDelete(state)] : [DELETE, state.incarnation]
}

/** Whether a member that is deleted was deleted by an earlier write at the time to go back to: that one is to stand again. */
function isDeletedOtherwise({ deleted }: RecordState, { sketch, origins }: Undoing): boolean {
  return sketch.deleted !== undefined && !origins.same(deleted, sketch.deleted, DELETED)
}

/** What must be written to a record that goes on in the life it has. */
function writesFor(
  state: RecordState | undefined,
  { sketch, written, origins, superseded, isRevived }: Undoing,
  restoration: Restoration,
  write: (register: Register) => readonly Value[],
): Value[] | undefined {
  if (state === undefined) return undefined
  const payload: Value[] = [WRITE, state.incarnation]
  if (isRevived) {
    restoration.add(KEPT_PATH, undefined)
    payload.push(CLEAR, KEPT, null)
  }
  for (const [path, register] of sketch.registers) {
    // A write to what it is a part of would forget it.
    const isPartOf = !written.has(path) && pathsOf(register).some((above) => written.has(above))
    if (isPartOf && origins.of(register.stamp, path) !== undefined) superseded.add(register.name)
    if (isPartOf || written.has(path)) for (const item of write(register)) payload.push(item)
  }
  const now = sketchOf(state, origins)
  for (const [name, sum] of sketch.counts) {
    const missing = addSums(sum, negated(sumAt(now, name)))
    if (missing.length > 0) payload.push(ADD, name, encodeSum(splitSum(missing)))
  }
  return payload.length > 2 ? payload : undefined
}

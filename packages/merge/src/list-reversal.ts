import type { Reversal, Stamp, Value } from '@syncline/stm'
import { idOf, inverseOf, newestOf, readInverses, type ListInverse } from './list-inverse.ts'
import { INSERT, isLive, MOVE, REMOVE, SET, type ListState } from './list-state.ts'
import { Origins, Restoration, unlessMalformed } from './origins.ts'

/** Takes back edits of lists, each item by itself: what was inserted is removed, what was removed is put back where it was, what was moved goes back. */
export const listReversal: Reversal<ListState> = {
  inverse: (before, payload) => inverseOf(before, payload),

  revert(state, undone, past) {
    const origins = new Origins(past)
    const sketches = new Map<string, Sketch>()
    const superseded = new Set<string>()
    for (const { inverse: data, stamp } of undone) {
      for (const inverse of unlessMalformed(() => readInverses(data)) ?? []) {
        const { root } = inverse
        const before = sketches.get(root) ?? sketchOf(state, root)
        const after = takeBack(before, inverse, stamp, origins)
        if (after === undefined) superseded.add(root)
        else sketches.set(root, after)
      }
    }
    return { ...operationFor(state, sketches, origins), superseded: [...superseded] }
  },
}

/** What an item would be, while edits are being taken back: in the list, or not. */
type Sketch =
  | {
      readonly isThere: true
      readonly key: string
      readonly keyStamp: Stamp | undefined
      readonly value: Value
      readonly valueStamp: Stamp | undefined
    }
  | { readonly isThere: false; readonly removed: Stamp | undefined }

function sketchOf(state: ListState | undefined, root: string): Sketch {
  const { item } = newestOf(state, root)
  if (item === undefined || !isLive(item)) return { isThere: false, removed: item?.removed }
  const { key, keyStamp, value, valueStamp } = item
  return { isThere: true, key, keyStamp, value, valueStamp }
}

/** The item without one edit; undefined when somebody has changed it since. */
function takeBack(sketch: Sketch, inverse: ListInverse, stamp: Stamp, origins: Origins): Sketch | undefined {
  const { root } = inverse
  if (inverse.kind === REMOVE) {
    if (sketch.isThere || sketch.removed === undefined) return undefined
    if (!origins.same(sketch.removed, stamp, removedPath(root))) return undefined
    const { key, keyStamp, value, valueStamp } = inverse
    return { isThere: true, key, keyStamp, value, valueStamp }
  }
  if (!sketch.isThere) return undefined
  const isKeyOurs = origins.same(sketch.keyStamp, stamp, keyPath(root))
  const isValueOurs = origins.same(sketch.valueStamp, stamp, valuePath(root))
  switch (inverse.kind) {
    case INSERT:
      return isKeyOurs && isValueOurs ? { isThere: false, removed: inverse.removed } : undefined
    case MOVE:
      return isKeyOurs ? { ...sketch, key: inverse.key, keyStamp: inverse.keyStamp } : undefined
    case SET:
      return isValueOurs ? { ...sketch, value: inverse.value, valueStamp: inverse.valueStamp } : undefined
  }
}

/** The operation that makes items what their sketches say, and what it puts back. */
function operationFor(
  state: ListState | undefined,
  sketches: ReadonlyMap<string, Sketch>,
  origins: Origins,
): { readonly payload: Value | undefined; readonly restored: Value } {
  const payload: Value[] = []
  const restoration = new Restoration()
  for (const [root, sketch] of sketches) {
    const { item, generation } = newestOf(state, root)
    const id = idOf(root, generation)
    const isInList = item !== undefined && isLive(item)
    if (!sketch.isThere) {
      if (!isInList) continue
      payload.push(REMOVE, id)
      restoration.add(removedPath(root), origins.of(sketch.removed, removedPath(root)))
      continue
    }
    const { key, keyStamp, value, valueStamp } = sketch
    // By identity: the stamp of a write that stands is the very one in the state.
    const isMoved = !isInList || keyStamp !== item.keyStamp
    const isSet = !isInList || valueStamp !== item.valueStamp
    if (!isInList) payload.push(INSERT, idOf(root, generation + 1), key, value)
    else {
      if (isMoved) payload.push(MOVE, id, key)
      if (isSet) payload.push(SET, id, value)
    }
    if (isMoved) restoration.add(keyPath(root), origins.of(keyStamp, keyPath(root)))
    if (isSet) restoration.add(valuePath(root), origins.of(valueStamp, valuePath(root)))
  }
  return { payload: payload.length === 0 ? undefined : payload, restored: restoration.data() }
}

// The paths under which it is known what writes put back.

function keyPath(root: string): string {
  return `k${root}`
}

function valuePath(root: string): string {
  return `v${root}`
}

function removedPath(root: string): string {
  return `r${root}`
}

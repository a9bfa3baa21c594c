import type { Reversal, Stamp, Value } from '@syncline/stm'
import { CLEAR, SET, type LwwState } from './lww-state.ts'
import { Origins, Restoration } from './origins.ts'

/** A register has one part. */
const WHOLE = ''

/** Inverse of a write to a register: the operation that writes what it replaced, and the stamp that had: `[operation, at, writer]`, or `[operation]`. */
export const lwwReversal: Reversal<LwwState> = {
  isSmall: true,

  inverse(before, payload) {
    if (!isOperation(payload)) return undefined
    if (before === undefined) return [[CLEAR, null]]
    return [operationFor(before.value), before.stamp.at, before.stamp.writer]
  },

  revert(state, undone, past) {
    const origins = new Origins(past)
    let standing = state?.stamp
    let operation: Value | undefined
    let superseded = false
    for (const { inverse, stamp } of undone) {
      const replaced = read(inverse)
      if (replaced === undefined) continue
      if (standing === undefined || !origins.same(standing, stamp, WHOLE)) {
        superseded = true
        continue
      }
      standing = replaced.stamp
      operation = replaced.operation
    }
    const restoration = new Restoration()
    if (operation !== undefined) restoration.add(WHOLE, origins.of(standing, WHOLE))
    return { payload: operation, restored: restoration.data(), superseded: superseded ? [WHOLE] : [] }
  },
}

function operationFor(value: Value | undefined): Value {
  return value === undefined ? [CLEAR, null] : [SET, value]
}

function isOperation(payload: Value | undefined): boolean {
  if (!Array.isArray(payload) || payload.length !== 2) return false
  return payload[0] === SET ? payload[1] !== undefined : payload[0] === CLEAR && payload[1] === null
}

function read(inverse: Value): { readonly operation: Value; readonly stamp: Stamp | undefined } | undefined {
  if (!Array.isArray(inverse)) return undefined
  const [operation, at, writer] = inverse as readonly Value[]
  if (!isOperation(operation)) return undefined
  if (inverse.length === 1) return { operation: operation!, stamp: undefined }
  if (typeof at !== 'number' || typeof writer !== 'string') return undefined
  return { operation: operation!, stamp: { at, writer } }
}

import { isColumn, type Value } from '@syncline/stm'
import type { ByteReader } from './reader.ts'
import { readValue, roomFor, writeValue } from './value.ts'
import type { ByteWriter } from './writer.ts'

/** Stands where the tag of a value would stand. */
const ALIKE = 10

/** Writes the payload of an operation that comes after one with the payload `before`. */
export function writePayload(out: ByteWriter, payload: Value, before: Value): void {
  if (!isAlike(payload, before)) {
    writeValue(out, payload)
    return
  }
  out.byte(ALIKE)
  for (let i = 0; i < payload.length; i++) if (isColumn(i)) writeValue(out, payload[i]!, 1)
}

/** Reads the payload of an operation that comes after one with the payload `before`. */
export function readPayload(input: ByteReader, before: Value): Value {
  if (input.next() !== ALIKE) {
    const payload = readValue(input)
    if (isAlike(payload, before)) throw input.malformed('an operation that says again what the one before it says')
    return payload
  }
  input.byte()
  if (!isRow(before)) throw input.malformed('an operation like the one before it, where that is like no other')
  // Not by copying, which engines are slow at where what is copied is frozen.
  const payload = roomFor(before.length)
  for (let i = 0; i < before.length; i++) {
    payload[i] = isColumn(i) ? readValue(input, 1) : before[i]!
  }
  return Object.freeze(payload)
}

/**
 * Two items, and then threes of which the last is a value: so operations of records are. What two that follow each other have in common beside
 * those values is said once: the rows of a table have the same fields.
 */
function isAlike(payload: Value, before: Value): payload is readonly Value[] {
  if (!isRow(before) || !Array.isArray(payload) || payload.length !== before.length) return false
  for (let i = 0; i < before.length; i++) if (!isColumn(i) && payload[i] !== before[i]) return false
  return true
}

/** Whether a payload is such, and ends with a value, with scalars beside its values. */
function isRow(payload: Value): payload is readonly Value[] {
  if (!Array.isArray(payload) || !isColumn(payload.length - 1)) return false
  for (let i = 0; i < payload.length; i++) if (!isColumn(i) && typeof payload[i] === 'object') return false
  return true
}

import type { Value } from '@syncline/stm'

/**
 * Freezes a decoded value through and through, and returns it: a value that is read is never changed by who reads it.
 * Bytes stay as they are, for JavaScript cannot freeze them.
 */
export function freezeValue<V extends Value | undefined>(value: V): V {
  if (typeof value === 'object' && value !== null) freezeObject(value)
  return value
}

function freezeObject(root: object): void {
  // A stack of our own: what others sent may be nested deeper than ours would carry.
  const rest = [root]
  for (let object = rest.pop(); object !== undefined; object = rest.pop()) {
    if (object instanceof Uint8Array || Object.isFrozen(object)) continue
    Object.freeze(object)
    for (const inner of Object.values(object) as unknown[]) {
      if (typeof inner === 'object' && inner !== null) rest.push(inner)
    }
  }
}

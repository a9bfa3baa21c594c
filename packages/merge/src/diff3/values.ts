import type { Value } from '@syncline/stm'
import { inOrder } from '../canonical.ts'
import { merge3, type By, type Merged } from '../diff/index.ts'

/** A three-way merge of what anybody may have written: what does not fit the way it is looked at is merged as a whole, and nothing throws. */
export function mergeValues(base: Value, mine: Value, theirs: Value, by: By<any>): Merged<Value> {
  const fits = [base, mine, theirs].every((value) => by.objection(value) === undefined)
  const merged = merge3({ base, mine, theirs, by: fits ? by : whole })
  // A merge puts new fields behind those of the base; read again from a version, they are among them.
  return { ...merged, value: inOrder(merged.value) }
}

const whole: By<Value> = /* @__PURE__ */ Object.freeze<By<Value>>({
  name: 'whole',
  objection: () => undefined,
  diff: (was, is, path) => [{ kind: 'set', path, was, is }],
  merge: (base, mine, theirs, path) => ({
    value: base,
    conflicts: [{ kind: 'value', path, ...(base !== undefined && { base }), mine, theirs }],
  }),
})

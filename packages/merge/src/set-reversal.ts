import type { Reversal, Value } from '@syncline/stm'
import { writtenOut } from './diff/symbols.ts'
import { emptySet, gather, parseSet, setPayload, type SetEdit, type SetState } from './set-state.ts'

/**
 * Takes back additions and removals by counting the other way. Others' additions of the same value stay, and so do others' removals of the
 * same addition: what they did is not taken back.
 */
export const setReversal: Reversal<SetState> = {
  inverse: (_before, payload) => ((parseSet(payload)?.length ?? 0) === 0 ? undefined : payload),

  revert(state = emptySet, undone) {
    const undoing = undone.flatMap(({ inverse }) => parseSet(inverse) ?? [])
    const sums = emptySet.countAll(undoing.map(({ n, dot, values }) => ({ n: -n, dot, values })))
    const edits = new Map<string, SetEdit & { readonly values: Value[] }>()
    const superseded = new Set<string>()
    for (const { value, dots } of sums.elements) {
      for (const { id, n: wanted } of dots) {
        const standing = state.element(value)?.dots.find((dot) => dot.id === id)?.n ?? 0
        // What others have removed meanwhile is gone already. What they removed too stays removed, though not by this one any more.
        const n = wanted < 0 ? -Math.min(-wanted, Math.max(standing, 0)) : wanted
        if (n === 0 || standing + n < 0 || (n > 0 && standing + n === 0)) superseded.add(nameOf(value))
        if (n !== 0) gather(edits, n, id, value)
      }
    }
    return { payload: setPayload([...edits.values()]), restored: null, superseded: [...superseded] }
  },
}

function nameOf(value: Value): string {
  return typeof value === 'string' ? value : writtenOut(value)
}

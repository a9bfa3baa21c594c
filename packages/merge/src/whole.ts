import { equalValues, type Intent, type Policy, type PolicyRef, type Value } from '@syncline/stm'
import { freezeValue } from './freeze.ts'
import { lifted, liftedOnce, plainOf, readOnly, storedAs, versionOf, type Lens, type Lifted } from './lens.ts'
import { lwwReversal } from './lww-reversal.ts'
import { CLEAR, SET, type LwwState } from './lww-state.ts'
import { wins } from './order.ts'

/** What is declared of a ref that is written as a whole. */
export interface WholeSpec {
  readonly lens: Lens | undefined
}

/** A kind of refs that are written as a whole: what is in them, and which writes they take. */
export interface WholeKind<V, S extends WholeSpec> {
  readonly tag: string
  /** Whether a value that somebody wrote can be one of this kind. */
  fits(value: Value | undefined): boolean
  /** Whether a value is as if nobody had written, whatever was declared. */
  isNothing?(value: Value): boolean
  /** What a value reads as; undefined: nothing was written, or it was cleared. The identical result for the identical value. */
  show(value: Value | undefined, spec: S): V
  /** The value after a write; undefined when it stays as it is. Throws what the write has wrong with it. */
  write(now: Value | undefined, intent: Intent, ref: PolicyRef, spec: S): Value | undefined
}

interface WholeDraft {
  readonly base: LwwState | undefined
  /** What this transaction wrote; undefined when nothing. */
  readonly value: Value | undefined
}

/** The policy of such refs: one value, and the write with the latest stamp wins. */
export function wholePolicy<V, S extends WholeSpec>(kind: WholeKind<V, S>): Policy<V, LwwState, WholeDraft> {
  function read(state: LwwState | undefined, ref: PolicyRef): V {
    return kind.show(standing(state, ref), specOf(ref))
  }

  function readDraft(draft: WholeDraft, ref: PolicyRef): V {
    return draft.value === undefined ? read(draft.base, ref) : kind.show(draft.value, specOf(ref))
  }

  /** The value at the version of a declaration. */
  function standing(state: LwwState | undefined, ref: PolicyRef): Value | undefined {
    if (state?.value === undefined) return undefined
    const spec = specOf(ref)
    return spec.lens === undefined ? plainOf(state.value) : liftedState(state, spec).value
  }

  function specOf(ref: PolicyRef): S {
    // Refs of such a policy are made beside its kind, and only there.
    return ref.spec as S
  }

  return {
    tag: kind.tag,

    apply(state, payload, stamp) {
      if (!Array.isArray(payload) || payload.length !== 2) return state!
      const [op, written] = payload as readonly Value[]
      if (op === SET ? written === undefined || !kind.fits(plainOf(written)) : op !== CLEAR || written !== null) {
        return state!
      }
      const value = op === SET ? written : undefined
      if (state !== undefined && !wins(stamp, value, state.stamp, state.value)) return state
      return { value: freezeValue(value), stamp }
    },

    read,

    problems(state, ref) {
      const { problem } = liftedState(state, specOf(ref))
      return problem === undefined ? [] : [{ message: problem, path: [] }]
    },

    content: (state) => (state?.value === undefined || kind.isNothing?.(state.value) ? undefined : state.value),

    draft: (base) => ({ base, value: undefined }),

    edit(draft, intent, ref) {
      const spec = specOf(ref)
      const [version, known] = [versionOf(draft.base?.value), spec.lens?.version ?? 1]
      if (version > known) throw readOnly(ref.address, version, known)
      const value = kind.write(draft.value === undefined ? standing(draft.base, ref) : draft.value, intent, ref, spec)
      if (value === undefined || equalValues(kind.show(value, spec), readDraft(draft, ref))) return draft
      return { base: draft.base, value }
    },

    readDraft,

    finish(draft, ref) {
      const { value } = draft
      if (value === undefined || equalValues(readDraft(draft, ref), read(draft.base, ref))) return undefined
      const { lens } = specOf(ref)
      if (lens === undefined) return [SET, value]
      const at = Math.max(lens.writes, versionOf(draft.base?.value))
      const lowered = lens.down(value, at)
      return [SET, at === 1 ? lowered : storedAs(lowered, at)]
    },

    distill: ({ value, stamp }) => [{ payload: value === undefined ? [CLEAR, null] : [SET, value], stamp }],

    reversal: lwwReversal,
  }
}

/** What a state comes to at the version of a declaration. */
function liftedState(state: LwwState, { lens }: WholeSpec): Lifted<Value | undefined> {
  const stored = state.value
  if (stored === undefined) return { value: undefined, problem: undefined }
  return liftedOnce(lens, state, () => lifted(stored, lens))
}

import { makeRef, type Policy, type Ref, type Value } from '@syncline/stm'

/** A register that keeps what came last, by whatever clock: a merge that is not commutative. */
export const arrivals: Policy<Value, { readonly value: Value }, { readonly value?: Value }> = {
  tag: 'arrival',
  apply: (_, payload) => ({ value: payload }),
  read: (state) => state?.value ?? '',
  draft: () => ({}),
  edit: (_, intent) => (intent.kind === 'set' ? { value: intent.value as Value } : {}),
  readDraft: (draft) => draft.value ?? '',
  finish: (draft) => draft.value,
}
export const newest: Ref<Value, { set: Value }> = makeRef(arrivals, 'newest', null)

import type { Arbiter } from './change.ts'
import type { Policy } from './policy.ts'
import type { AnyRef, Ref, Writes } from './ref.ts'
import { issuesOf, noIssues, type Issue } from './schema.ts'
import { writtenIn } from './written.ts'

/**
 * What a ref reads, judged: its value, or what is there instead and what is wrong with it. Merging never refuses, so what others wrote,
 * or older or newer code, may be what the ref's schema would not have taken.
 */
export type Reading<V> =
  | { readonly invalid: false; readonly value: V }
  | { readonly invalid: true; readonly raw: unknown; readonly issues: readonly Issue[] }

/** Judges what a ref reads. `state` is what it was read from. A member that is not there is nothing to judge. */
export function judged<V>(ref: Ref<V, Writes, Arbiter>, value: V, policy: Policy, state: unknown): Reading<V> {
  const issues = value === undefined ? noIssues : judge(ref, value, policy, state)
  return issues.length === 0 ? { invalid: false, value } : { invalid: true, raw: value, issues }
}

function judge(ref: AnyRef, value: unknown, policy: Policy, state: unknown): readonly Issue[] {
  const problems = state === undefined ? undefined : policy.problems?.(state, ref)
  if (problems !== undefined && problems.length > 0) return problems
  const { schema } = ref.options
  return schema === undefined ? noIssues : issuesOf(schema, writtenIn(value, policy))
}

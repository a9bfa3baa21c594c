import { StmError, type Intent, type Policy, type Ref, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collection, count, counter, field, group, list, lww, optional, place, record, set } from '../src/index.ts'

const refs: readonly Ref<any, any>[] = [
  lww('title', ''),
  lww<Value>('any', null),
  counter('votes'),
  list('steps'),
  set('tags'),
  group('unit', { theme: 'light', title: '', last: optional<string>() }),
  record('settings', { theme: 'light', last: optional<string>(), starts: count(), at: place() }),
  collection('cards', { title: '', tags: field<readonly string[]>([]), votes: count(), at: place() }).at('a'),
]

/** Anything that may be written, right or wrong. */
const things = fc.oneof(
  fc.constantFrom('light', 'dark', '', 'x', undefined, null, Number.NaN, -0, new Date(0)),
  fc.integer({ min: -3, max: 3 }),
  fc.boolean(),
  fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 }),
  fc.record({ parent: fc.constantFrom('', 'x'), key: fc.constantFrom('a0', 'a1', '', '!') }),
)
const fieldsOfThings = fc.dictionary(
  fc.constantFrom('theme', 'last', 'starts', 'at', 'title', 'tags', 'votes', 'typo'),
  things,
  { maxKeys: 2 },
)
const small = fc.integer({ min: -1, max: 5 })
const intents: fc.Arbitrary<Intent> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), value: fc.oneof(things, fieldsOfThings) }),
  fc.record({ kind: fc.constant('patch' as const), fields: fieldsOfThings }),
  fc.record({
    kind: fc.constant('merge' as const),
    base: fc.oneof(things, fieldsOfThings),
    mine: fc.oneof(things, fieldsOfThings),
  }),
  fc.record({ kind: fc.constant('add' as const), delta: fc.constantFrom(1, -1, 0.1, 0, Number.NaN, 2 ** 53) }),
  fc.record({
    kind: fc.constant('add' as const),
    delta: fc.constantFrom(1, -1, 0.1, 0.2),
    field: fc.constantFrom('starts', 'votes', 'title'),
  }),
  fc.record({ kind: fc.constant('create' as const), value: fieldsOfThings }),
  fc.constant({ kind: 'delete' as const }),
  fc.record({ kind: fc.constant('insert' as const), index: small, content: things }),
  fc.record({
    kind: fc.constantFrom('include' as const, 'exclude' as const),
    values: fc.array(things, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), index: small, length: small }),
  fc.record({ kind: fc.constant('move' as const), from: small, to: small }),
)

test('[ME4] [ME5] [ME6] older drafts stay as they were, and applying an operation reads what its draft read', () => {
  const counts = { edits: 0, operations: 0, nothing: 0 }
  const refusals: [Ref, unknown][] = []
  fc.assert(
    fc.property(
      fc.nat(refs.length - 1),
      fc.array(fc.array(intents, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 }),
      (which, transactions) => {
        const ref = refs[which]!
        const policy: Policy = ref.policy
        let state: unknown
        transactions.forEach((writes, n) => {
          const context = { stamp: { at: n + 1, writer: 'w' }, seed: `seed${n}` }
          const drafts = [policy.draft(state, ref)]
          const seen = [picture(policy, ref, drafts[0], context)]
          for (const intent of writes) {
            const edited = attempt(() => policy.edit(drafts.at(-1), intent, ref, context))
            if ('error' in edited) {
              refusals.push([ref, edited.error])
              continue
            }
            drafts.push(edited.result)
            seen.push(picture(policy, ref, edited.result, context))
            counts.edits += 1
          }
          expect(drafts.map((draft) => picture(policy, ref, draft, context))).toEqual(seen)
          const draft = drafts.at(-1)
          const before = policy.read(state as any, ref)
          const payload = policy.finish(draft, ref, context)
          const after =
            payload === undefined ? state : policy.apply(state as any, structuredClone(payload), context.stamp)
          expect(policy.read(after as any, ref)).toEqual(policy.readDraft(draft, ref))
          expect(policy.read(state as any, ref)).toBe(before)
          if (payload === undefined) counts.nothing += 1
          else counts.operations += 1
          state = after
        })
      },
    ),
    { seed: 4, numRuns: 1_200 },
  )
  expect(counts.edits).toBeGreaterThan(1_000)
  expect(refusals.length).toBeGreaterThan(1_000)
  for (const [ref, error] of refusals) {
    expect(error).toBeInstanceOf(StmError)
    expect((error as Error).message).toContain(`"${ref.address}"`)
  }
  expect(counts.operations).toBeGreaterThan(300)
  expect(counts.nothing).toBeGreaterThan(300)
})

function attempt(run: () => unknown): { readonly result: unknown } | { readonly error: unknown } {
  try {
    return { result: run() }
  } catch (error) {
    return { error }
  }
}

function picture(
  policy: Policy,
  ref: Ref,
  draft: unknown,
  context: { stamp: { at: number; writer: string }; seed: string },
): string {
  return JSON.stringify([policy.readDraft(draft, ref) ?? 'nothing', policy.finish(draft, ref, context) ?? 'nothing'])
}

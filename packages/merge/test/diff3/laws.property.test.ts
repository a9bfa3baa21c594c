import { equalValues, noPast, type Change, type Intent, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { items, json, lines, resolve, words, type By } from '../../src/diff/index.ts'
import { diff3 } from '../../src/diff3/index.ts'
import { LIMITS, type History } from '../../src/diff3/history.ts'
import { diff3Policy, type Diff3Value } from '../../src/diff3/policy.ts'
import { expectConvergence, histories, play, shuffled, type Dice, type Subject } from '../history.ts'
import { canonical, createReplica } from '../replica.ts'
import { createUndoing } from '../undoing.ts'

const isLong = process.env.SYNCLINE_LONG === '1'

const plan = diff3('plan', { by: lines, initial: 'a\nb\nc\nd\n' })
const tasks = diff3<Value>('tasks', {
  by: json({ note: words }),
  initial: { done: false, note: 'to do', steps: ['x'] },
})

/** One of a few edits of a text of lines, or of the tree. */
function edited(value: Value, dice: Dice): Value {
  if (typeof value === 'string') {
    const all = value.split('\n').slice(0, -1)
    all.splice(dice(all.length + 1), dice(3), ...['p', 'q', 'r'].slice(dice(3)))
    return all.map((line) => `${line}\n`).join('')
  }
  const tree = value as { readonly [key: string]: Value }
  const kind = dice(4)
  if (kind === 0) return { ...tree, done: tree['done'] !== true }
  if (kind === 1) return { ...tree, note: `${['now', 'to', 'be'][dice(3)]!} do ${dice(3)}` }
  if (kind === 2) return { ...tree, steps: ['x', dice(3), dice(3)] }
  return { ...tree, ['__proto__x']: dice(3) }
}

const pages: Subject = {
  policies: [plan.policy],
  write(tx, dice) {
    const ref = [plan, tasks][dice(2)]! as typeof tasks
    const now = tx.get(ref)
    const kind = dice(6)
    const mine = edited(now.value, dice)
    if (kind === 0) tx.merge(ref, edited(now.value, dice), mine)
    else if (kind === 1 && now.conflicts.length > 0) {
      tx.patch(ref, { value: resolve({ clean: false, ...now }, () => 'theirs'), settles: now })
    } else tx.set(ref, mine)
  },
  readables: [plan, tasks],
}

for (const delivery of ['any order', 'causal'] as const) {
  test(`[ME1] [ME2] [D3-15] replicas that got the same Changes are equal, delivery: ${delivery}`, () => {
    let [written, disputed] = [0, 0]
    fc.assert(
      fc.property(histories, ([writers, steps]) => {
        const history = play(pages, writers, steps, delivery)
        const { memory } = expectConvergence(pages, history, delivery)
        written += history.changes.length
        for (const ref of [plan, tasks]) {
          const value = memory.snapshot.get(ref as typeof plan)
          disputed += value.conflicts.length
          expect(memory.snapshot.get(ref as typeof plan)).toBe(value)
          expect(isFrozen(value)).toBe(true)
        }
      }),
      { seed: 31, numRuns: isLong ? 2_000 : 30 },
    )
    expect(written).toBeGreaterThan(250)
    expect(disputed).toBeGreaterThan(15)
  })
}

function isFrozen(value: unknown): boolean {
  return typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen))
}

test('[ME60] [ME65] [D3-25] undo goes back through every state, and redo forward again, or says that it did not', () => {
  const counts = { undone: 0, redone: 0, disputed: 0, superseded: 0, exact: 0, moved: 0 }
  fc.assert(
    fc.property(histories, histories, ([writers, before], [, moves]) => {
      const undoing = createUndoing(createReplica('me', pages.policies))
      for (const change of play(pages, writers, before, 'causal').changes) undoing.replica.receive(change)
      const { memory } = undoing.replica
      const reading = (): string =>
        JSON.stringify([plan, tasks].map((ref) => wholesOf(memory.snapshot.get(ref as typeof tasks))))
      let [back, forth]: [string[], string[]] = [[], []]
      const take = (direction: 'undo' | 'redo'): void => {
        const [from, to] = direction === 'undo' ? [back, forth] : [forth, back]
        const now = reading()
        const taken = undoing[direction]()
        if (taken === undefined || taken.superseded.length > 0) {
          // Somebody else's versions, which were never joined to ours, were joined to them on top: what is there stays.
          if (taken !== undefined) counts.superseded += 1
          if (taken?.change === undefined && reading() !== now) counts.moved += 1
          ;[back, forth] = [[], []]
          return
        }
        const then = from.pop()
        // Where more than two disagree it may be others who come first.
        const isPair = [now, then, reading()].every((each) => !/"waiting":[1-9]/.test(each ?? ''))
        const isExact = then !== undefined && isPair
        expect(isExact ? reading() : '').toBe(isExact ? then : '')
        if (isExact) counts.exact += 1
        to.push(now)
        counts[direction === 'undo' ? 'undone' : 'redone'] += 1
        if (now.includes('mine')) counts.disputed += 1
      }
      for (const [kind, ...numbers] of moves) {
        if (kind % 5 === 3) take('undo')
        else if (kind % 5 === 4) take('redo')
        else {
          const was = reading()
          let turn = 0
          const dice: Dice = (sides) => (numbers[turn++ % 4]! + 31 * turn) % sides
          if (undoing.transact((tx) => pages.write(tx, dice)) === undefined) continue
          back.push(was)
          forth = []
        }
      }
      while (back.length > 0) take('undo')
    }),
    { seed: 61, numRuns: isLong ? 2_000 : 30, endOnFailure: true },
  )
  expect(counts.undone).toBeGreaterThan(100)
  expect(counts.redone).toBeGreaterThan(15)
  expect(counts.disputed).toBeGreaterThan(15)
  expect(counts.exact).toBeGreaterThan(75)
  expect(counts.moved).toBe(0)
  expect(counts.superseded).toBeLessThan(counts.undone / 5)
})

/** What is shown and what both sides want: among lines that repeat, the same difference may be seen at another of them. */
function wholesOf(reading: Diff3Value<Value>): unknown {
  if (reading.conflicts.length === 0) return reading
  const sides = (['mine', 'theirs'] as const).map((side) =>
    JSON.stringify(resolve({ clean: false, ...reading }, () => side)),
  )
  return { ...reading, conflicts: ['mine', ...sides.sort()] }
}

const scraps: fc.Arbitrary<any> = fc.oneof(
  fc.constantFrom<any>(0, 1, 2, -1, 0.5, 2 ** 53, 'x\n', '', null, true, '0'.repeat(32), 'f'.repeat(32)),
  fc.constantFrom<any>([], ['0'.repeat(32)], ['f'.repeat(32), 'e'.repeat(32)], {}, new Uint8Array(2)),
  fc.anything({ withNullPrototype: false, maxDepth: 1 }),
)
const version = fc.tuple(
  fc.constantFrom<any>(0, 0, 0, 0, 0, 0, 1, 2),
  fc.constantFrom<any>(2, 2, 3, 3, 2 ** 53 - 1, 1, 1.5),
  fc.constantFrom<any>(['0'.repeat(32)], ['e'.repeat(32), 'f'.repeat(32)], ['e'.repeat(32)], ['F'.repeat(32)], []),
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom<any>('a\n', 'b\n', null) }, scraps),
)
/** Operations that are right, nearly right, or anything. */
const payloads: fc.Arbitrary<any> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom<any>([0, 's', 0, 1, [], 'a\n'], [0, 't', 0, 1, [], 'b\n', 0, 1, [], null]) },
  fc
    .tuple(fc.constantFrom<any>('s', 't'), fc.array(version, { minLength: 1, maxLength: 3 }))
    .map(([seed, all]) => [0, seed, ...all.flat()]),
  fc
    .tuple(fc.constantFrom(0, 1), scraps, fc.array(scraps, { maxLength: 8 }))
    .map(([kind, seed, rest]) => [kind, seed, ...rest]),
  scraps,
)

test('[ME3] [ME1] [ME53] whatever is in an operation, nothing throws and replicas converge, whatever the order', () => {
  const { policy } = plan
  let [changed, ignored] = [0, 0]
  fc.assert(
    fc.property(
      fc.array(fc.tuple(payloads, fc.nat(6)), { minLength: 1, maxLength: 12 }),
      fc.nat(1_000),
      (told, salt) => {
        const fold = (order: typeof told) =>
          order.reduce<unknown>((state, [payload, at]) => {
            const after = policy.apply(state as any, structuredClone(payload), { at, writer: 'w' })
            if (after === state) ignored += 1
            else changed += 1
            return after
          }, undefined)
        const states = [told, told.toReversed(), shuffled(told, salt)].map(fold)
        expect(new Set(states.map((state) => JSON.stringify(canonical(state)))).size).toBe(1)
        const reads = states.map((state) => policy.read(state as any, plan))
        for (const value of reads) expect(value).toEqual(reads[0])
        for (const state of states) {
          expect(policy.content!(state as any)).toEqual(policy.content!(states[0] as any))
          if (state !== undefined) policy.problems!(state as any, plan)
        }
        const context = { stamp: { at: 100, writer: 'w3' }, seed: 's3' }
        const draft = policy.edit(policy.draft(states[0] as any, plan), { kind: 'set', value: 'mine\n' }, plan, context)
        const payload = policy.finish(draft, plan, context)
        if (payload === undefined) return
        expect(policy.read(policy.apply(states[0] as any, payload, context.stamp), plan)).toEqual(
          policy.readDraft(draft, plan),
        )
      },
    ),
    { seed: 33, numRuns: 600 },
  )
  expect(changed).toBeGreaterThan(1_000)
  expect(ignored).toBeGreaterThan(1_000)
})

test('[ME4] [ME5] older drafts stay as they were, and applying an operation reads what its draft read', () => {
  const { policy } = plan
  const texts = fc.constantFrom<unknown>('a\nb\nc\nd\n', 'x\nb\nc\nd\n', 'a\nb\nc\ny\n', 'a\nz\nc\nd\n', '', 7, null)
  const intents: fc.Arbitrary<Intent> = fc.oneof(
    texts.map((value): Intent => ({ kind: 'set', value })),
    fc.tuple(texts, texts).map(([base, mine]): Intent => ({ kind: 'merge', base, mine })),
    texts.map((value): Intent => ({ kind: 'patch', fields: { value } })),
    fc.constant<Intent>({ kind: 'delete' }),
  )
  const counts = { operations: 0, nothing: 0, refused: 0 }
  const refusals: string[] = []
  fc.assert(
    fc.property(fc.array(fc.array(intents, { minLength: 1, maxLength: 5 }), { maxLength: 5 }), (transactions) => {
      let state: History | undefined
      let old: History | undefined
      for (const [n, writes] of transactions.entries()) {
        const context = { stamp: { at: n + 1, writer: 'w' }, seed: `s${n}` }
        // Some of them have not seen what is newest.
        const base = n % 2 === 0 ? state : old
        const drafts = [policy.draft(base, plan)]
        const pictures = [JSON.stringify(policy.readDraft(drafts[0], plan))]
        for (const intent of writes) {
          const fields = {
            ...(intent.kind === 'patch' && intent.fields),
            settles: policy.readDraft(drafts.at(-1), plan),
          }
          try {
            drafts.push(
              policy.edit(drafts.at(-1), intent.kind === 'patch' ? { ...intent, fields } : intent, plan, context),
            )
          } catch (error) {
            refusals.push((error as Error).message)
            counts.refused += 1
            continue
          }
          pictures.push(JSON.stringify(policy.readDraft(drafts.at(-1), plan)))
        }
        expect(drafts.map((draft) => JSON.stringify(policy.readDraft(draft, plan)))).toEqual(pictures)
        const payload = policy.finish(drafts.at(-1), plan, context)
        counts[payload === undefined ? 'nothing' : 'operations'] += 1
        const after = payload === undefined ? base : policy.apply(base, structuredClone(payload), context.stamp)
        expect(policy.read(after, plan)).toEqual(policy.readDraft(drafts.at(-1), plan))
        if (payload === undefined) continue
        old = state
        state = policy.apply(state, structuredClone(payload), context.stamp)
      }
    }),
    { seed: 34, numRuns: 400 },
  )
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(150)
  expect(refusals.filter((message) => !message.includes('"plan"'))).toEqual([])
})

test('[ME50] [D3-26] equal contents are read alike, and of one version whatever comes to the same value', () => {
  const { policy } = plan
  const readers: readonly { readonly by: By<any>; readonly initial: Value }[] = [
    { by: lines, initial: 'a\n' },
    { by: words, initial: 'b\n' },
    { by: items, initial: [] },
    { by: json(), initial: null },
  ]
  const refs = readers.map((spec) => ({ address: 'plan', spec: { ...spec, known: new WeakMap() } }))
  const isAlike = (a: any, b: any): boolean =>
    refs.every((ref) => equalValues(policy.read(a, ref), policy.read(b, ref)))
  const value = fc.constantFrom<Value>('a\n', 'b\n', null, [], ['a\n'])
  /** Each writes on top of some of what was there. */
  const told = fc.array(fc.tuple(value, fc.nat(2)), { maxLength: 4 })
  const grown = (steps: readonly (readonly [Value, number])[], seed: string): History | undefined => {
    const replica = createReplica(seed, [diff3Policy(LIMITS)])
    const any = diff3<Value>('plan', { by: json(), initial: 'start' })
    const changes: Change[] = []
    for (const [now, seen] of steps) {
      const author = createReplica(`${seed}${changes.length}`, [diff3Policy(LIMITS)])
      for (const change of changes.slice(0, changes.length - seen)) author.receive(change)
      const change = author.transact((tx) => tx.set(any, now))
      if (change !== undefined) changes.push(change)
    }
    for (const change of changes) replica.receive(change)
    return replica.memory.state(any.key) as History | undefined
  }
  const tried = { equal: 0, different: 0 }
  fc.assert(
    fc.property(told, told, fc.boolean(), (first, second, same) => {
      const [a, b] = [grown(first, 'x'), grown(same ? first : second, same ? 'x' : 'y')]
      const isEqual = equalValues(policy.content!(a), policy.content!(b))
      // Of several versions the content says where they come from, though they may read the same.
      const areSingle = (a?.heads.length ?? 1) === 1 && (b?.heads.length ?? 1) === 1
      expect(isEqual || areSingle ? isAlike(a, b) : false).toBe(isEqual)
      tried[isEqual ? 'equal' : 'different'] += 1
    }),
    { seed: 35, numRuns: 300 },
  )
  expect(Math.min(...Object.values(tried))).toBeGreaterThan(80)
})

test('[ME67] whatever an inverse holds, nothing throws, and what makes no sense takes nothing back', () => {
  const { policy } = plan
  if (policy.reversal === undefined || policy.reversal === 'none') throw new Error('No reversal')
  const { reversal } = policy
  let ignored = 0
  const replica = createReplica('w1', [policy])
  for (const text of ['a\n', 'b\n', 'c\n']) replica.transact((tx) => tx.set(plan, text))
  const state = replica.memory.state(plan.key) as History
  const head = state.heads[0]!
  const entry = fc.tuple(
    fc.constantFrom<any>(0, 1, 2),
    scraps,
    fc.constantFrom<any>([0], [1], [0, 0], [], ['f'.repeat(32)], 7),
    fc.constantFrom<any>(0, 0, 2, -1),
    fc.constantFrom<any>(null, '', 'f'.repeat(32), 7),
  )
  const inverses = fc.oneof(
    scraps,
    fc.tuple(
      fc.constantFrom<any>([head], [head, head], ['f'.repeat(32)], [7], []),
      fc.array(entry, { maxLength: 3 }).map((all) => all.flat()),
    ),
  )
  fc.assert(
    fc.property(fc.array(inverses, { minLength: 1, maxLength: 3 }), scraps, payloads, (data, past, payload) => {
      const before = JSON.stringify(canonical(state))
      const undone = data.map((inverse) => ({ inverse, stamp: { at: 1, writer: 'w1' } }))
      const taken = reversal.revert(state, undone, {
        now: (same) => same,
        restored: () => past,
        restorations: () => [past],
      })
      reversal.inverse(state, payload, noPast)
      if (taken.payload === undefined) ignored += 1
      else policy.apply(state, taken.payload, { at: 9e9, writer: 'w1' })
      expect(JSON.stringify(canonical(state))).toBe(before)
    }),
    { seed: 67, numRuns: 600 },
  )
  expect(ignored).toBeGreaterThan(200)
  expect(ignored).toBeLessThan(600)
})

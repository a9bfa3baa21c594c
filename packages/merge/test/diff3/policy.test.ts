import { StmError, type Change, type Value } from '@syncline/stm'
import { expect, test } from 'vitest'
import { json, keyed, lines, resolve, type By, type Choice, type Conflict } from '../../src/diff/index.ts'
import { LIMITS, type Limits } from '../../src/diff3/history.ts'
import { createReplica } from '../replica.ts'
import { createUndoing } from '../undoing.ts'
import { FEW, readingOf, refOf } from './crowd.ts'

const initial = 'a\nb\nc\nd\ne\n'

/** Some people with one page. */
function peopleWith(names: number, by: By<any> = lines, start: Value = initial, limits: Limits = LIMITS) {
  const ref = refOf({ initial: start, by }, limits)
  return Array.from({ length: names }, (_, i) => {
    const replica = createReplica(`w${i}`, [ref.policy])
    const undoing = createUndoing(replica)
    const read = () => replica.memory.snapshot.get(ref)
    return {
      read,
      ref,
      replica,
      undoing,
      shows: () => read().value,
      sides: () =>
        readingOf(replica.memory.state(ref.key) as any, { initial: start, by }).sides.map(({ value }) => value),
      set: (to: Value) => undoing.transact((tx) => tx.set(ref, to)),
      merge: (base: Value, mine: Value) => undoing.transact((tx) => tx.merge(ref, base, mine)),
      settle: (choose: (conflict: Conflict) => Choice, settles = read(), edit = (value: Value) => value) =>
        undoing.transact((tx) => {
          const chosen = settles.conflicts.length === 0 ? settles.value : resolve({ clean: false, ...settles }, choose)
          tx.patch(ref, { value: edit(chosen), settles })
        }),
      receive: (...changes: readonly (Change | undefined)[]) => {
        for (const change of changes) replica.receive(change!)
      },
    }
  })
}

const onlyValue = (value: Value) => ({ value, conflicts: [], waiting: 0, copies: [] })

test('[D3-16] what both wrote at the same time merges, and what is written then has seen both', () => {
  const [ada, bob] = peopleWith(2) as Pair
  const [one, other] = [ada.set('A\nb\nc\nd\ne\n'), bob.set('a\nb\nc\nd\nE\n')]
  ada.receive(other)
  bob.receive(one)
  expect([ada.read(), bob.read()]).toEqual([onlyValue('A\nb\nc\nd\nE\n'), onlyValue('A\nb\nc\nd\nE\n')])
  bob.receive(ada.set('A\nb\nC\nd\nE\n'))
  expect(bob.read()).toEqual(onlyValue('A\nb\nC\nd\nE\n'))
})

test('[D3-16] merges crosswise have a base that was read from several', () => {
  const [ada, bob] = peopleWith(2) as Pair
  const [one, other] = [ada.set('A\nb\nc\nd\ne\n'), bob.set('a\nb\nc\nd\nE\n')]
  ada.receive(other)
  bob.receive(one)
  // Each merges for itself, and takes back what the other did not touch: only with both as base is it seen who changed what.
  const [left, right] = [ada.set('A\nB\nc\nd\nE\n'), bob.set('A\nb\nc\nD\nE\n')]
  ada.receive(right)
  bob.receive(left)
  expect([ada.shows(), bob.shows()]).toEqual(['A\nB\nc\nD\nE\n', 'A\nB\nc\nD\nE\n'])
  bob.receive(ada.set('a\nB\nc\nD\nE\n'))
  expect(bob.shows()).toBe('a\nB\nc\nD\nE\n')
})

test('[D3-16] [D3-21] who disagrees are the sides of a conflict; who agrees with neither waits', () => {
  const [ada, bob, cyd, dan] = peopleWith(4) as [Person, Person, Person, Person]
  const changes = [
    ada.set('a\nb\n1\nd\ne\n'),
    bob.set('a\nb\n2\nd\ne\n'),
    cyd.set('A\nb\n1\nd\ne\n'),
    dan.set('a\nb\n3\nd\nE\n'),
  ]
  for (const [i, person] of [ada, bob, cyd, dan].entries()) {
    person.receive(...(i % 2 === 0 ? changes : changes.toReversed()))
  }
  const reading = ada.read()
  expect(new Set([ada, bob, cyd, dan].map((person) => JSON.stringify(person.read()))).size).toBe(1)
  expect(reading).toMatchObject({ waiting: 1, copies: [], conflicts: [{ kind: 'span', path: [], base: 'c\n' }] })
  expect(reading.conflicts).toHaveLength(1)
  // What is settled comes to the side that waited.
  ada.settle(() => 'mine')
  expect(ada.read()).toMatchObject({ waiting: 0, conflicts: [{ base: 'c\n' }] })
  ada.settle(() => ({ is: '4\n' }))
  expect(ada.read()).toEqual(onlyValue('A\nb\n4\nd\nE\n'))
})

type Person = ReturnType<typeof peopleWith>[number]
type Pair = [Person, Person]

test('[D3-18] an edit elsewhere leaves a dispute as it is; an edit there settles it', () => {
  const [ada, bob] = peopleWith(2) as Pair
  const [one, other] = [ada.set('a\nb\n1\nd\ne\n'), bob.set('a\nb\n2\nd\ne\n')]
  ada.receive(other)
  bob.receive(one)
  const elsewhere = ada.set('A\nb\nc\nd\ne\n')
  expect(ada.shows()).toBe('A\nb\nc\nd\ne\n')
  expect(new Set(ada.sides())).toEqual(new Set(['A\nb\n1\nd\ne\n', 'A\nb\n2\nd\ne\n']))
  // At the same time the other does the same somewhere else: still two sides.
  bob.receive(elsewhere, bob.set('a\nb\nc\nd\nE\n'))
  expect(new Set(bob.sides())).toEqual(new Set(['A\nb\n1\nd\nE\n', 'A\nb\n2\nd\nE\n']))
  bob.set('A\nb\n3\nd\nE\n')
  expect(bob.read()).toEqual(onlyValue('A\nb\n3\nd\nE\n'))
})

test('[D3-22] a resolution settles what was seen, and what came meanwhile stays', () => {
  const [ada, bob, cyd] = peopleWith(3) as [Person, Person, Person]
  const [one, other] = [ada.set('a\nb\n1\nd\ne\n'), bob.set('a\nb\n2\nd\ne\n')]
  ada.receive(other)
  bob.receive(one)
  cyd.receive(one, other)
  const seen = ada.read()
  // A new side, and an edit of a line that nobody disputes.
  const third = cyd.merge(initial, 'a\nb\n3\nd\ne\n')
  const edit = bob.set('A\nb\nc\nd\ne\n')
  ada.receive(third, edit)
  ada.settle(() => 'base', seen)
  const texts = JSON.stringify([ada.sides(), ada.read()])
  expect(texts).toContain('3\\n')
  expect(texts).not.toContain('1\\n')
  expect(texts).not.toContain('2\\n')
  expect(ada.shows()).toContain('A\n')
  // Settled for what is shown is settled.
  const [dan, eve] = peopleWith(2) as Pair
  dan.set('a\nb\n1\nd\ne\n')
  dan.receive(eve.set('a\nb\n2\nd\ne\n'))
  dan.settle(() => 'base')
  expect(dan.read()).toEqual(onlyValue(initial))
})

test('[D3-22] who settles the same thing the same way agrees; otherwise it is a dispute again', () => {
  const [ada, bob] = peopleWith(2) as Pair
  const [one, other] = [ada.set('a\nb\n1\nd\ne\n'), bob.set('a\nb\n2\nd\ne\n')]
  ada.receive(other)
  bob.receive(one)
  const theirs = bob.settle(() => ({ is: '12\n' }))
  const mine = ada.settle(() => ({ is: '12\n' }))
  ada.receive(theirs)
  bob.receive(mine)
  expect([ada.read(), bob.read()]).toEqual([onlyValue('a\nb\n12\nd\ne\n'), onlyValue('a\nb\n12\nd\ne\n')])
  const [left, right] = [ada.set('a\nb\n13\nd\ne\n'), bob.set('a\nb\n14\nd\ne\n')]
  ada.receive(right)
  bob.receive(left)
  const [a, b] = [ada.settle(() => 'mine'), bob.settle(() => 'theirs')]
  ada.receive(b)
  bob.receive(a)
  expect(ada.read()).toEqual(bob.read())
  expect(ada.read().conflicts).toHaveLength(1)
})

test('[D3-23] what was made of an earlier value is merged into the one there is', () => {
  const [ada, bob] = peopleWith(2) as Pair
  ada.set('A\nb\nc\nd\ne\n')
  // A form that was opened before.
  expect(ada.merge(initial, 'a\nb\nc\nd\nE\n')).toBeDefined()
  expect(ada.read()).toEqual(onlyValue('A\nb\nc\nd\nE\n'))
  // Nothing was changed in the form, or just what is there already.
  expect(ada.merge(initial, initial)).toBeUndefined()
  expect(ada.merge(initial, 'A\nb\nc\nd\nE\n')).toBeUndefined()
  // Where it disagrees both stand, also if the base was never stored.
  ada.merge('never\nseen\nc\nd\n', 'never\nseen\n7\nd\n')
  expect(ada.read().conflicts.length).toBeGreaterThan(0)
  expect(JSON.stringify(ada.read())).toContain('7')
  // A dispute that the author of a form has not seen is not settled by it.
  const [one, other] = [bob.set('a\nb\n1\nd\ne\n'), bob.merge(initial, 'a\nb\n2\nd\ne\n')]
  expect([one, other]).not.toContain(undefined)
  expect(bob.read().conflicts).toHaveLength(1)
  bob.merge(initial, 'a\nb\n3\nd\ne\n')
  expect(bob.read()).toMatchObject({ waiting: 1 })
  bob.merge(initial, 'A\nb\nc\nd\ne\n')
  expect(bob.shows()).toMatch(/^A\n/)
  expect(bob.read().conflicts.length + bob.read().waiting).toBe(2)
})

test('[D3-20] [D3-22] who comes later than everybody remembers has a copy, until somebody has seen it', () => {
  const [ada, late] = peopleWith(2, lines, initial, FEW) as Pair
  const start = ada.set('a\n')
  late.receive(start)
  const changes = Array.from({ length: 30 }, (_, i) => ada.set(`a\n${i}\n`))
  const copy = late.set('a\nlate\n')
  ada.receive(copy)
  late.receive(...changes)
  for (const who of [ada, late]) {
    expect(who.read()).toEqual({ value: 'a\n29\n', conflicts: [], waiting: 0, copies: ['a\nlate\n'] })
  }
  const after = ada.set('a\n30\n')
  expect(ada.read().copies).toHaveLength(1)
  late.receive(
    after,
    late.settle(
      () => 'base',
      late.read(),
      () => 'a\n29\nlate\n',
    ),
  )
  // What was settled has the copy behind it; what was written meanwhile is merged.
  expect(late.read().copies).toEqual([])
  expect(new Set(late.sides())).toEqual(new Set(['a\n29\nlate\n', 'a\n30\n']))
  late.undoing.undo()
  expect(late.read()).toEqual({ value: 'a\n30\n', conflicts: [], waiting: 0, copies: ['a\nlate\n'] })
  late.undoing.redo()
  expect(late.read().copies).toEqual([])
})

test('[D3-20] who comes late, but not too late, is merged with what they had seen', () => {
  const [ada, late] = peopleWith(2, lines, initial, FEW) as Pair
  late.receive(ada.set('A\nb\nc\nd\ne\n'))
  for (let i = 0; i < 8; i++) ada.set(`A\nb\nc\nd\n${i}\n`)
  ada.receive(late.set('A\nB\nc\nd\ne\n'))
  expect(ada.read()).toEqual(onlyValue('A\nB\nc\nd\n7\n'))
})

test('[D3-16] [D3-24] what others wrote that does not fit is merged as a whole and told as a problem; what one writes must fit', () => {
  const [ada, bob] = peopleWith(2, keyed('id'), []) as Pair
  const [odd] = peopleWith(1, json(), []) as [Person]
  const strange = odd.set([{ id: 'x' }, { id: 'x' }])
  ada.set([{ id: 'y' }])
  ada.receive({ ...strange!, writer: 'w9' })
  bob.receive({ ...strange!, writer: 'w9' })
  expect(ada.read()).toMatchObject({ value: [], conflicts: [{ kind: 'value', path: [] }] })
  const { policy } = bob.ref
  expect(policy.problems!(bob.replica.memory.state(bob.ref.key), bob.ref)).toEqual([
    { message: expect.stringContaining('the same "id"'), path: [] },
  ])
  const before = ada.read()
  expect(() => ada.set([{ id: 1 }, { id: 1 }])).toThrow('"page" is merged by keyed(\'id\')')
  expect(() => ada.merge([], 'text')).toThrow(StmError)
  expect(() => ada.undoing.transact((tx) => tx.patch(ada.ref, { value: [], settles: { ...before } }))).toThrow(
    'settles is what was read from this ref',
  )
  expect(ada.read()).toBe(before)
})

test('[D3-25] an edit is taken back as long as nobody has written on top of it', () => {
  const [ada, bob] = peopleWith(2) as Pair
  const texts = ['A\nb\nc\nd\ne\n', 'A\nB\nc\nd\ne\n', 'A\nB\nC\nd\ne\n']
  const changes = texts.map((text) => ada.set(text))
  for (const text of [...texts.slice(0, -1).toReversed(), initial]) {
    expect(ada.undoing.undo()!.superseded).toEqual([])
    expect(ada.read()).toEqual(onlyValue(text))
  }
  for (const text of texts) {
    ada.undoing.redo()
    expect(ada.read()).toEqual(onlyValue(text))
  }
  bob.receive(...changes)
  // Somebody has written on top.
  bob.set('A\nB\nC\nd\nE\n')
  const [cyd] = peopleWith(1) as [Person]
  const mine = cyd.set('1\n')
  const [dan] = peopleWith(2).slice(1) as [Person]
  dan.receive(mine)
  cyd.receive(dan.set('1\n2\n'))
  expect(cyd.undoing.undo()).toMatchObject({ change: undefined, superseded: [{ part: '' }] })
  expect(cyd.shows()).toBe('1\n2\n')
})

test('[D3-25] what was settled is in dispute again when that is taken back, and is settled again', () => {
  const [ada, bob] = peopleWith(2) as Pair
  const [one, other] = [ada.set('A\nb\n1\nd\ne\n'), bob.set('a\nb\n2\nd\nE\n')]
  ada.receive(other)
  const disputed = ada.read()
  expect(disputed.conflicts).toHaveLength(1)
  const settled = ada.settle(() => 'theirs')
  const after = ada.read()
  for (let i = 0; i < 3; i++) {
    bob.receive(...[one, settled].slice(i === 0 ? 0 : 2), ada.undoing.undo()!.change)
    expect(ada.read()).toEqual(disputed)
    expect(bob.read()).toEqual(disputed)
    bob.receive(ada.undoing.redo()!.change)
    expect(bob.read()).toEqual(after)
  }
  // A form that brought a dispute about takes it away again.
  const before = bob.read()
  bob.merge(initial, 'a\nb\n9\nd\ne\n')
  expect(bob.read().conflicts).toHaveLength(1)
  const again = bob.read()
  bob.undoing.undo()
  expect(bob.read()).toEqual(before)
  bob.undoing.redo()
  expect(bob.read()).toEqual(again)
  // One more side goes without touching the others.
  bob.merge(initial, 'a\nb\n10\nd\ne\n')
  expect(bob.read().waiting).toBe(1)
  bob.undoing.undo()
  expect(bob.read()).toEqual(again)
})

test('[ME5] [D3-18] edits of one transaction are one; what ends where it began is none', () => {
  const [ada] = peopleWith(1) as [Person]
  const change = ada.undoing.transact((tx) => {
    tx.set(ada.ref, 'x\n')
    tx.set(ada.ref, 'y\n')
    expect(tx.get(ada.ref)).toEqual(onlyValue('y\n'))
    tx.merge(ada.ref, 'y\n', 'y\nz\n')
    tx.set(ada.ref, 'z\n')
  })
  // What was merged in between is a version of its own.
  expect(change!.ops[0]!.payload).toHaveLength(2 + 3 * 4)
  const twice = ada.undoing.transact((tx) => {
    tx.set(ada.ref, 'p\n')
    tx.set(ada.ref, 'q\n')
  })
  expect(twice!.ops[0]!.payload).toHaveLength(2 + 4)
  const nothing = ada.undoing.transact((tx) => {
    tx.set(ada.ref, 'other\n')
    tx.set(ada.ref, 'q\n')
  })
  expect(nothing).toBeUndefined()
  expect(() => ada.undoing.transact((tx) => (tx as any).add(ada.ref, 1))).toThrow('It takes set, merge and patch.')
})

test('[D3-16] names that objects inherit are fields like others', () => {
  const [ada, bob] = peopleWith(2, json(), {}) as Pair
  ada.set(JSON.parse('{"__proto__": 1}') as Value)
  ada.receive(bob.set(JSON.parse('{"constructor": 1}') as Value))
  expect(JSON.stringify(ada.shows())).toBe('{"__proto__":1,"constructor":1}')
})

test('[D3-15] [ME1] the order of keys, which is not sent, changes nothing', () => {
  const [ada, bob, far] = peopleWith(3, json(), { a: 0, m: 0, z: 0 }) as [Person, Person, Person]
  const sorted = (change: Change | undefined): Change => JSON.parse(JSON.stringify(change, inKeyOrder)) as Change
  const changes = [ada.set({ m: 1, z: 2, a: 2 }), bob.set({ z: 3, a: 1, m: 5 })].map((change) => change!)
  ada.receive(changes[1])
  bob.receive(changes[0])
  for (const { ops, ...change } of changes) far.receive({ ...change, ops: sorted({ ops } as Change).ops })
  const texts = [ada, bob, far].map((person) => JSON.stringify(person.read()))
  expect(new Set(texts).size).toBe(1)
  expect(ada.read().conflicts.map(({ path }) => path)).toEqual([['a'], ['m'], ['z']])
})

/** As what is sent has them: ascending. */
function inKeyOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

test("[D3-16] hundreds of heads, and values that nobody could have written, take nobody's time and throw nothing", () => {
  let merges = 0
  const counting: By<string> = {
    ...lines,
    merge: (...all) => {
      merges += 1
      return lines.merge(...all)
    },
  }
  const ref = refOf({ initial, by: counting }, LIMITS)
  const { policy } = ref
  const stamp = { at: 1, writer: 'w' }
  const apply = (state: unknown, payload: Value): unknown => policy.apply(state, payload, stamp)
  let state: unknown
  for (let i = 0; i < 300; i++) state = apply(state, [0, `s${i}`, 0, 1, [], `a\nb\n${i}\nd\ne\n`])
  expect(policy.read(state, ref)).toMatchObject({ waiting: 298, conflicts: [{ base: 'c\n' }] })
  expect(merges).toBeLessThan(300 * 20)
  const [dan] = peopleWith(1, json(), null) as [Person]
  const deep = Array.from({ length: 70 }).reduce<Value>((inside) => [inside], 'x')
  for (const odd of [deep, '\ud800', { '\udfff': 1 }]) {
    expect(dan.ref.policy.apply(undefined, [0, 's', 0, 1, [], odd], stamp)).toBeUndefined()
  }
})

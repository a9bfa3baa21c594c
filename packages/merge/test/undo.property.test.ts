import {
  cellKey,
  noPast,
  type CellKey,
  type Change,
  type Memory,
  type Policy,
  type Tx,
  type Value,
} from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expectConvergence, histories, play, type Dice, type History, type Step, type Subject } from './history.ts'
import { modelCounter, modelList, modelLww, modelRecord, modelSet, toldOf } from './model.ts'
import { canonical, createReplica } from './replica.ts'
import {
  bags,
  cards,
  counters,
  ids,
  kept,
  nested,
  period,
  records,
  registers,
  sequences,
  settings,
  steps,
  tables,
  tags,
  title,
  votes,
  wholes,
} from './subjects.ts'
import { createUndoing, type Undoing } from './undoing.ts'

const isLong = process.env.SYNCLINE_LONG === '1'

const subjects: readonly (readonly [string, Subject])[] = [
  ['lww', registers],
  ['counter', counters],
  ['list', sequences],
  ['set', bags],
  ['group', wholes],
  ['record', records],
  ['collection', tables],
  ['[NJ7] nested', nested],
  ['[KE7] kept', kept],
  [
    'all together',
    {
      policies: [registers, counters, sequences, bags, tables].flatMap(({ policies }) => policies),
      write(tx, dice) {
        const of = [registers, counters, sequences, bags, records, tables, tables]
        of[dice(of.length)]!.write(tx, dice)
      },
      readables: [registers, counters, sequences, bags, records, tables].flatMap(({ readables }) => readables),
    },
  ],
]

/** Everything that can be read, as text. */
function reading({ readables }: Subject, memory: Memory): string {
  return JSON.stringify(readables.map((readable) => memory.snapshot.get(readable) ?? null))
}

/** Numbers drawn from those of one step of a history. */
function diceOf(numbers: readonly number[]): Dice {
  let turn = 0
  return (sides) => (numbers[turn % numbers.length]! + 31 * Math.floor(turn++ / numbers.length)) % sides
}

for (const [name, subject] of subjects) {
  test(`[ME60] [ME65] ${name}: undo goes back through every state, and redo forward again`, () => {
    const counts = { undone: 0, redone: 0 }
    fc.assert(
      fc.property(histories, histories, ([writers, before], [, moves]) => {
        const { changes } = play(subject, writers, before, 'causal')
        const undoing = createUndoing(createReplica('me', subject.policies))
        for (const change of changes) undoing.replica.receive(change)
        wander(subject, undoing, moves, counts)
      }),
      { seed: 60, numRuns: isLong ? 2_000 : 25 },
    )
    expect(counts.undone).toBeGreaterThan(75)
    expect(counts.redone).toBeGreaterThan(10)
  })

  test(`[ME61] [ME1] ${name}: what others wrote later stays, and replicas that undo converge`, () => {
    const counts = { undone: 0, redone: 0, superseded: 0, exact: 0 }
    fc.assert(
      fc.property(histories, ([writers, moves]) => {
        const history = compete(subject, writers, moves, counts)
        expectModels(expectConvergence(subject, history, 'causal').memory, history.changes)
      }),
      { seed: 61, numRuns: isLong ? 2_000 : 60 },
    )
    expect(counts.undone).toBeGreaterThan(40)
    expect(counts.redone).toBeGreaterThan(8)
    expect(counts.exact).toBeGreaterThan(60)
    // Nothing stands in the way of a subtraction.
    expect(counts.superseded > 5).toBe(subject !== counters)
  })
}

/** One user alone writes, goes back and forth at random, and back to the start; each time everything reads as it did there. */
function wander(
  subject: Subject,
  undoing: Undoing,
  moves: readonly Step[],
  counts: { undone: number; redone: number },
): void {
  const { memory } = undoing.replica
  // By step: what was read before it, and what after it.
  const back: string[] = []
  const forth: string[] = []

  function take(direction: 'undo' | 'redo'): void {
    const [from, to] = direction === 'undo' ? [back, forth] : [forth, back]
    const now = reading(subject, memory)
    const taken = undoing[direction]()
    expect(taken === undefined).toBe(from.length === 0)
    if (taken === undefined) return
    expect(taken.superseded).toEqual([])
    expect(reading(subject, memory)).toBe(from.pop())
    if (taken.change === undefined) return
    to.push(now)
    counts[direction === 'undo' ? 'undone' : 'redone'] += 1
  }

  for (const [kind, ...numbers] of moves) {
    if (kind % 5 === 3) take('undo')
    else if (kind % 5 === 4) take('redo')
    else {
      const before = reading(subject, memory)
      const join = kind % 7 === 0 && back.length > 0 && forth.length === 0
      if (undoing.transact(writing(subject, diceOf(numbers)), join) === undefined) continue
      if (!join) back.push(before)
      forth.length = 0
    }
  }
  while (back.length > 0) take('undo')
  expect(undoing.undoable).toBe(0)
}

/** Several users write, go back and forth, and see of each other what comes when; nobody takes back what another one wrote. */
function compete(
  subject: Subject,
  writers: number,
  moves: readonly Step[],
  counts: { undone: number; redone: number; superseded: number; exact: number },
): History {
  let nowMs = 1
  const all = Array.from({ length: writers }, (_, i) =>
    createUndoing(createReplica(`w${i}`, subject.policies, () => nowMs)),
  )
  const changes: Change[] = []
  const cells = new Set<CellKey>()

  function keep(change: Change | undefined): void {
    if (change === undefined) return
    changes.push(change)
    for (const { tag, address } of change.ops) cells.add(cellKey(tag, address))
  }

  function receive({ replica }: Undoing, dice: Dice): void {
    for (let i = 0; i < 4; i++) {
      const ready = changes.filter((change) => !replica.has(change) && replica.isReadyFor(change))
      if (ready.length > 0) replica.receive(ready[dice(ready.length)]!)
    }
  }

  /** Right after a commit undo is exact, whatever there was before. */
  function thereAndBack(undoing: Undoing, before: string): void {
    const { memory } = undoing.replica
    const after = reading(subject, memory)
    keep(undoing.undo()!.change)
    expect(reading(subject, memory)).toBe(before)
    keep(undoing.redo()!.change)
    expect(reading(subject, memory)).toBe(after)
    counts.exact += 1
  }

  function take(undoing: Undoing, direction: 'undo' | 'redo'): void {
    const { memory, writer } = undoing.replica
    const before = othersWrites(memory, cells, writer)
    const taken = undoing[direction]()
    expect(missing(before, othersWrites(memory, cells, writer, true))).toEqual([])
    if (taken?.change !== undefined) counts[direction === 'undo' ? 'undone' : 'redone'] += 1
    counts.superseded += taken?.superseded.length ?? 0
    keep(taken?.change)
  }

  for (const [who, kind, ...numbers] of moves) {
    const dice = diceOf(numbers)
    const undoing = all[who % writers]!
    if (kind % 9 === 0) nowMs += kind % 3
    if (kind % 5 < 2) receive(undoing, dice)
    else if (kind % 5 < 4) {
      const before = reading(subject, undoing.replica.memory)
      const change = undoing.transact(writing(subject, dice), kind % 3 === 0)
      keep(change)
      if (kind % 3 === 1 && change !== undefined) thereAndBack(undoing, before)
    } else take(undoing, kind % 2 === 1 || undoing.redoable === 0 ? 'undo' : 'redo')
  }
  return { changes, replicas: all.map(({ replica }) => replica), cells }
}

function writing(subject: Subject, dice: Dice): (tx: Tx) => void {
  return (tx) => {
    for (let i = dice(3); i >= 0; i--) subject.write(tx, dice)
  }
}

/** What everything should read, computed from all operations: those of an undo are operations like others. */
function expectModels({ snapshot }: Memory, changes: readonly Change[]): void {
  expect(snapshot.get(title)).toEqual(modelLww(toldOf(changes, 'lww', 'title'), null))
  expect(snapshot.get(votes)).toBe(modelCounter(toldOf(changes, 'counter', 'votes')))
  expect(snapshot.get(steps)).toEqual(modelList(toldOf(changes, 'list', 'steps')))
  const whole = modelLww(toldOf(changes, 'group', 'period'), {}) as Record<string, unknown>
  expect(snapshot.get(period)).toEqual({ from: 0, to: 0, ...{ ['__proto__']: '' }, ...whole })
  expect(snapshot.get(tags)).toEqual(modelSet(toldOf(changes, 'set', 'tags')))
  const { counts } = modelRecord(toldOf(changes, 'record', 'settings'))
  expect(snapshot.get(settings).starts).toBe(counts.get('starts') ?? 0)
  for (const id of ids) {
    const model = modelRecord(toldOf(changes, 'record', `cards/${id}`))
    const card = snapshot.get(cards.at(id))
    const expected = {
      title: model.data.get('title') ?? '',
      votes: model.counts.get('votes') ?? 0,
      at: model.places.get('at'),
    }
    expect(card && { title: card.title, votes: card.votes, at: card.at }).toEqual(model.exists ? expected : undefined)
  }
}

/**
 * Every write of somebody else that stands: where, what and when. What is inside of a register is written again with what is around it, so
 * after that it may stand under another stamp.
 */
function othersWrites(
  memory: Memory,
  cells: Iterable<CellKey>,
  self: string,
  isAfter = false,
): ReadonlyMap<string, string> {
  const writes = new Map<string, string>()
  for (const key of cells) {
    const state = canonical(memory.state(key)) as any
    if (state === null) continue
    const note = (part: string, stamp: { readonly writer: string } | null | undefined, value: unknown): void => {
      if (stamp && stamp.writer !== self) writes.set(`${key} ${part}`, JSON.stringify([stamp, value]))
    }
    if (key.startsWith('lww ') || key.startsWith('group ')) {
      const { stamp, value } = memory.state(key) as { stamp: { writer: string }; value?: Value }
      note('', stamp, value ?? null)
    } else if (key.startsWith('counter ')) {
      for (const [writer, { sum }] of (memory.state(key) as { tallies: Map<string, { sum: unknown }> }).tallies) {
        note(writer, { writer }, sum)
      }
    } else if (key.startsWith('list ')) {
      for (const [id, removed, place, placed, value, valued] of state) {
        note(`${id} removed`, removed, true)
        note(`${id} place`, placed, place)
        note(`${id} value`, valued, value)
      }
    } else if (!key.startsWith('set ')) {
      const [, , deleted, fields] = state as any[]
      note('deleted', deleted, true)
      for (const [kind, field, value, stamp] of fields) {
        // Who brings a member back says so in its place.
        if (kind === 1 || field === '\u0000kept') continue
        const isTree = Array.isArray(value) && value[0]?.[0] === 'at'
        if (!isTree) note(`${kind}${field}`, stamp, value)
        for (const [, path, how, part, written] of isTree ? value : []) {
          if (isAfter || written.writer !== self) {
            writes.set(`${key} ${kind}${field} ${JSON.stringify(path)}`, JSON.stringify([how, part]))
          }
        }
      }
    }
  }
  return writes
}

function missing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): unknown[] {
  return [...before]
    .filter(([part, write]) => after.get(part) !== write)
    .map(([part, write]) => [part, write, after.get(part)])
}

const scraps: fc.Arbitrary<any> = fc.oneof(
  fc.constantFrom<any>(
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    -1,
    0.5,
    1e300,
    'w1',
    'title',
    'at',
    'i',
    'a0',
    null,
    true,
    [0, 'x'],
    [1, null],
  ),
  fc.constantFrom<any>([1, 'w1'], [1, 'w1', 2, 'w2'], ['p', 'a0'], ['data', 'a'], [], {}, new Uint8Array(2)),
  fc.anything({ withNullPrototype: false, maxDepth: 2 }),
)
const nonsense = fc.oneof(scraps, fc.array(scraps, { maxLength: 9 })) as fc.Arbitrary<Value>

test('[ME67] whatever an inverse holds, nothing throws, and what makes no sense takes nothing back', () => {
  let ignored = 0
  fc.assert(
    fc.property(
      histories,
      fc.array(nonsense, { minLength: 1, maxLength: 4 }),
      nonsense,
      ([writers, before], data, past) => {
        const { subject, policies } = everything()
        const { replicas, cells } = play(subject, writers, before, 'causal')
        const { memory } = replicas[0]!
        for (const key of cells) {
          const { reversal } = policies.get(key.split(' ')[0]!)!
          if (reversal === undefined || reversal === 'none') throw new Error(`No reversal for ${key}`)
          const state = memory.state(key)
          const picture = JSON.stringify(canonical(state))
          const stamp = { at: 1, writer: 'w1' }
          const undone = data.map((inverse) => ({ inverse, stamp }))
          const { payload } = reversal.revert(state, undone, {
            now: (same) => same,
            restored: () => past,
            restorations: () => [past],
          })
          reversal.inverse(state, data[0]!, noPast)
          if (payload === undefined) ignored += 1
          expect(JSON.stringify(canonical(state))).toBe(picture)
          // Whatever it made of it is an operation, which everybody folds alike.
          if (payload !== undefined)
            policies.get(key.split(' ')[0]!)!.apply(state as any, payload, { at: 9e9, writer: 'w1' })
        }
      },
    ),
    { seed: 67, numRuns: 150 },
  )
  expect(ignored).toBeGreaterThan(500)
})

function everything(): { readonly subject: Subject; readonly policies: ReadonlyMap<string, Policy> } {
  const [, subject] = subjects.at(-1)!
  return { subject, policies: new Map(subject.policies.map((policy) => [policy.tag, policy])) }
}

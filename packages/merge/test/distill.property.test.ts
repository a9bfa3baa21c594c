import { emptyBasis, type CellKey, type Change, type Op, type Policy } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diff3 } from '../src/diff3/diff3.ts'
import { diff3Policy } from '../src/diff3/policy.ts'
import { lines } from '../src/diff/index.ts'
import { SetState } from '../src/set-state.ts'
import { histories, play, type Subject } from './history.ts'
import { canonical, createReplica, picture, type Replica } from './replica.ts'
import { bags, counters, kept, nested, records, registers, sequences, tables, wholes } from './subjects.ts'

const isLong = process.env.SYNCLINE_LONG === '1'

/** So few that most histories forget versions. */
const few = diff3Policy({ versions: 4, sizeBytes: 400, atLeast: 2 })
const plan = diff3('plan', { by: lines, initial: 'a\nb\nc\n' })
const forgetting = { ...plan, policy: few }

function wholeTexts(ref: typeof plan): Subject {
  return {
    policies: [ref.policy],
    write(tx, dice) {
      const now = tx.get(ref).value.split('\n').slice(0, -1)
      const texts = now.toSpliced(dice(now.length + 1), dice(2), `${dice(9)}`)
      tx.set(ref, texts.map((line) => `${line}\n`).join(''))
    },
    readables: [ref],
  }
}

const subjects: readonly (readonly [string, Subject])[] = [
  ['lww', registers],
  ['counter', counters],
  ['list', sequences],
  ['set', bags],
  ['group', wholes],
  ['record', records],
  ['collection', tables],
  ['kept', kept],
  ['nested', nested],
  ['diff3', wholeTexts(plan)],
  ['diff3 that forgets', wholeTexts(forgetting)],
]

/** A replica that has what the other one has, and has it from what is distilled of that alone. */
function distilled(replica: Replica, cells: ReadonlySet<CellKey>, policies: readonly Policy[]): Replica {
  const copy = createReplica('copy', policies)
  for (const key of cells) {
    const [tag, address] = key.split(' ') as [string, string]
    const policy = policies.find((one) => one.tag === tag)!
    const state: unknown = replica.memory.state(key)
    if (state === undefined) continue
    const stamps = new Set<string>()
    for (const { payload, stamp } of policy.distill!(state)) {
      stamps.add(`${stamp.at} ${stamp.writer}`)
      const op: Op = { tag, address, arbiter: 'local', payload: structuredClone(payload) }
      copy.memory.apply([op], stamp, emptyBasis)
    }
    const again: unknown = copy.memory.state(key)
    // A set of which all was removed is as one that nobody has written to.
    const isNothing = state instanceof SetState && state.elements.length === 0
    expect(canonical(again)).toEqual(isNothing ? null : canonical(state))
  }
  return copy
}

for (const [name, subject] of subjects) {
  test(`[DS1] ${name}: what is distilled of a state makes that state, and behaves as it does`, () => {
    let runs = 0
    let held = 0
    fc.assert(
      fc.property(histories, fc.nat(99), ([writers, steps], at) => {
        const { changes, cells } = play(subject, writers, steps, 'causal')
        const cut = Math.floor((changes.length * at) / 100)
        const whole = createReplica('whole', subject.policies)
        const take = (replica: Replica, some: readonly Change[]): void => {
          for (const { ops, at: stampAt, writer } of some) {
            replica.memory.apply(structuredClone(ops) as readonly Op[], { at: stampAt, writer }, emptyBasis)
          }
        }
        take(whole, changes.slice(0, cut))
        const copy = distilled(whole, cells, subject.policies)
        expect(picture(copy.memory, new Set(), subject.readables)).toBe(
          picture(whole.memory, new Set(), subject.readables),
        )
        for (const replica of [whole, copy]) take(replica, changes.slice(cut))
        expect(picture(copy.memory, cells, subject.readables)).toBe(picture(whole.memory, cells, subject.readables))
        runs += 1
        if (cut > 0) held += 1
      }),
      { seed: 20_262, numRuns: isLong ? 5_000 : 15 },
    )
    expect(runs).toBeGreaterThanOrEqual(15)
    expect(held).toBeGreaterThan(runs / 2)
  })
}

for (const [name, subject] of subjects) {
  test(`[DS2] ${name}: what is distilled of two states is joined, in either order`, () => {
    let both = 0
    fc.assert(
      fc.property(histories, ([writers, steps]) => {
        const { changes, cells } = play(subject, writers, steps, 'causal')
        const one = changes[0]?.writer
        const isMine = ({ writer }: Change): boolean => writer === one
        // Neither side has seen anything of the other.
        const apart = changes.filter(({ writer, deps }) =>
          [...deps.writers.keys()].every((other) => (other === one) === (writer === one)),
        )
        const [whole, mine, theirs] = ['whole', 'mine', 'theirs'].map((of) => createReplica(of, subject.policies))
        const take = (replica: Replica, some: readonly Change[]): void => {
          for (const { ops, at, writer } of some) {
            replica.memory.apply(structuredClone(ops) as readonly Op[], { at, writer }, emptyBasis)
          }
        }
        take(whole!, apart)
        take(mine!, apart.filter(isMine))
        take(
          theirs!,
          apart.filter((change) => !isMine(change)),
        )
        for (const order of [
          [mine!, theirs!],
          [theirs!, mine!],
        ]) {
          const joined = createReplica('joined', subject.policies)
          for (const replica of order) {
            for (const key of cells) {
              const [tag, address] = key.split(' ') as [string, string]
              const state: unknown = replica.memory.state(key)
              const ops = state === undefined ? [] : subject.policies.find((one) => one.tag === tag)!.distill!(state)
              for (const { payload, stamp } of ops) {
                joined.memory.apply([{ tag, address, arbiter: 'local', payload }], stamp, emptyBasis)
              }
            }
          }
          expect(picture(joined.memory, new Set(), subject.readables)).toBe(
            picture(whole!.memory, new Set(), subject.readables),
          )
        }
        if (apart.some(isMine) && !apart.every(isMine)) both += 1
      }),
      { seed: 20_263, numRuns: isLong ? 5_000 : 15 },
    )
    expect(both).toBeGreaterThan(5)
  })
}

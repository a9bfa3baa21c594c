import { diff, type Change, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  collection,
  count,
  counter,
  field,
  follow,
  group,
  json,
  list,
  lww,
  optional,
  place,
  record,
  reference,
} from '../src/index.ts'
import { canonicalText } from './canonical.ts'
import type { Dice } from './history.ts'
import { createReplica } from './replica.ts'
import { createUndoing } from './undoing.ts'

/**
 * The same is done in two worlds that differ in nothing but names: of refs, members, fields of every kind, lists, keys in values and in nested
 * data. What is read, stored, taken back, upgraded and told must differ in nothing but names too. Those of the second are the ones that
 * JavaScript gives a meaning of its own; they are in the same order.
 */
const worlds = [
  ['_aaaaaaa_', 'constructo', 'protoxype'],
  ['__proto__', 'constructor', 'prototype'],
] as const
type Names = (typeof worlds)[number]

function play(names: Names, steps: readonly (readonly number[])[]): unknown {
  const [a, b, c] = names
  const all = <T>(make: (i: number) => T): Record<string, T> =>
    Object.fromEntries(names.map((name, i) => [name, make(i)]))
  const register = lww<Value>(a, null)
  const sum = counter(b)
  const steps0 = list<Value>(c)
  const whole = group(
    a,
    all(() => field<Value>(0)),
  )
  const kinds = [
    () => all(() => field<Value>(null)),
    () => all(() => json<Value>({ [a]: { [b]: 1 }, [c]: 2 })),
    () => all(() => optional<Value>()),
    () => all(() => count()),
  ]
  const records = kinds.map((make, i) => record(names[i % 3]! + '.r', make()))
  const rows = collection(b, { ...all(() => json<Value>({})), at: place() }, { onConcurrentEdit: 'keep' })
  const placed = collection(
    c,
    all(() => place()),
  )
  const refs = collection(
    'refs',
    all(() => reference(rows, { onMissing: { value: { [a]: 'none' } } })),
  )
  const older = record(
    'versioned',
    all(() => field<Value>(0)),
  )
  const newer = record(
    'versioned',
    all(() => json<Value>([0])),
    {
      version: 2,
      upgrade: {
        2: {
          up: (old: object) => Object.fromEntries(Object.entries(old).map(([name, value]) => [name, [value]])),
          down: (now: object) =>
            Object.fromEntries(Object.entries(now).map(([name, value]) => [name, (value as Value[])[0]!])),
        },
      },
    },
  )
  const lists = names.flatMap((name) => names.map((parent) => placed.list(parent, name)))
  const readables = [register, sum, steps0, whole, ...records, rows, placed, ...lists, older, newer]
  const members = names.flatMap((id) => [rows.at(id), placed.at(id), refs.at(id)])
  const policies = [register, sum, steps0, whole, rows].map(({ policy }) => policy)
  const me = createUndoing(createReplica('me', policies))
  const other = createReplica('other', policies)
  const mine: Change[] = []
  const seen: unknown[] = []
  const texts = (): string[] =>
    [...readables, ...members].map((one) =>
      canonicalText(me.replica.memory.snapshot.get(one as typeof register) as Value),
    )

  const value = (dice: Dice, levels = 2): Value =>
    levels === 0 || dice(3) === 0 ? dice(3) : { [names[dice(3)]!]: value(dice, levels - 1), [names[dice(3)]!]: dice(2) }
  const changed = (before: any, dice: Dice): Value => {
    const name = names[dice(3)]!
    if (typeof before !== 'object' || before === null || Array.isArray(before)) return value(dice)
    const rest = new Map<string, Value>(Object.entries(before))
    const old = rest.get(name)
    if (dice(3) === 0) rest.delete(name)
    else rest.set(name, dice(2) === 0 || old === undefined ? value(dice) : changed(old, dice))
    return Object.fromEntries(rest)
  }

  for (const [kind = 0, ...numbers] of steps) {
    let turn = 0
    const dice: Dice = (sides) => (numbers[turn % 4]! + 31 * Math.floor(turn++ / 4)) % sides
    const name = names[dice(3)]!
    const id = names[dice(3)]!
    const before = me.replica.memory.snapshot
    const act = kind % 16
    const taken =
      act === 15
        ? me.undo()?.change
        : act === 14
          ? me.redo()?.change
          : me.transact((tx) => {
              if (act === 0) tx.set(register, changed(tx.get(register), dice))
              else if (act === 1) tx.add(sum, 1)
              else if (act === 2) tx.insert(steps0, 0, [value(dice)])
              else if (act === 3) tx.patch(whole, { [name]: value(dice) })
              else if (act === 4) tx.patch(records[0]! as any, { [name]: value(dice) })
              else if (act < 7)
                tx.update(records[1]! as any, (now: any) => ({ ...now, [name]: changed(now[name], dice) }))
              else if (act === 7) tx.patch(records[2]! as any, { [name]: dice(2) ? undefined : value(dice) })
              else if (act === 8) tx.add(records[3]! as any, 1, name)
              else if (act === 9) {
                if (tx.get(rows.at(id)) === undefined) tx.create(rows.at(id), { [name]: value(dice) } as object)
                else if (dice(3) === 0) tx.delete(rows.at(id))
                else {
                  const base = tx.get(rows.at(id)) as any
                  tx.merge(rows.at(id), base, { ...base, [name]: changed(base[name], dice) })
                }
              } else if (act < 12) {
                if (tx.get(placed.at(id)) === undefined) tx.create(placed.at(id), {})
                tx.move(placed.at(id), lists[dice(9)]!, 0)
              } else if (act === 12) {
                if (tx.get(refs.at(id)) === undefined) tx.create(refs.at(id), {})
                tx.patch(refs.at(id), { [name]: names[dice(3)]! })
              } else if (dice(2)) tx.patch(newer as any, { [name]: [value(dice)] })
              else tx.patch(older as any, { [name]: value(dice) })
            })
    if (taken !== undefined) mine.push(taken)
    const told = diff(before, me.replica.memory.snapshot)
    seen.push(
      texts(),
      [...readables, ...members].map((one) => told.has(one)),
      [rows, placed].map((one) => told.members(one)),
      names.map((from) => {
        const at = refs.at(from)
        return names.map((field) => canonicalText(follow(me.replica.memory.snapshot, at, field) as Value | undefined))
      }),
      taken?.ops.map(({ address, payload }) => [address, canonicalText(payload)]),
    )
  }
  for (const change of mine) other.receive(change)
  const contents = [...readables, ...members].map((one) => {
    if (one.kind !== 'ref') return ''
    const [here, there] = [me.replica.memory, other.memory].map((memory) =>
      canonicalText(memory.policy(one.policy.tag)!.content!(memory.state(one.key))),
    )
    expect(there).toBe(here)
    return here
  })
  return [seen, contents]
}

test('[NJ8] [ME16] [DF9] nothing depends on what keys, fields, ids and refs are called, whatever is done with them', () => {
  const polluted = Object.getOwnPropertyNames(Object.prototype).length
  let compared = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(63), fc.nat(9999), fc.nat(9999), fc.nat(9999), fc.nat(9999)), {
        minLength: 20,
        maxLength: 60,
        size: 'max',
      }),
      (steps) => {
        const [plain, wild] = worlds.map((names) =>
          names.reduce((text, name, i) => text.replaceAll(name, `<${i}>`), JSON.stringify(play(names, steps))),
        )
        expect(wild).toBe(plain)
        compared += plain!.length
      },
    ),
    { seed: 8, numRuns: 40 },
  )
  expect(compared).toBeGreaterThan(1_000_000)
  expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(polluted)
})

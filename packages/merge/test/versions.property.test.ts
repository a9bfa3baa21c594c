import { equalValues, StmError, type Change, type UpgradeStep, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collection, lww, optional, type Field } from '../src/index.ts'
import { canonical, createReplica } from './replica.ts'

/** How one version calls a fact, and what it makes of it. */
interface Form {
  readonly name: string
  encode(value: number): Value
  decode(value: Value): number
}
type Facts = Readonly<Record<string, Form>>

/** One version after another, each with how it calls the facts `a` and `b`; from the second on there is `c`, which older code does not know. */
interface History {
  readonly forms: readonly Facts[]
  readonly steps: readonly UpgradeStep[]
}

const changeOfForm = fc.record({
  fact: fc.constantFrom('a', 'b'),
  how: fc.constantFrom('rename', 'scale', 'nest'),
  isOneWay: fc.integer({ min: 0, max: 2 }).map((n) => n === 0),
})

const historyOf = fc.array(changeOfForm, { minLength: 1, maxLength: 3 }).map((changes): History => {
  const plain = (name: string): Form => ({ name, encode: (value) => value, decode: Number })
  const forms: Facts[] = [{ a: plain('a'), b: plain('b') }]
  const steps = changes.map(({ fact, how, isOneWay }, i): UpgradeStep => {
    const from = forms[i]!
    const before = from[fact]!
    const after: Form =
      how === 'rename'
        ? { ...before, name: `${fact}${i}` }
        : how === 'scale'
          ? // Under the same name: only the version tells which it is.
            {
              name: before.name,
              encode: (value) => ['times ten', before.encode(value)],
              decode: (value) => before.decode((value as readonly Value[])[1]!),
            }
          : {
              name: `${fact}${i}`,
              encode: (value) => ({ inner: before.encode(value) }),
              decode: (value) => before.decode((value as { readonly inner: Value }).inner),
            }
    forms.push({ ...from, c: plain('c'), [fact]: after })
    return {
      up: (old: object) => moved(old, before, after),
      ...(!isOneWay && { down: (now: object) => moved(now, after, before) }),
    }
  })
  return { forms, steps }
})

/** The same fields with one in another form; the others, known or not, as they are. */
function moved(fields: object, from: Form, to: Form): object {
  const { [from.name]: value, ...rest } = fields as Record<string, Value>
  return value === undefined ? rest : { ...rest, [to.name]: to.encode(from.decode(value)) }
}

/** What an app of one version declares. */
function declared({ forms, steps }: History, version: number) {
  const fields: Record<string, Field<Value, 'optional'>> = {}
  for (const { name } of Object.values(forms[version - 1]!)) fields[name] = optional<Value>()
  const upgrade = Object.fromEntries(steps.slice(0, version - 1).map((step, i) => [i + 2, step]))
  return collection('cards', fields, { version, upgrade })
}

/** The oldest version that a version can be written as. */
function writes({ steps }: History, version: number): number {
  let oldest = version
  while (oldest > 1 && steps[oldest - 2]!.down !== undefined) oldest -= 1
  return oldest
}

/** A register of the slow model: which version wrote it, and the fact in it. */
interface Slot {
  readonly version: number
  readonly fact: string
  readonly value: number | undefined
  readonly at: number
  readonly writer: string
}

/** What a version reads in registers: the facts of each version lie over those of the ones before. */
function readIn(slots: ReadonlyMap<string, Slot>, version: number): Record<string, number> {
  const facts: Record<string, number> = {}
  for (let at = 1; at <= version; at++) {
    for (const slot of slots.values()) {
      if (slot.version !== at) continue
      if (slot.value === undefined) delete facts[slot.fact]
      else facts[slot.fact] = slot.value
    }
  }
  return facts
}

const action = fc.record({
  act: fc.constantFrom('write', 'write', 'write', 'clear', 'deliver', 'deliver'),
  who: fc.nat(2),
  fact: fc.constantFrom('a', 'b', 'c'),
  value: fc.integer({ min: 1, max: 9 }),
  pick: fc.nat(50),
})

test('[ME40] [ME41] [ME42] [ME43] [ME47] code of several versions at once agrees on every fact, as a slow model says', () => {
  const done = { written: 0, refused: 0, oneWay: 0, old: 0 }
  fc.assert(
    fc.property(
      historyOf,
      fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)),
      fc.array(action, { minLength: 10, maxLength: 30 }),
      (history, chosen, actions) => {
        const versions = chosen.map((n) => 1 + (n % history.forms.length))
        const refs = versions.map((version) => declared(history, version).at('x'))
        const replicas = refs.map((ref, i) => createReplica(`w${i}`, [ref.policy]))
        const models = refs.map(() => new Map<string, Slot>())
        const changes: { readonly change: Change; readonly slots: readonly (readonly [string, Slot])[] }[] = []

        const take = (i: number, slots: readonly (readonly [string, Slot])[]): void => {
          for (const [name, slot] of slots) {
            const standing = models[i]!.get(name)
            const isLater =
              standing === undefined ||
              slot.at > standing.at ||
              (slot.at === standing.at && slot.writer > standing.writer)
            if (isLater) models[i]!.set(name, slot)
          }
        }
        const start = replicas[0]!.transact((tx) => tx.create(refs[0]!, {}))!
        for (const replica of replicas.slice(1)) replica.receive(start)

        const compare = (i: number): void => {
          const version = versions[i]!
          const { snapshot } = replicas[i]!.memory
          const newest = Math.max(1, ...Array.from(models[i]!.values(), (slot) => slot.version))
          expect(snapshot.read(refs[i]!).invalid).toBe(newest > version)
          // Of newer data the old names show what is there, whatever it is.
          if (newest > version) return
          const value = snapshot.get(refs[i]!) as Record<string, Value>
          const facts = readIn(models[i]!, version)
          const expected: Record<string, Value> = {}
          for (const [fact, { name, encode }] of Object.entries(history.forms[version - 1]!)) {
            if (facts[fact] !== undefined) expected[name] = encode(facts[fact])
          }
          expect(value).toEqual(expected)
        }

        for (const { act, who, fact, value, pick } of actions) {
          const version = versions[who]!
          if (act === 'deliver') {
            const ready = changes.filter(
              ({ change }) => !replicas[who]!.has(change) && replicas[who]!.isReadyFor(change),
            )
            const one = ready[pick % Math.max(1, ready.length)]
            if (one === undefined) continue
            replicas[who]!.receive(one.change)
            take(who, one.slots)
            compare(who)
            continue
          }
          const form = history.forms[version - 1]![fact]
          if (form === undefined) continue
          const newest = Math.max(1, ...Array.from(models[who]!.values(), (slot) => slot.version))
          const before = readIn(models[who]!, version)[fact]
          const next = act === 'clear' ? undefined : value
          let change: Change | undefined
          try {
            change = replicas[who]!.transact((tx) =>
              tx.patch(refs[who]!, { [form.name]: next === undefined ? undefined : form.encode(next) }),
            )
          } catch (error) {
            if (!(error instanceof StmError) || error.code !== 'read-only-newer') throw error
            if (newest <= version) throw new Error('Refused, and nothing is newer.', { cause: error })
            done.refused += 1
            continue
          }
          if (newest > version) throw new Error('Old code wrote over what is newer.')
          if ((change === undefined) !== (before === next))
            throw new Error(`${before} → ${next} is ${change === undefined ? 'no' : 'a'} write.`)
          if (change === undefined) continue
          const at = Math.max(writes(history, version), newest)
          const name = history.forms[at - 1]![fact]?.name ?? fact
          const slots = [[name, { version: at, fact, value: next, at: change.at, writer: change.writer }] as const]
          done.written += 1
          if (at > 1) done.oneWay += 1
          else if (version > 1) done.old += 1
          changes.push({ change, slots })
          take(who, slots)
          compare(who)
        }
        // Everybody gets everything: the states are one.
        for (let round = 0; round <= changes.length; round++) {
          for (const { change, slots } of changes) {
            replicas.forEach((replica, i) => {
              if (replica.has(change) || !replica.isReadyFor(change)) return
              replica.receive(change)
              take(i, slots)
            })
          }
        }
        refs.forEach((_, i) => compare(i))
        const states = replicas.map(({ memory }, i) => JSON.stringify(canonical(memory.state(refs[i]!.key))))
        expect(new Set(states).size).toBe(1)
      },
    ),
    { seed: 1440, numRuns: process.env['SYNCLINE_LONG'] === '1' ? 5_000 : 200 },
  )
  for (const [what, count] of Object.entries(done)) expect([what, count > 40]).toEqual([what, true])
})

test('[ME41] [ME45] of a lawful upgrade nothing is lost, in either direction; of another what would be is refused', () => {
  const done = { kept: 0, refused: 0 }
  fc.assert(
    fc.property(historyOf, fc.nat(9), fc.boolean(), (history, value, isBroken) => {
      const { forms, steps } = history
      const first = { a: value, b: value + 1, unknown: ['kept'] }
      let now: Value = first
      for (const { up, down } of steps) {
        const next = up(now) as Value
        if (down !== undefined && !equalValues(down(next), now)) throw new Error('The upgrade is not lawful.')
        now = next
      }
      const version = forms.length
      const upgrade = Object.fromEntries(
        steps.map((step, i) => [
          i + 2,
          // Loses what it does not know.
          isBroken && i === 0
            ? {
                up: step.up,
                down: (given: object) => ({ ...((step.down ?? step.up)(given) as object), extra: undefined, c: null }),
              }
            : step,
        ]),
      )
      const old = lww<Value>('x', {})
      const { memory, transact } = createReplica('w', [])
      transact((tx) => tx.set(old, first))
      let ref
      try {
        ref = lww<Value>('x', {}, { version, upgrade })
        const changed = { ...(memory.snapshot.get(ref) as object), c: 7 }
        transact((tx) => tx.set(ref!, changed))
        expect(memory.snapshot.get(ref)).toEqual(changed)
        done.kept += 1
      } catch (error) {
        if (!(error instanceof StmError) || error.code !== 'lossy-upgrade' || !isBroken) throw error
        // Nothing has happened.
        if (!equalValues(memory.snapshot.get(old), first)) throw error
        done.refused += 1
      }
    }),
    { seed: 1441 },
  )
  expect([done.kept > 50, done.refused > 20]).toEqual([true, true])
})

import { equalValues, makeRef, type Change, type Value } from '@syncline/stm'
import { diff, resolve, type By } from '../../src/diff/index.ts'
import type { Diff3Ref } from '../../src/diff3/diff3.ts'
import type { History, Limits } from '../../src/diff3/history.ts'
import { diff3Policy, type Diff3Value } from '../../src/diff3/policy.ts'
import { versionsIn } from '../../src/diff3/payload.ts'
import { readHistory, type Reading } from '../../src/diff3/read.ts'
import { createDice, type Dice } from '../diff/dice.ts'
import { createReplica, type Replica } from '../replica.ts'
import { createUndoing, type Undoing } from '../undoing.ts'

/** What a history keeps here: little, so that it forgets within one run. */
export const FEW: Limits = { versions: 12, atLeast: 6, sizeBytes: 2_500 }

/** What is edited: how it starts, how it is merged, and what somebody who edits it does. Each edit may add tokens that are new in the world. */
export interface Subject {
  readonly initial: Value
  readonly by: By<any>
  edit(value: Value, token: string, dice: Dice): Value
}

/** A ref of the real policy, which forgets as it is told. */
export function refOf({ initial, by }: Pick<Subject, 'initial' | 'by'>, limits: Limits): Diff3Ref<Value> {
  return makeRef(diff3Policy(limits), 'page', { initial, by, known: new WeakMap() })
}

/** Somebody who edits, and what they have been looking at since a while ago. */
interface Person {
  readonly replica: Replica
  readonly undoing: Undoing
  opened: Diff3Value<Value>
  /** They see nothing of others, as long as they are offline. */
  offline: boolean
}

/** What happened in one run. */
export interface Run {
  readonly ref: Diff3Ref<Value>
  readonly replicas: readonly Replica[]
  readonly changes: readonly Change[]
  /** So many of each. */
  readonly did: Readonly<
    Record<'edits' | 'saves' | 'settles' | 'late' | 'undos' | 'redos' | 'disputes' | 'copies', number>
  >
  /** The most that was ever there, in any history: versions, heads, sides that disagree, and characters of what is read. */
  readonly most: Readonly<Record<'versions' | 'heads' | 'sides' | 'length', number>>
  /** Tokens that were written and that nobody has taken away. */
  readonly standing: ReadonlySet<string>
  /** Tokens of others that an undo has taken away. */
  readonly undone: readonly string[]
  /** How many characters all edits together have added. */
  readonly added: number
}

/** Some people edit the same value, mostly without having seen what others do; in the end everybody has received everything. */
export function runCrowd(subject: Subject, seed: number, limits: Limits = FEW): Run {
  const dice = createDice(seed)
  const ref = refOf(subject, limits)
  const people = Array.from({ length: 3 + dice.below(3) }, (_, i): Person => {
    const replica = createReplica(`w${i}`, [ref.policy])
    return { replica, undoing: createUndoing(replica), opened: replica.memory.snapshot.get(ref), offline: false }
  })
  const changes: Change[] = []
  const most = { versions: 0, heads: 0, sides: 0, length: 0 }
  const did = { edits: 0, saves: 0, settles: 0, late: 0, undos: 0, redos: 0, disputes: 0, copies: 0 }
  const standing = new Set<string>()
  const authors = new Map<string, string>()
  const values = new Map<string, Value | undefined>()
  const undone: string[] = []
  let [added, tokens] = [0, 0]

  for (let step = 16 + dice.below(60); step > 0; step--) {
    const person = dice.pick(people)
    const what = dice.below(18)
    if (what < 7) act(person, what)
    else if (what > 15) act(person, what === 16 ? 1 : 2)
    else if (what === 7) person.offline = !person.offline
    else if (what === 8) person.opened = person.replica.memory.snapshot.get(ref)
    else {
      const other = dice.pick(people)
      if (!person.offline && !other.offline) receive(person, other, 1 + dice.below(8))
    }
  }
  for (let round = 0; round < 2; round++) {
    for (const person of people) for (const other of people) receive(person, other, Infinity)
  }
  for (const person of people) look(person)
  return { ref, replicas: people.map(({ replica }) => replica), changes, did, most, standing, undone, added }

  function act(person: Person, what: number): void {
    const before = look(person)
    // Who sees a dispute may think about it for a while.
    const isUnseen = before.conflicts.length > 0 && person.opened.conflicts.length === 0
    if (isUnseen && dice.below(3) > 0) person.opened = person.replica.memory.snapshot.get(ref)
    const { undos } = did
    const change = write(person, what, before)
    if (change === undefined) return
    const isUndo = did.undos > undos
    changes.push(change)
    const { seen, written } = lookInto(change)
    const { writer } = person.replica
    for (const each of written) {
      if (seen.has(each) || authors.has(each)) continue
      authors.set(each, writer)
      standing.add(each)
    }
    const inSight = tokensOf(look(person))
    for (const each of isUndo ? tokensOf(before) : []) {
      // An undo takes away own words, and where it ends a dispute, what was gone on the other side.
      if (!inSight.has(each) && standing.has(each) && authors.get(each) !== writer) undone.push(each)
    }
    // Who has seen it has taken it away, there; where it stood elsewhere too, that was another's to take.
    for (const each of seen) if (!written.has(each)) standing.delete(each)
  }

  /** The tokens in what a Change came from, and in what it came to. */
  function lookInto({ ops }: Change): { readonly seen: ReadonlySet<string>; readonly written: ReadonlySet<string> } {
    const made = versionsIn(ops[0]!.payload)!
    const own = new Set(made.map(({ id }) => id))
    const named = new Set(made.flatMap(({ parents }) => parents))
    const before = [...named].filter((id) => !own.has(id)).map((id) => values.get(id))
    for (const { id, value } of made) values.set(id, value)
    const after = made.filter(({ id }) => !named.has(id)).map(({ value }) => value)
    return { seen: tokensIn(before), written: tokensIn(after) }
  }

  function write({ replica, undoing, opened }: Person, what: number, before: Reading): Change | undefined {
    const shown = replica.memory.snapshot.get(ref)
    const token = `t${tokens++}.`
    switch (what) {
      case 0: {
        // A form that was open for a while is saved.
        const mine = edit(opened.value, token)
        did.saves += 1
        return undoing.transact((tx) => tx.merge(ref, opened.value, mine))
      }
      case 1: {
        // Somebody decides what is disputed, and takes notice of copies: now and then of what they saw a while ago.
        const settles = opened.conflicts.length > 0 ? opened : shown
        if (settles.conflicts.length === 0 && settles.copies.length === 0) return undefined
        if (settles !== shown) did.late += 1
        did.settles += 1
        const choice = dice.pick(['base', 'mine', 'theirs'] as const)
        const chosen =
          settles.conflicts.length === 0 ? settles.value : resolve({ clean: false, ...settles }, () => choice)
        const value = dice.below(2) === 0 ? edit(chosen, token) : chosen
        return undoing.transact((tx) => tx.patch(ref, { value, settles }))
      }
      case 2: {
        const isUndo = undoing.redoable === 0 || dice.below(2) === 0
        const taken = isUndo ? undoing.undo() : undoing.redo()
        if (taken?.change !== undefined) did[isUndo ? 'undos' : 'redos'] += 1
        return taken?.change
      }
      default: {
        const value = edit(before.value, token)
        if (equalValues(value, before.value)) return undefined
        did.edits += 1
        return undoing.transact((tx) => {
          if (dice.below(4) === 0) tx.set(ref, edit(value, token))
          tx.set(ref, value)
        })
      }
    }
  }

  function edit(value: Value, token: string): Value {
    const after = subject.edit(value, token, dice)
    for (const each of diff(value, after, subject.by)) added += sizeOf(each)
    return after
  }

  function receive({ replica }: Person, from: Person, count: number): void {
    const news = changes.filter((change) => from.replica.has(change) && !replica.has(change))
    let left = count
    for (const change of news) {
      if (left <= 0) break
      if (!replica.isReadyFor(change)) continue
      replica.receive(change)
      left -= 1
      measure(replica)
    }
  }

  function measure({ memory }: Replica): History | undefined {
    // States of this policy are histories.
    const history = memory.state(ref.key) as History | undefined
    most.versions = Math.max(most.versions, history?.versions.size ?? 0)
    most.heads = Math.max(most.heads, history?.heads.length ?? 0)
    return history
  }

  function look({ replica }: Person): Reading {
    const reading = readingOf(measure(replica), subject)
    most.sides = Math.max(most.sides, reading.sides.length + reading.waiting.length)
    most.length = Math.max(most.length, sizeOf(reading.value))
    if (reading.conflicts.length > 0) did.disputes += 1
    did.copies += reading.copies.length
    return reading
  }
}

export function readingOf(history: History | undefined, { initial, by }: Pick<Subject, 'initial' | 'by'>): Reading {
  const nothing: Reading = {
    value: initial,
    conflicts: [],
    sides: [{ value: initial, heads: [], seen: new Set() }],
    waiting: [],
    copies: [],
  }
  return history === undefined ? nothing : readHistory(history, initial, by)
}

/** What is anywhere in a reading. */
export function tokensOf({ sides, waiting, copies }: Reading): ReadonlySet<string> {
  return tokensIn([...sides, ...waiting, ...copies].map(({ value }) => value))
}

function tokensIn(values: readonly (Value | undefined)[]): ReadonlySet<string> {
  return new Set(JSON.stringify(values).match(/t\d+\./g) ?? [])
}

const sizeOf = (value: unknown): number => JSON.stringify(value).length

import { createHash } from 'node:crypto'
import { equalValues, type Value } from '@syncline/stm'
import { diff, type By } from '../../src/diff/index.ts'
import { emptyHistory, withVersion, type History, type Version } from '../../src/diff3/history.ts'
import { readHistory, type Reading } from '../../src/diff3/read.ts'
import { settlingVersion, versionsAfter } from '../../src/diff3/write.ts'
import { createDice, type Dice } from '../diff/dice.ts'

/** So many versions a history keeps here: few, so that it forgets within one run. */
export const KEEP = 12

/** What is edited: how it starts, how it is merged, and what somebody who edits it does. Each edit may add tokens that are new in the world. */
export interface Subject {
  readonly initial: Value
  readonly by: By<any>
  edit(value: Value, token: string, dice: Dice): Value
}

export const idOf = (data: unknown): string =>
  createHash('sha256').update(JSON.stringify(data)).digest('hex').slice(0, 16)

interface Replica {
  history: History
  /** All versions in the order in which they came, each after its parents. */
  readonly received: Version[]
  /** What nobody sees of others, as long as it is offline. */
  offline: boolean
}

/** What happened in one run. */
export interface Run {
  readonly replicas: readonly Replica[]
  readonly edits: number
  /** The most that was ever there, in any history: versions, heads, sides of one content, and characters shown. */
  readonly most: { readonly versions: number; readonly heads: number; readonly sides: number; readonly length: number }
  readonly disputes: number
  readonly copies: number
  /** Tokens that were written and that nobody has taken away. */
  readonly standing: ReadonlySet<string>
  /** How many characters all edits together have added. */
  readonly added: number
}

/** Some people edit the same value, mostly without having seen what others do; in the end everybody has received everything. */
export function runCrowd(subject: Subject, seed: number): Run {
  const dice = createDice(seed)
  const replicas = Array.from({ length: 3 + dice.below(3) }, (): Replica => {
    return { history: emptyHistory, received: [], offline: false }
  })
  const most = { versions: 0, heads: 0, sides: 0, length: 0 }
  const standing = new Set<string>()
  let [edits, disputes, copies, added] = [0, 0, 0, 0]

  for (let step = 12 + dice.below(50); step > 0; step--) {
    const replica = dice.pick(replicas)
    const what = dice.below(12)
    if (what < 5) edit(replica, dice.below(6) === 0)
    else if (what === 5) replica.offline = !replica.offline
    else {
      const other = dice.pick(replicas)
      if (!replica.offline && !other.offline) receive(replica, other, 1 + dice.below(8))
    }
  }
  for (const replica of replicas) for (const other of replicas) receive(replica, other, Infinity)
  for (const replica of replicas) {
    for (const other of replicas) receive(replica, other, Infinity)
    read(replica)
  }
  return { replicas, edits, most, disputes, copies, standing, added }

  function edit(replica: Replica, settles: boolean): void {
    const reading = read(replica)
    const token = `t${edits++}.`
    const value = subject.edit(reading.value, token, dice)
    if (equalValues(value, reading.value)) return
    for (const each of diff(reading.value, value, subject.by)) added += sizeOf(each)
    // Now and then somebody decides what is disputed, and takes notice of copies: an ordinary write of one value.
    const options = { ...subject, idOf }
    const versions = settles
      ? [settlingVersion(reading, value, idOf)]
      : versionsAfter(replica.history, reading, value, options)
    // What is shown of a dispute is what was there before it: to keep that is not to write it.
    const before = tokensIn([reading.value, valuesOf(reading), settles && reading.copies.map((copy) => copy.value)])
    const after = tokensIn(versions.map((version) => version.value))
    for (const each of before) if (!after.has(each)) standing.delete(each)
    for (const each of after) if (!before.has(each)) standing.add(each)
    for (const version of versions) add(replica, version)
  }

  function receive(replica: Replica, from: Replica, count: number): void {
    const known = new Set(replica.received.map(({ id }) => id))
    for (const version of from.received.filter(({ id }) => !known.has(id)).slice(0, count)) add(replica, version)
  }

  function add(replica: Replica, version: Version): void {
    replica.received.push(version)
    replica.history = withVersion(replica.history, version, KEEP)
    most.versions = Math.max(most.versions, replica.history.versions.size)
    most.heads = Math.max(most.heads, replica.history.heads.length)
  }

  function read(replica: Replica): Reading {
    const reading = readHistory(replica.history, subject.initial, subject.by)
    most.sides = Math.max(most.sides, reading.sides.length)
    most.length = Math.max(most.length, sizeOf(reading.value))
    if (reading.sides.length > 1) disputes++
    copies += reading.copies.length
    return reading
  }
}

/** What the sides of a reading hold. */
export function valuesOf({ sides }: Reading): readonly Value[] {
  return sides.map(({ value }) => value)
}

export function tokensIn(data: unknown): ReadonlySet<string> {
  return new Set(JSON.stringify(data).match(/t\d+\./g) ?? [])
}

const sizeOf = (value: unknown): number => JSON.stringify(value).length

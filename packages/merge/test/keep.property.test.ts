import { compareStamps, type Change, type Stamp, type Value } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalText } from './canonical.ts'
import { histories, shuffled, type Dice } from './history.ts'
import { exactTotal, modelJson, modelRecord, toldOf } from './model.ts'
import { createReplica, type Replica } from './replica.ts'
import { kept, taskIds, tasks } from './subjects.ts'
import { createUndoing } from './undoing.ts'

/** One entry of an operation on a member: what it writes, and the Change that it came with. */
interface Entry {
  readonly change: Change
  readonly kind: number
  readonly name: string
  readonly path: readonly string[]
}

function entriesOf(changes: readonly Change[], address: string, incarnation: number): Entry[] {
  return changes.flatMap((change) =>
    change.ops
      .filter((op) => op.address === address)
      .map(({ payload }) => payload as readonly Value[])
      .filter((payload) => payload[1] === incarnation && (payload[0] === 1 || payload[0] === 2))
      .flatMap((payload) =>
        Array.from({ length: (payload.length - 2) / 3 }, (_, i): Entry => {
          const [kind, name, data] = payload.slice(2 + 3 * i, 5 + 3 * i) as [number, string, any]
          return { change, kind, name, path: kind === 4 ? data.slice(1) : kind > 4 ? data : [] }
        }),
      ),
  )
}

const stampOf = ({ at, writer }: Change): Stamp => ({ at, writer })

/** Whether a later write to the same, or to what it is a part of, has replaced it. Additions are not replaced. */
function isReplaced(entry: Entry, others: readonly Entry[]): boolean {
  if (entry.kind === 2) return false
  return others.some(({ change, kind, name, path }) => {
    if (name !== entry.name || (kind === 3) !== (entry.kind === 3) || kind === 2) return false
    const isAbove = path.length <= entry.path.length && path.every((key, i) => entry.path[i] === key)
    return isAbove && compareStamps(stampOf(change), stampOf(entry.change)) > 0
  })
}

/** Whether the author of one Change had seen another. */
function hadSeen(later: Change, earlier: Change): boolean {
  if (later.writer === earlier.writer) return later.seq > earlier.seq
  return (later.deps.writers.get(earlier.writer) ?? 0) >= earlier.seq
}

/** Whether a member is there, by who had seen what: deletes lose against what stands and none of their authors had seen. */
function modelExists(changes: readonly Change[], address: string): { exists: boolean; lost: boolean } {
  const told = toldOf(changes, 'record', address)
  const last = Math.max(-1, ...told.map(({ payload }) => payload[1] as number))
  const ofLast = (kind: number): Change[] =>
    changes.filter(({ ops }) =>
      ops.some(
        ({ address: at, payload }) =>
          at === address && (payload as Value[])[0] === kind && (payload as Value[])[1] === last,
      ),
    )
  const deletes = ofLast(4)
  const isCreated = ofLast(1).length > 0
  if (deletes.length === 0) return { exists: isCreated, lost: false }
  const entries = entriesOf(changes, address, last)
  const unseen = entries.filter(
    (entry) => !isReplaced(entry, entries) && !deletes.some((one) => hadSeen(one, entry.change)),
  )
  return { exists: isCreated && unseen.length > 0, lost: unseen.length > 0 }
}

function expectModel(snapshot: Replica['memory']['snapshot'], changes: readonly Change[], counts: Counts): void {
  for (const id of taskIds) {
    const address = `tasks/${id}`
    const told = toldOf(changes, 'record', address)
    const value = snapshot.get(tasks.at(id)) as any
    const { exists, lost } = modelExists(changes, address)
    expect([address, value !== undefined]).toEqual([address, exists])
    if (lost) counts.revived += 1
    else if (told.length > 0 && !exists) counts.deleted += 1
    if (!exists) continue
    // With all that it had: a delete takes nothing away.
    const fields = told.filter(({ payload }) => payload[0] !== 4)
    const { data, places } = modelRecord(fields)
    const deltas = fields
      .filter(({ payload }) => payload[1] === Math.max(...told.map((one) => one.payload[1] as number)))
      .flatMap(({ payload }) =>
        payload.flatMap((item, i) => (i > 1 && i % 3 === 2 && item === 2 ? [payload[i + 2]] : [])),
      )
    expect(canonicalText(value)).toBe(
      canonicalText({
        title: data.get('title') ?? '',
        look: modelJson(fields, 'look', { color: 'red' })!,
        votes: exactTotal(deltas.flat() as number[]),
        ...(places.has('at') && { at: { ...places.get('at')! } }),
      }),
    )
  }
}

interface Counts {
  undone: number
  revived: number
  deleted: number
}

test('[KE1] [KE2] [KE3] [KE4] [KE7] a member is there, whole, as long as it holds what no delete had seen, beside a model that knows who saw what', () => {
  const counts: Counts = { undone: 0, revived: 0, deleted: 0 }
  let checks = 0
  fc.assert(
    fc.property(histories, fc.nat(1000), ([writers, steps], salt) => {
      let nowMs = 1
      const all = Array.from({ length: writers }, (_, i) =>
        createUndoing(createReplica(`w${i}`, [tasks.policy], () => nowMs)),
      )
      const changes: Change[] = []
      const keep = (change: Change | undefined): void => {
        if (change !== undefined) changes.push(change)
      }
      for (const [who, kind, ...numbers] of steps) {
        let turn = 0
        const dice: Dice = (sides) => (numbers[turn % 4]! + 31 * Math.floor(turn++ / 4)) % sides
        const undoing = all[who % writers]!
        if (kind % 7 === 0) nowMs += kind % 3
        if (kind % 5 < 2) {
          const late = changes.filter((change) => !undoing.replica.has(change) && undoing.replica.isReadyFor(change))
          if (late.length > 0) undoing.replica.receive(late[dice(late.length)]!)
        } else if (kind % 5 === 2) {
          const change = (kind % 2 === 0 ? undoing.undo() : undoing.redo())?.change
          keep(change)
          if (change !== undefined) counts.undone += 1
        } else keep(undoing.transact((tx) => kept.write(tx, dice)))
        // What a replica shows follows from the Changes that it has.
        expectModel(
          undoing.replica.memory.snapshot,
          changes.filter((change) => undoing.replica.has(change)),
          counts,
        )
        checks += 1
      }
      // The same bytes in whatever order everything comes.
      const texts = [0, 1, 2].map((n) => {
        const { memory, receive } = createReplica('x', [tasks.policy])
        for (const change of shuffled(changes, salt + n)) receive(change)
        expectModel(memory.snapshot, changes, counts)
        return taskIds.map((id) => {
          const { key } = tasks.at(id)
          return [
            canonicalText(tasks.policy.content!(memory.state(key))),
            canonicalText(memory.snapshot.get(tasks.at(id)) as any),
          ]
        })
      })
      expect(texts[1]).toEqual(texts[0])
      expect(texts[2]).toEqual(texts[0])
    }),
    { seed: 7, numRuns: 150 },
  )
  expect(checks).toBeGreaterThan(2_000)
  expect(counts.undone).toBeGreaterThan(150)
  expect(counts.revived).toBeGreaterThan(300)
  expect(counts.deleted).toBeGreaterThan(300)
})

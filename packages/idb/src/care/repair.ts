import { connect, type Connection, type StoreName } from '../connection.ts'
import { toStoreError } from '../problems.ts'
import { readAtOnce, writeAtOnce } from '../requests.ts'
import { setAside, type SetAsideFrom } from '../set-aside.ts'
import { putClaimRight } from '../side-records.ts'
import { type Surroundings, surroundingsHere } from '../surroundings.ts'
import type { Found } from './read-batch.ts'
import { putBack } from './remaking.ts'
import type { DatabaseReport } from './report.ts'
import { createSurvey } from './survey.ts'
import { lookThrough, verifyDatabase, type LookedThrough } from './verify.ts'
import { openAsItIs } from './walk.ts'

/** What to do about damage. */
export interface RepairOptions {
  /**
   * Destroys what was set aside, now or before: `exportDatabase` would still take it along. And what the browser itself cannot read, which cannot be set aside and may
   * be readable another time. Default false.
   */
  readonly dropAside?: boolean
  readonly surroundings?: Surroundings
}

/** What was done. */
export interface Repaired {
  /** Records that were set aside now. */
  readonly setAside: number
  /** Records that were destroyed. */
  readonly dropped: number
  /** Records that were made again of others, and stand where they stood. */
  readonly putBack: number
  /** What there is after it. */
  readonly report: DatabaseReport
}

/**
 * Sets aside everything in the storage called `name` that cannot be understood, as stores do when they open a space, but in all spaces; and puts right the records
 * by which tabs keep apart. A part of a checkpoint that others make again is put back, so that the next damage finds it whole. What else the browser itself cannot read stays where it is, and is in nobody's way. Stores may have it open.
 *
 * Rejects with `StoreError` `storage-newer`, `storage-blocked` or `storage-failed` when it cannot be opened or written. Cost: some passes over all.
 *
 * @example
 * import { repairDatabase } from '@syncline/idb/care'
 *
 * // Node has no IndexedDB.
 * await expect(repairDatabase('my-app')).rejects.toThrow('no IndexedDB')
 */
export async function repairDatabase(
  name: string,
  { dropAside = false, surroundings = surroundingsHere }: RepairOptions = {},
): Promise<Repaired> {
  const { report: before, remade } = await look(name, surroundings)
  if (before.format === 0) return { setAside: 0, dropped: 0, putBack: 0, report: before }
  // Opening it gives it the present format, and an identity.
  const connection = connect(name, surroundings)
  let dropped = 0
  let unreadable = 0
  const back = new Set<IDBValidKey | undefined>()
  try {
    await connection.ready()
    for (const [space, again] of remade) if (await putBack(connection, space, again)) back.add(again.position)
    for (const { from, key, space, reason } of before.damaged) {
      if (from === 'meta' || (from === 'entries' && back.has(key))) continue
      const isAside = await setAside(connection, from as SetAsideFrom, key, space, reason)
      if (isAside || !dropAside) continue
      await destroy(connection, from as SetAsideFrom, key)
      unreadable++
    }
    for (const space of await spacesWithWrongClaims(name, surroundings)) {
      const newest = async (): Promise<number> => (await newestClaims(name, surroundings)).get(space) ?? 0
      await putClaimRight(connection, surroundings.keyRange, space, newest)
    }
    if (dropAside) dropped = await drop(connection)
  } catch (error) {
    throw connection.lost() ?? toStoreError(error, name, 'repair')
  } finally {
    connection.close()
  }
  const report = await verifyDatabase(name, surroundings)
  return {
    setAside: report.aside.length + dropped - before.aside.length,
    dropped: dropped + unreadable,
    putBack: back.size,
    report,
  }
}

async function look(name: string, surroundings: Surroundings): Promise<LookedThrough> {
  const opened = await openAsItIs(name, surroundings)
  try {
    return await lookThrough(opened)
  } finally {
    opened?.close()
  }
}

/** Spaces whose record of the newest claim says something else than their entries. */
async function spacesWithWrongClaims(name: string, surroundings: Surroundings): Promise<readonly string[]> {
  const newest = await newestClaims(name, surroundings)
  const recorded = new Map<unknown, unknown>()
  await eachRecord(name, surroundings, 'claims', ({ key }) => {
    if (Array.isArray(key)) recorded.set(key[0], key[1])
  })
  return [...newest].flatMap(([space, claim]) => ((recorded.get(space) ?? 0) === claim ? [] : [space]))
}

/** The greatest claim among the entries of each space. */
async function newestClaims(name: string, surroundings: Surroundings): Promise<ReadonlyMap<string, number>> {
  const survey = createSurvey()
  const newest = new Map<string, number>()
  await eachRecord(name, surroundings, 'entries', ({ key, value, unreadable }) => {
    const surveyed = survey(key, value, unreadable)
    if (surveyed.kind === 'bad') return
    newest.set(surveyed.space, Math.max(newest.get(surveyed.space) ?? 0, surveyed.record.claim ?? 0))
  })
  return newest
}

async function eachRecord(
  name: string,
  surroundings: Surroundings,
  store: string,
  each: (found: Found) => void,
): Promise<void> {
  const opened = await openAsItIs(name, surroundings)
  try {
    for await (const found of opened?.records(store) ?? []) each(found)
  } finally {
    opened?.close()
  }
}

async function drop(connection: Connection): Promise<number> {
  const keys = await connection.begin(['aside'], 'readonly', {}, (transaction) =>
    readAtOnce(transaction, () => transaction.objectStore('aside').getAllKeys()),
  )
  for (const key of keys) await destroy(connection, 'aside', key)
  return keys.length
}

function destroy(connection: Connection, from: StoreName, key: IDBValidKey): Promise<unknown> {
  return connection.begin([from], 'readwrite', {}, (transaction) =>
    writeAtOnce(transaction, () => transaction.objectStore(from).delete(key)),
  )
}

import { isIdentity } from '../format.ts'
import { isCount } from '../soundness.ts'
import { type Surroundings, surroundingsHere } from '../surroundings.ts'
import { openAccount, type Account } from './account.ts'
import type { Remade } from './remaking.ts'
import type { BadRecord, DatabaseReport, SpaceReport } from './report.ts'
import { createSurvey } from './survey.ts'
import { openAsItIs, type Contents } from './walk.ts'

/**
 * Reads all that the storage called `name` keeps in this browser, and tells what it is and what is wrong with it. Changes nothing, whatever the version of
 * its format; stores may have it open.
 *
 * Rejects with `StoreError` `storage-failed` where the browser has no IndexedDB or cannot read it, and with `storage-blocked` when a tab stands still in the middle of storing something.
 * Cost: one pass over all, in batches.
 *
 * @example
 * import { verifyDatabase } from '@syncline/idb/care'
 *
 * // Node has no IndexedDB.
 * await expect(verifyDatabase('my-app')).rejects.toThrow('no IndexedDB')
 */
export async function verifyDatabase(
  name: string,
  surroundings: Surroundings = surroundingsHere,
): Promise<DatabaseReport> {
  const opened = await openAsItIs(name, surroundings)
  try {
    return await reportOf(opened)
  } finally {
    opened?.close()
  }
}

interface Counted {
  readonly account: Account
  entries: number
  sizeBytes: number
  newer: number
}

/** Tells what an open database holds, or one that is not there. */
export async function reportOf(opened: Contents | undefined): Promise<DatabaseReport> {
  const { report } = await lookThrough(opened)
  return report
}

/** What a database holds, and by space what had to be made again. */
export interface LookedThrough {
  readonly report: DatabaseReport
  readonly remade: ReadonlyMap<string, Remade>
}

/** The same, and what had to be made again. */
export async function lookThrough(opened: Contents | undefined): Promise<LookedThrough> {
  const remade = new Map<string, Remade>()
  if (opened === undefined) return { report: { format: 0, spaces: [], damaged: [], aside: [], isSound: true }, remade }
  const { format, records } = opened
  const spaces = new Map<string, Counted>()
  const damaged: BadRecord[] = []
  const survey = createSurvey()
  const countedOf = (space: string): Counted => {
    let counted = spaces.get(space)
    if (counted === undefined)
      spaces.set(space, (counted = { account: openAccount(), entries: 0, sizeBytes: 0, newer: 0 }))
    return counted
  }

  for await (const { key, value, unreadable } of records('entries')) {
    const surveyed = survey(key, value, unreadable)
    const { space } = surveyed
    if (surveyed.kind === 'bad') {
      damaged.push({ from: 'entries', key, space, reason: surveyed.reason })
      continue
    }
    const counted = countedOf(space)
    if (surveyed.kind === 'newer') counted.newer++
    else counted.account.take(surveyed.entry, surveyed.record)
    counted.entries++
    counted.sizeBytes += surveyed.record.entry.length
  }
  damaged.push(...(await badSideRecords(records)))
  const aside: BadRecord[] = []
  for await (const { key, value } of records('aside')) aside.push(asBad(key, value))
  const reports = [...spaces].map(([space, { account, entries, sizeBytes, newer }]): SpaceReport => {
    const again = account.remade()
    if (again !== undefined) remade.set(space, again)
    return { space, entries, sizeBytes, newer, isRemade: again !== undefined, ...account.balance() }
  })
  const remadeAt = new Set([...remade.values()].map(({ position }) => position))
  const isSound =
    damaged.length === 0 &&
    reports.every(({ gaps, missing, isRemade }) => gaps.length === 0 && missing.length === 0 && !isRemade)
  return {
    report: {
      format,
      spaces: reports,
      damaged: damaged.map((bad) =>
        bad.from === 'entries' && remadeAt.has(Number(bad.key)) ? { ...bad, isRemade: true } : bad,
      ),
      aside,
      isSound,
    },
    remade,
  }
}

/** Fences, claims and the identity: by themselves they lose nothing, but are not what they should be. */
async function badSideRecords(records: Contents['records']): Promise<readonly BadRecord[]> {
  const bad: BadRecord[] = []
  for await (const { key, unreadable } of records('fences')) {
    const [space, fence] = Array.isArray(key) ? (key as readonly unknown[]) : []
    if (typeof space === 'string' && isCount(fence) && unreadable === undefined) continue
    bad.push({ from: 'fences', key, space: typeof space === 'string' ? space : '', reason: 'its number is none' })
  }
  for await (const { key, value, unreadable } of records('claims')) {
    const [space, claim] = Array.isArray(key) ? (key as readonly unknown[]) : []
    const { space: itsSpace, claim: itsClaim } = Object(value) as { readonly space?: unknown; readonly claim?: unknown }
    const isOne = typeof space === 'string' && (isCount(claim) || claim === 0)
    if (isOne && itsSpace === space && itsClaim === claim && unreadable === undefined) continue
    bad.push({ from: 'claims', key, space: typeof space === 'string' ? space : '', reason: 'it is no claim' })
  }
  let hasIdentity = false
  for await (const { key, value } of records('meta')) {
    if (key !== 'identity') continue
    hasIdentity = true
    if (!isIdentity(value)) bad.push({ from: 'meta', key, space: '', reason: 'it is no identity' })
  }
  if (!hasIdentity) bad.push({ from: 'meta', key: 'identity', space: '', reason: 'there is none' })
  return bad
}

function asBad(key: IDBValidKey, value: unknown): BadRecord {
  // What was set aside was made by us, and may be damaged by now like everything else.
  const { from, key: at, space, reason } = Object(value) as { readonly [name in keyof BadRecord]?: unknown }
  const text = (found: unknown): string => (typeof found === 'string' ? found : '')
  return { from: text(from), key: (at ?? key) as IDBValidKey, space: text(space), reason: text(reason) }
}

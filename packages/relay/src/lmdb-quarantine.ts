import type { Hole } from './lmdb-file.ts'
import { seal, spaceOf, unseal, type Rows } from './lmdb-rows.ts'

/** What of a data folder is not to be used, because rows of it are lost that nobody could miss. */
export interface Quarantine {
  /** The numbers of spaces. */
  readonly spaces: ReadonlySet<number>
  /** Set when names of spaces are lost: then a name that is not there may be one of them. */
  readonly isNameless: boolean
}

export const QUARANTINE_KEY: Buffer = Buffer.from('quarantine')

export const noQuarantine: Quarantine = { spaces: new Set(), isNameless: false }

/**
 * What holes in the tables make unusable, of the spaces with these numbers. A hole in a log makes nothing so: it is found when it is read, as the log is without gaps, and what is
 * before and after it is served. Of writers, Yjs clients and epochs one less looks like none.
 */
export function quarantineOf(holes: readonly Hole[], numbers: readonly number[]): Quarantine {
  const spaces = new Set<number>()
  for (const { table, after, before } of holes) {
    if (table !== 'writers' && table !== 'documents' && table !== 'epochs') continue
    const from = after === undefined ? 0 : spaceOf(after)
    const to = before === undefined ? Infinity : spaceOf(before)
    for (const number of numbers) if (number >= from && number <= to) spaces.add(number)
  }
  return { spaces, isNameless: holes.some(({ table }) => table === 'spaces') }
}

/** Both. */
export function joined(a: Quarantine, b: Quarantine): Quarantine {
  return { spaces: new Set([...a.spaces, ...b.spaces]), isNameless: a.isNameless || b.isNameless }
}

export function encodeQuarantine({ spaces, isNameless }: Quarantine): Buffer {
  return seal(QUARANTINE_KEY, Buffer.from(JSON.stringify({ spaces: [...spaces], isNameless })))
}

/** Reads a row. Throws `RelayError` `damaged`. */
export function decodeQuarantine(row: Buffer): Quarantine {
  const value = unseal(QUARANTINE_KEY, row, 'What is not to be used of the data')
  const { spaces, isNameless } = JSON.parse(value.toString()) as { spaces: readonly number[]; isNameless: boolean }
  return { spaces: new Set(spaces), isNameless }
}

export function quarantineIn(meta: Rows): Quarantine {
  const row = meta.get(QUARANTINE_KEY)
  return row === undefined ? noQuarantine : decodeQuarantine(row)
}

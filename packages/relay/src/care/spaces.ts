import { epochAt, type Stretch } from '@syncline/protocol'
import type { LmdbFile, Hole, Row } from '../lmdb-file.ts'
import { decodeEpoch, decodeSpace, relaySeqOf, unseal, type SpaceRow } from '../lmdb-rows.ts'
import { changesIn } from '../lmdb-runs.ts'
import { BySpace, isDamage } from './reading.ts'

/** A space by its name, and what its entry says. */
export interface NamedSpace extends SpaceRow {
  readonly space: string
}

/** The spaces of a folder, in the order of their logs. `onDamage` is told of entries that cannot be read. */
export function spacesIn(file: LmdbFile, holes: Hole[], onDamage: (message: string) => void): readonly NamedSpace[] {
  const spaces: NamedSpace[] = []
  for (const { key, value } of file.rows('spaces', holes)) {
    const space = key.toString('utf16le')
    try {
      spaces.push({ space, ...decodeSpace(unseal(key, value, `The entry of the space "${space}"`)) })
    } catch (error) {
      if (!isDamage(error)) throw error
      onDamage(error.message)
    }
  }
  return spaces.sort((a, b) => a.number - b.number)
}

/** What a log has in the place of one Change: it, or nothing. */
export interface Place {
  readonly relaySeq: number
  /** Undefined when nothing up to the next one can be read. */
  readonly record: Buffer | undefined
}

/** The log of a space, in order. Where it cannot be read it has one place without a record, and `onDamage` is told. */
export function* placesIn(
  rows: Iterable<Row>,
  { head }: SpaceRow,
  onDamage: (relaySeq: number, message: string) => void,
): Iterable<Place> {
  let wanted = 1
  for (const { key, value } of rows) {
    const last = relaySeqOf(key)
    let found
    try {
      found = changesIn(
        key,
        unseal(key, value, wanted === last ? `Change ${wanted}` : `One of the Changes ${wanted} to ${last}`),
      )
    } catch (error) {
      if (!isDamage(error)) throw error
      onDamage(wanted, error.message)
      yield { relaySeq: wanted, record: undefined }
      wanted = last + 1
      continue
    }
    if (found.first > wanted) {
      onDamage(wanted, missing(wanted, found.first - 1))
      yield { relaySeq: wanted, record: undefined }
    }
    for (const [i, record] of found.records.entries()) yield { relaySeq: found.first + i, record }
    wanted = last + 1
  }
  if (wanted <= head) {
    onDamage(wanted, missing(wanted, head))
    yield { relaySeq: wanted, record: undefined }
  }
}

function missing(first: number, last: number): string {
  return first === last ? `Change ${first} is missing.` : `The Changes ${first} to ${last} are missing.`
}

/** The stretches of a log. `onDamage` is told of what cannot be read, and when they are not those of such a log. */
export function stretchesIn(
  rows: Iterable<Row>,
  { head, epoch }: SpaceRow,
  onDamage: (message: string) => void,
): readonly Stretch[] {
  const stretches: Stretch[] = []
  for (const { key, value } of rows) {
    const first = relaySeqOf(key)
    try {
      stretches.push({ epoch: decodeEpoch(unseal(key, value, `The epoch from Change ${first} on`)), first })
    } catch (error) {
      if (!isDamage(error)) throw error
      onDamage(error.message)
    }
  }
  const isWhole = head === 0 ? stretches.length === 0 : stretches[0]?.first === 1 && epochAt(stretches, head) === epoch
  if (!isWhole) onDamage('Its epochs are not those of its log.')
  return stretches
}

/** The tables of a folder, to be read side by side. */
export interface Tables {
  readonly log: BySpace
  readonly epochs: BySpace
  readonly writers: BySpace
  readonly documents: BySpace
}

export function tablesOf(file: LmdbFile, holes: Hole[]): Tables {
  const table = (name: string): BySpace => new BySpace(file, name, holes)
  return { log: table('log'), epochs: table('epochs'), writers: table('writers'), documents: table('documents') }
}

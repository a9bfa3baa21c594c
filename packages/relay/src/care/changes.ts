import { decodeChange, decodeHeader, epochAt, ProtocolError, type Adoption } from '@syncline/protocol'
import type { Basis, Change, Epoch } from '@syncline/stm'
import { RelayError } from '../errors.ts'
import type { Hole } from '../lmdb-file.ts'
import { readData } from './reading.ts'
import { wordsOf } from './report.ts'
import { placesIn, spacesIn, stretchesIn, tablesOf } from './spaces.ts'

/** What a log has in the place of a Change. */
export type StoredChange = ReadableChange | UnreadableChange

export interface ReadableChange {
  readonly space: string
  readonly relaySeq: number
  readonly epoch: Epoch | null
  /** Its bytes, which are the caller's. */
  readonly record: Uint8Array
  /** Undefined when this version cannot read it: the relay never looks into it. */
  readonly change: Change | undefined
  /** Given where it is no Change, but a piece of what a client has brought back: how many come after it, and up to where of which epoch it is. */
  readonly join: (Pick<Basis, 'epoch' | 'relaySeq'> & { readonly left: number }) | undefined
  /** Given where it is no Change, but says what `relay` refs hold from here on: what was taken. */
  readonly adopted: Adoption['taken'] | undefined
}

/** What is not as it was written, up to the next Change that is. */
export interface UnreadableChange {
  readonly space: string
  readonly relaySeq: number
  readonly damage: string
}

/**
 * Calls `onChange` with each Change of a space in a data folder, in order, and with what is damaged among them; without a name, with those of all spaces. Resolves to what else cannot
 * be read, in words: it may have been of any space. A relay may go on writing meanwhile.
 *
 * Rejects with `RelayError`: what `verifyData` rejects with, and `data-missing` when there is no such space.
 *
 * @example
 * import { mkdtempSync, rmSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { readChanges } from '@syncline/relay/care'
 * import { openLmdbStorage } from '@syncline/relay/lmdb'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'changes-'))
 * const storage = await openLmdbStorage(folder)
 * const found: number[] = []
 * expect(await readChanges(folder, ({ relaySeq }) => void found.push(relaySeq))).toEqual([])
 * expect(found).toEqual([])
 * await expect(readChanges(folder, () => {}, 'board')).rejects.toMatchObject({ code: 'data-missing' })
 * await storage.close()
 * rmSync(folder, { recursive: true })
 */
export function readChanges(
  folder: string,
  onChange: (stored: StoredChange) => void,
  only?: string,
): Promise<readonly string[]> {
  return readData(folder, (file) => {
    const holes: Hole[] = []
    const damaged: string[] = []
    const tables = tablesOf(file, holes)
    const spaces = spacesIn(file, holes, (message) => void damaged.push(message))
    if (only !== undefined && !spaces.some(({ space }) => space === only)) {
      throw new RelayError('data-missing', `There is no space "${only}" in ${folder} that can be read.`)
    }
    for (const named of spaces) {
      const { space, number } = named
      if (only !== undefined && space !== only) continue
      const stretches = stretchesIn(tables.epochs.of(number), named, () => {})
      const onDamage = (relaySeq: number, damage: string): void => onChange({ space, relaySeq, damage })
      for (const { relaySeq, record } of placesIn(tables.log.of(number), named, onDamage)) {
        if (record === undefined) continue
        const own = new Uint8Array(record)
        onChange({ space, relaySeq, epoch: epochAt(stretches, relaySeq), record: own, ...read(own) })
      }
    }
    // What leads to all tables is met on the way to each.
    return [...damaged, ...new Set(holes.map(wordsOf))]
  })
}

function read(record: Uint8Array): Pick<ReadableChange, 'change' | 'join' | 'adopted'> {
  try {
    const { adoption, ...change } = decodeChange(record)
    const { join } = decodeHeader(record)
    const { epoch, relaySeq } = change.deps
    return { change, join: join && { left: join.left, epoch, relaySeq }, adopted: adoption?.taken }
  } catch (error) {
    if (error instanceof ProtocolError) return { change: undefined, join: undefined, adopted: undefined }
    throw error
  }
}

import { entriesIn } from '@syncline/protocol'
import type { Value } from '@syncline/stm'
import { missingError } from '../problems.ts'
import { type Surroundings, surroundingsHere } from '../surroundings.ts'
import { encodeHead, encodePiece, type Piece } from './backup.ts'
import { epochsIn } from './epochs.ts'
import { createSurvey } from './survey.ts'
import { openAsItIs, type Contents } from './walk.ts'

/** What to take along. */
export interface ExportOptions {
  /** These spaces only. Default: all. */
  readonly spaces?: readonly string[]
  readonly surroundings?: Surroundings
}

/** About how many bytes come at once. */
const CHUNK_BYTES = 256 * 1024

/**
 * A backup of what the storage called `name` keeps in this browser, as a stream of bytes for `importDatabase`: all entries of the logs, with what no relay has
 * yet and what never leaves the browser, and what was set aside. Each piece of it has a checksum.
 *
 * Stores may be open meanwhile: the backup holds what they had stored when it began, and may hold some of what came meanwhile. Holds a few mebibytes at most in memory, however large it is. Rejects with
 * `StoreError` `storage-failed` when the storage cannot be read, and with `storage-blocked` when a tab stands still in the middle of storing something. Cost: two passes over the entries.
 *
 * @example
 * import { exportDatabase } from '@syncline/idb/care'
 *
 * async function backup(): Promise<Blob> {
 *   const chunks = []
 *   for await (const chunk of exportDatabase('my-app')) chunks.push(chunk)
 *   return new Blob(chunks)
 * }
 * // Node has no IndexedDB.
 * await expect(backup()).rejects.toThrow('no IndexedDB')
 */
export async function* exportDatabase(
  name: string,
  { spaces: wanted, surroundings = surroundingsHere }: ExportOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  if (surroundings.databases === undefined) throw missingError(name)
  const opened = await openAsItIs(name, surroundings)
  try {
    yield* backupOf(name, opened, wanted)
  } finally {
    opened?.close()
  }
}

/** The same, of a database that is open, or of one that is not there. */
export async function* backupOf(
  name: string,
  opened: Contents | undefined,
  wanted: readonly string[] | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const gather = createGathering()
  let pieces = 0
  yield* gather.bytes(encodeHead())
  for await (const piece of piecesOf(name, opened, wanted)) {
    pieces++
    yield* gather.bytes(encodePiece(piece))
  }
  yield* gather.bytes(encodePiece({ kind: 'end', pieces }))
  yield* gather.rest()
}

async function* piecesOf(
  name: string,
  opened: Contents | undefined,
  wanted: readonly string[] | undefined,
): AsyncGenerator<Piece> {
  yield { kind: 'database', name, format: opened?.format ?? 0 }
  if (opened === undefined) return
  const isWanted = (space: string): boolean => wanted === undefined || wanted.includes(space)
  const spaces = await headsOf(opened)
  for (const [space, { epochs, entries }] of spaces) {
    if (isWanted(space)) yield { kind: 'space', space, epochs: [...epochs], entries }
  }
  const survey = createSurvey()
  for await (const { key, value, unreadable } of opened.records('entries')) {
    const surveyed = survey(key, value, unreadable)
    const { space } = surveyed
    if (!isWanted(space)) continue
    if (surveyed.kind === 'bad') yield asidePiece('entries', key, space, surveyed.reason, value)
    else {
      const { entry, claim } = surveyed.record
      yield { kind: 'entry', space, isClaimed: claim !== undefined, entry }
    }
  }
  for await (const { key, value } of opened.records('aside')) {
    const { from, key: at, space, reason, value: found } = Object(value) as { readonly [name: string]: unknown }
    if (isWanted(String(space))) yield asidePiece(String(from), at ?? key, String(space), String(reason), found)
  }
}

/** What is there when the export begins, by space. */
async function headsOf({
  records,
}: Contents): Promise<ReadonlyMap<string, { readonly epochs: ReadonlySet<string>; readonly entries: number }>> {
  const spaces = new Map<string, { epochs: Set<string>; entries: number }>()
  const survey = createSurvey()
  for await (const { key, value, unreadable } of records('entries')) {
    const surveyed = survey(key, value, unreadable)
    if (surveyed.kind === 'bad') continue
    let head = spaces.get(surveyed.space)
    if (head === undefined) spaces.set(surveyed.space, (head = { epochs: new Set(), entries: 0 }))
    head.entries++
    for (const entry of surveyed.kind === 'entry' ? entriesIn(surveyed.entry) : []) {
      for (const epoch of epochsIn(entry)) head.epochs.add(epoch)
    }
  }
  return spaces
}

function asidePiece(from: string, key: unknown, space: string, reason: string, value: unknown): Piece {
  return { kind: 'aside', from, key: plain(key), space, reason, value: plain(value) }
}

/** Deeper is nothing that we have written. */
const MOST_LEVELS = 8

/** Anything as a value: what is no plain data as a text that says what it was. */
function plain(found: unknown, levels = 0): Value {
  if (found === null || typeof found === 'boolean' || typeof found === 'number') return found
  // Half of a surrogate pair has no place in a value.
  if (typeof found === 'string') return /\p{Cs}/u.test(found) ? JSON.stringify(found) : found
  if (found instanceof Uint8Array) return found
  if (found instanceof ArrayBuffer) return new Uint8Array(found)
  if (levels < MOST_LEVELS && Array.isArray(found)) return found.map((item: unknown) => plain(item, levels + 1))
  if (levels < MOST_LEVELS && typeof found === 'object' && Object.getPrototypeOf(found) === Object.prototype) {
    return Object.fromEntries(Object.entries(found).map(([field, item]) => [field, plain(item, levels + 1)]))
  }
  return String(found)
}

/** Puts bytes together to chunks that are worth their while. */
function createGathering(): {
  bytes(next: Uint8Array): Iterable<Uint8Array<ArrayBuffer>>
  rest(): Iterable<Uint8Array<ArrayBuffer>>
} {
  let held: Uint8Array[] = []
  let size = 0
  function* rest(): Iterable<Uint8Array<ArrayBuffer>> {
    if (size === 0) return
    const chunk = new Uint8Array(size)
    let at = 0
    for (const bytes of held) {
      chunk.set(bytes, at)
      at += bytes.length
    }
    held = []
    size = 0
    yield chunk
  }
  return {
    *bytes(next) {
      held.push(next)
      size += next.length
      if (size >= CHUNK_BYTES) yield* rest()
    },
    rest,
  }
}

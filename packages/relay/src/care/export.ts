import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Value } from '@syncline/stm'
import { reasonOf, RelayError } from '../errors.ts'
import { flush, makeFolder } from '../folders.ts'
import { readChanges, type StoredChange } from './changes.ts'

/** What an export has written. */
export interface Exported {
  readonly files: readonly { readonly name: string; readonly space: string; readonly changes: number }[]
  /** Places that could not be read. The files say those of their logs. */
  readonly damaged: number
}

/**
 * Writes the log of each space into a file of its own in an empty folder, or that of one. A file is lines of JSON: `{"syncline":"space","version":1,"space":…}`, a line for each
 * Change with what it says and, as base64 in `record`, its bytes as they are, for a piece of what a client has brought back `join`, up to where of which epoch that is, and for an adoption `adopted`, what was taken; `{"relaySeq":…,"damage":…}` in the place of what cannot be read, and `{"end":…}` with the number of
 * Changes, without which a file was broken off. Files are numbered; the first line says whose each is.
 *
 * Leaves no file when it rejects. Rejects with `RelayError`: what `readChanges` rejects with, `data-exists` when the folder is not empty, or `data-unwritable`.
 *
 * @example
 * import { mkdtempSync, rmSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { exportData } from '@syncline/relay/care'
 * import { openLmdbStorage } from '@syncline/relay/lmdb'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'export-'))
 * const storage = await openLmdbStorage(join(folder, 'data'))
 * expect(await exportData(join(folder, 'data'), join(folder, 'files'))).toEqual({ files: [], damaged: 0 })
 * await storage.close()
 * rmSync(folder, { recursive: true })
 */
export async function exportData(folder: string, to: string, only?: string): Promise<Exported> {
  const files: { readonly name: string; readonly space: string; changes: number }[] = []
  let damaged = 0
  let file: Lines | undefined
  const finish = (): void => file?.finish(files.at(-1)!.changes)
  try {
    makeEmpty(to)
    const lost = await readChanges(
      folder,
      (stored) => {
        if (files.at(-1)?.space !== stored.space) {
          finish()
          const name = `space-${files.length + 1}.jsonl`
          file = new Lines(join(to, name))
          files.push({ name, space: stored.space, changes: 0 })
          file.add({ syncline: 'space', version: 1, space: stored.space })
        }
        if ('damage' in stored) damaged += 1
        else files.at(-1)!.changes += 1
        file!.add(lineOf(stored))
      },
      only,
    )
    damaged += lost.length
    finish()
    flush(to)
  } catch (error) {
    file?.close()
    for (const { name } of files) rmSync(join(to, name), { force: true })
    if (error instanceof RelayError) throw error
    throw new RelayError(
      'data-unwritable',
      `${to} cannot be written: ${reasonOf(error)}. Look for a full disk, or choose another folder.`,
      { cause: error },
    )
  }
  return { files, damaged }
}

function makeEmpty(folder: string): void {
  makeFolder(resolve(folder))
  if (readdirSync(folder).length === 0) return
  throw new RelayError('data-exists', `There are files in ${folder} already. Choose another folder, or move them away.`)
}

function lineOf(stored: StoredChange): Value {
  const { relaySeq } = stored
  if ('damage' in stored) return { relaySeq, damage: stored.damage }
  const { epoch, record, change, join, adopted } = stored
  const bytes = Buffer.from(record).toString('base64')
  if (join !== undefined) return { relaySeq, epoch, join: { ...join }, record: bytes }
  if (adopted !== undefined) return { relaySeq, epoch, adopted, record: bytes }
  if (change === undefined) return { relaySeq, epoch, record: bytes }
  const { writer, seq, deps, at, ops, effects, meta } = change
  return {
    relaySeq,
    epoch,
    writer,
    seq,
    at,
    deps: { epoch: deps.epoch, relaySeq: deps.relaySeq, writers: Object.fromEntries(deps.writers) },
    ops: ops.map(({ tag, address, arbiter, payload }) => ({ tag, address, arbiter, payload: inJson(payload) })),
    effects: effects.map(({ id, handler, input }) => ({ id, handler, input: inJson(input) })),
    meta: inJson(meta),
    record: bytes,
  }
}

/** What JSON has no words for is said by an object with one member: `{"bytes": base64}`, `{"number": "NaN"}`. Who needs it to the bit has `record`. */
function inJson(value: Value): Value {
  if (typeof value === 'number' && !Number.isFinite(value)) return { number: String(value) }
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return (value as readonly Value[]).map(inJson)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inJson(inner)]))
}

/** A file of lines, written some at a time. */
class Lines {
  readonly #path: string
  readonly #fd: number
  #waiting: string[] = []
  #length = 0
  #isOpen = true

  constructor(path: string) {
    this.#path = path
    this.#fd = openSync(path, 'wx')
  }

  add(line: Value): void {
    const text = `${JSON.stringify(line)}\n`
    this.#waiting.push(text)
    this.#length += text.length
    if (this.#length > 1024 * 1024) this.#write()
  }

  finish(changes: number): void {
    this.add({ end: changes })
    this.#write()
    this.close()
    flush(this.#path)
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    closeSync(this.#fd)
  }

  #write(): void {
    const bytes = Buffer.from(this.#waiting.join(''))
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at)
    this.#waiting = []
    this.#length = 0
  }
}

import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { RelayError, type StoredCheckpoint } from '@syncline/relay'

/** One file for each space in a folder that anybody may empty at any time. */
export interface CheckpointFiles {
  /** What was written of a space; undefined where there is none. One that is not as it was written is removed, and is none. */
  read(space: string): Promise<StoredCheckpoint | undefined>
  /** Takes the place of the one before, whole or not at all. */
  write(space: string, checkpoint: StoredCheckpoint): Promise<void>
}

/** Of whose log it is, and up to where. */
interface Head {
  readonly version: typeof VERSION
  readonly space: string
  readonly epoch: string
  readonly relaySeq: number
}

const VERSION = 1
const LENGTH_BYTES = 4
const SUM_BYTES = 4
const UNFINISHED = '.part'

/** Takes a folder, which is made if need be, and clears away what was being written in it when somebody was killed. */
export async function openCheckpointFiles(folder: string, onDamage: (space: string) => void): Promise<CheckpointFiles> {
  try {
    await mkdir(folder, { recursive: true })
    for (const name of await readdir(folder)) if (name.endsWith(UNFINISHED)) await rm(join(folder, name))
  } catch (cause) {
    const message = `${folder} cannot be used: ${String(cause)}. It is a cache: remove it, and let this user make it.`
    throw new RelayError('data-unwritable', message, { cause })
  }
  // The name of a space may be anything.
  const pathOf = (space: string): string => join(folder, createHash('sha256').update(space, 'utf16le').digest('hex'))

  return {
    async read(space) {
      const bytes = await readFile(pathOf(space)).catch(noneIfAbsent)
      if (bytes === undefined) return undefined
      const found = decode(bytes, space)
      if (found !== undefined) return found
      onDamage(space)
      await rm(pathOf(space), { force: true })
      return undefined
    },
    async write(space, { epoch, relaySeq, bytes }) {
      const path = pathOf(space)
      // Not flushed: what a loss of power leaves of it is found by its checksum.
      await writeFile(path + UNFINISHED, encode({ version: VERSION, space, epoch, relaySeq }, bytes))
      await rename(path + UNFINISHED, path)
    },
  }
}

/** The length of a head as JSON, that, the checkpoint, and the checksum of all of it. */
function encode(head: Head, checkpoint: Uint8Array): Uint8Array {
  const words = Buffer.from(JSON.stringify(head))
  const start = LENGTH_BYTES + words.length
  const file = Buffer.allocUnsafe(start + checkpoint.length + SUM_BYTES)
  file.writeUInt32LE(words.length)
  file.set(words, LENGTH_BYTES)
  file.set(checkpoint, start)
  file.writeUInt32LE(crc32(file.subarray(0, -SUM_BYTES)), file.length - SUM_BYTES)
  return file
}

/** Undefined for what is not what was written of this space. */
function decode(file: Buffer, space: string): StoredCheckpoint | undefined {
  const end = file.length - SUM_BYTES
  if (end < LENGTH_BYTES || crc32(file.subarray(0, end)) !== file.readUInt32LE(end)) return undefined
  const start = LENGTH_BYTES + file.readUInt32LE()
  const head = JSON.parse(file.toString('utf8', LENGTH_BYTES, start)) as Head
  if (head.version !== VERSION || head.space !== space) return undefined
  return { epoch: head.epoch, relaySeq: head.relaySeq, bytes: file.subarray(start, end) }
}

function noneIfAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

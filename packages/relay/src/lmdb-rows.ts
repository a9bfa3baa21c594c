import { crc32 } from 'node:zlib'
import type { Database } from 'lmdb'
import type { Epoch, WriterId } from '@syncline/stm'
import { RelayError } from './errors.ts'
import type { WriterState } from './ports.ts'

/*
 * What the rows of the data folder look like. Every row is sealed: a CRC-32 over its key and its value stands before the value,
 * so a row that was damaged, or that stands at another row's place, is found when it is read.
 */

/** The file in a data folder. */
export const DATA_FILE = 'relay.mdb'

/**
 * The version of the rows in the data folder. In the first one nothing but the Changes themselves said whose a Yjs client is, and what the greatest stamp; up to the
 * second one the whole log of a space had one epoch; up to the third one each Change was a row; up to the fourth one nothing was joined to a log; up to the fifth one nothing was adopted.
 */
export const FORMAT = 6

/** Under which the folder says it. */
export const FORMAT_KEY: Buffer = Buffer.from('format')

/** And which process uses it. */
export const OWNER_KEY: Buffer = Buffer.from('owner')

/** One of the tables of the folder. */
export type Rows = Database<Buffer, Buffer>

/** What stands of a space by its name. It has a number, so that its name is no part of the keys of its log. */
export interface SpaceRow {
  readonly number: number
  /** In which its last Change stands; null when it has none. The epochs before it stand in a table of their own. */
  readonly epoch: Epoch | null
  readonly head: number
  readonly latestAt: number
  /** The relaySeq of the last piece of the newest join; 0 when there is none. */
  readonly joinedAt: number
  /** That of the newest adoption; 0 when there is none. */
  readonly adoptedAt: number
}

/** In place of an epoch that there is not: nobody draws this one. */
const NO_EPOCH = '0'.repeat(32)

/** Names are kept by their UTF-16 code units: no two of them fall together. */
export function spaceKey(space: string): Buffer {
  return Buffer.from(space, 'utf16le')
}

/** Ascending by space, then by relaySeq. */
export function recordKey(space: number, relaySeq: number): Buffer {
  const key = Buffer.allocUnsafe(10)
  key.writeUInt32BE(space, 0)
  key.writeUIntBE(relaySeq, 4, 6)
  return key
}

/** The number of the space that a record is of. */
export function spaceOf(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.length).readUInt32BE(0)
}

export function relaySeqOf(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.length).readUIntBE(4, 6)
}

export function writerKey(space: number, writer: WriterId): Buffer {
  const key = Buffer.allocUnsafe(20)
  key.writeUInt32BE(space, 0)
  key.write(writer, 4, 'hex')
  return key
}

export function documentKey(space: number, client: number): Buffer {
  const key = Buffer.allocUnsafe(12)
  key.writeUInt32BE(space, 0)
  key.writeBigUInt64BE(BigInt(client), 4)
  return key
}

/** A value with its checksum before it. */
export function seal(key: Uint8Array, value: Uint8Array): Buffer {
  const row = Buffer.allocUnsafe(4 + value.length)
  row.writeUInt32LE(crc32(value, crc32(key)), 0)
  row.set(value, 4)
  return row
}

/** The value of a row, a view of it. Throws `RelayError` `damaged`; `what` says what cannot be read. */
export function unseal(key: Uint8Array, row: Buffer, what: string, relaySeq?: number): Buffer {
  const value = row.subarray(4)
  if (row.length < 4 || row.readUInt32LE(0) !== crc32(value, crc32(key))) {
    throw new RelayError('damaged', `${what} is not what was written. Restore the data folder from a backup.`, {
      relaySeq,
    })
  }
  return value
}

export function encodeSpace({ number, epoch, head, latestAt, joinedAt, adoptedAt }: SpaceRow): Buffer {
  const value = Buffer.allocUnsafe(46)
  value.writeUInt32BE(number, 0)
  value.write(epoch ?? NO_EPOCH, 4, 'hex')
  value.writeUIntBE(head, 20, 6)
  value.writeBigUInt64BE(BigInt(latestAt), 26)
  value.writeUIntBE(joinedAt, 34, 6)
  value.writeUIntBE(adoptedAt, 40, 6)
  return value
}

export function decodeSpace(value: Buffer): SpaceRow {
  const epoch = decodeEpoch(value.subarray(4, 20))
  // In the first format it ends here.
  const latestAt = value.length > 26 ? Number(value.readBigUInt64BE(26)) : 0
  // Up to the fourth one here.
  const joinedAt = value.length > 34 ? value.readUIntBE(34, 6) : 0
  // And up to the fifth one here.
  const adoptedAt = value.length > 40 ? value.readUIntBE(40, 6) : 0
  return {
    number: value.readUInt32BE(0),
    epoch: epoch === NO_EPOCH ? null : epoch,
    head: value.readUIntBE(20, 6),
    latestAt,
    joinedAt,
    adoptedAt,
  }
}

export function encodeEpoch(epoch: Epoch): Buffer {
  return Buffer.from(epoch, 'hex')
}

export function decodeEpoch(value: Buffer): Epoch {
  return value.toString('hex')
}

export function encodeOwner(owner: WriterId): Buffer {
  return Buffer.from(owner, 'hex')
}

export function decodeOwner(value: Buffer): WriterId {
  return value.toString('hex')
}

export function encodeWriter({ lastSeq, recent, ended, principal }: WriterState): Buffer {
  return Buffer.from(JSON.stringify({ lastSeq, recent, ended, principal }))
}

export function decodeWriter(value: Buffer): WriterState {
  return JSON.parse(value.toString()) as WriterState
}

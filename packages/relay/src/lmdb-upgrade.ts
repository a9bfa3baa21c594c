import { decodeHeader, ProtocolError } from '@syncline/protocol'
import type { ChangeHeader } from '@syncline/protocol'
import {
  decodeSpace,
  documentKey,
  encodeEpoch,
  encodeOwner,
  encodeSpace,
  recordKey,
  seal,
  spaceOf,
  unseal,
} from './lmdb-rows.ts'
import type { Rows } from './lmdb-rows.ts'

/** The tables that newer formats have changed, and the one that they take that from. */
interface Tables {
  readonly spaces: Rows
  readonly log: Rows
  readonly documents: Rows
  readonly epochs: Rows
}

/** Brings a folder of an older format to the newest one, in one transaction of the caller. */
export function upgrade(tables: Tables, format: number, folder: string): void {
  if (format < 2) nameOwners(tables, folder)
  if (format < 3) listEpochs(tables, folder)
}

/** From the second to the third one: the epoch of a log is that of its first stretch. An empty log has none any more: nobody has ever known anything of it. */
function listEpochs({ spaces, epochs }: Tables, folder: string): void {
  for (const { key, value } of [...spaces.getRange()]) {
    const row = decodeSpace(unseal(key, value, `The entry of a space in ${folder}`))
    if (row.head === 0) spaces.putSync(key, seal(key, encodeSpace({ ...row, epoch: null })))
    else if (row.epoch !== null) {
      const first = recordKey(row.number, 1)
      epochs.putSync(first, seal(first, encodeEpoch(row.epoch)))
    }
  }
}

/**
 * From the first one to the second one: writes down whose each Yjs client is, of several who have used one the first one's, and
 * the greatest stamp of each log. Nothing but the Changes said so. Cost: one pass over all logs, once for each folder.
 */
function nameOwners({ spaces, log, documents }: Tables, folder: string): void {
  const latest = new Map<number, number>()
  for (const { key, value } of log.getRange()) {
    const header = headerOf(unseal(key, value, `A Change in ${folder}`))
    if (header === undefined) continue
    const space = spaceOf(key)
    latest.set(space, Math.max(latest.get(space) ?? 0, header.at))
    for (const client of header.documents) {
      const row = documentKey(space, client)
      if (documents.get(row) !== undefined) continue
      documents.putSync(row, seal(row, encodeOwner(header.inherited.get(client) ?? header.writer)))
    }
  }
  for (const { key, value } of [...spaces.getRange()]) {
    const row = decodeSpace(unseal(key, value, `The entry of a space in ${folder}`))
    spaces.putSync(key, seal(key, encodeSpace({ ...row, latestAt: latest.get(row.number) ?? 0 })))
  }
}

/** A Change that this version cannot read is passed over: it names nobody whom this version could mistake. */
function headerOf(record: Uint8Array): ChangeHeader | undefined {
  try {
    return decodeHeader(record)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

import { decodeHeader, ProtocolError } from '@syncline/protocol'
import type { ChangeHeader } from '@syncline/protocol'
import { documentKey, encodeOwner, seal, spaceOf, unseal } from './lmdb-rows.ts'
import type { Rows } from './lmdb-rows.ts'

/**
 * Writes down whose each Yjs client is, as the logs say: in a folder of the first format nothing else did. Of several who have used one it is
 * the first one's. Cost: one pass over all logs, once for each folder.
 */
export function bindDocuments(log: Rows, documents: Rows, folder: string): void {
  for (const { key, value } of log.getRange()) {
    const header = headerOf(unseal(key, value, `A Change in ${folder}`))
    for (const client of header?.documents ?? []) {
      const row = documentKey(spaceOf(key), client)
      if (documents.get(row) !== undefined) continue
      documents.putSync(row, seal(row, encodeOwner(header!.inherited.get(client) ?? header!.writer)))
    }
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

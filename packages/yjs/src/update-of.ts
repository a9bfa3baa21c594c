import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

/** Used again and again: a fresh one, with its buffer, is most of what it costs to encode a keystroke. */
const encoder = new Y.UpdateEncoderV1()
/** A larger buffer is not kept. */
const MOST_KEPT_BYTES = 4_096

/**
 * The update that a transaction is, byte for byte what Yjs gives to who listens for `update`; undefined when it changed nothing. Yjs makes one for
 * each transaction as soon as somebody listens, also for those that bring in what somebody else has encoded. To be asked in `afterTransactionCleanup`.
 */
export function updateOf({ doc: { store }, beforeState, deleteSet }: Y.Transaction): Uint8Array | undefined {
  const written: (readonly [client: number, clock: number])[] = []
  for (const [client, structs] of store.clients) {
    const clock = beforeState.get(client) ?? 0
    const last = structs[structs.length - 1]!
    if (last.id.clock + last.length > clock) written.push([client, clock])
  }
  if (written.length === 0 && deleteSet.clients.size === 0) return undefined
  return encodedAfresh(store, written, [...deleteSet.clients])
}

/** All of a document but what clients have written up to given clocks, as an update. What they have deleted of that is not in it either. */
export function stateBeyond({ store }: Y.Doc, clocks: ReadonlyMap<number, number>): Uint8Array {
  const written: (readonly [client: number, clock: number])[] = []
  const deleted: (readonly [client: number, ranges: Ranges])[] = []
  const all = Y.createDeleteSetFromStructStore(store).clients
  for (const client of store.clients.keys()) {
    const clock = clocks.get(client) ?? 0
    if (Y.getState(store, client) <= clock) continue
    written.push([client, clock])
    const ranges = (all.get(client) ?? []).flatMap(({ clock: from, len }) => {
      const first = Math.max(from, clock)
      return first < from + len ? [{ clock: first, len: from + len - first }] : []
    })
    if (ranges.length > 0) deleted.push([client, ranges])
  }
  return encodedAfresh(store, written, deleted)
}

type Ranges = readonly { readonly clock: number; readonly len: number }[]

function encodedAfresh(...[store, written, deleted]: Parameters<typeof encoded>): Uint8Array {
  try {
    return encoded(store, written, deleted)
  } finally {
    // Also when a value cannot be encoded: what comes next must not have the beginning of that in front.
    const { restEncoder } = encoder
    restEncoder.cpos = 0
    restEncoder.bufs = []
    if (restEncoder.cbuf.length > MOST_KEPT_BYTES) restEncoder.cbuf = new Uint8Array(100)
  }
}

/** Structs from a clock on of those who have written, and what was deleted. */
function encoded(
  store: Y.Doc['store'],
  written: (readonly [client: number, clock: number])[],
  deleted: (readonly [client: number, ranges: Ranges])[],
): Uint8Array {
  const { restEncoder } = encoder
  encoding.writeVarUint(restEncoder, written.length)
  // Yjs writes those with the greatest ids first.
  if (written.length > 1) written.sort((a, b) => b[0] - a[0])
  for (const [client, clock] of written) {
    const structs = store.clients.get(client)!
    const first = Y.findIndexSS(structs, clock)
    encoding.writeVarUint(restEncoder, structs.length - first)
    encoder.writeClient(client)
    encoding.writeVarUint(restEncoder, clock)
    structs[first]!.write(encoder, clock - structs[first]!.id.clock)
    for (let i = first + 1; i < structs.length; i++) structs[i]!.write(encoder, 0)
  }
  if (deleted.length > 1) deleted.sort((a, b) => b[0] - a[0])
  encoding.writeVarUint(restEncoder, deleted.length)
  for (const [client, ranges] of deleted) {
    encoding.writeVarUint(restEncoder, client)
    encoding.writeVarUint(restEncoder, ranges.length)
    for (const { clock, len } of ranges) {
      encoding.writeVarUint(restEncoder, clock)
      encoding.writeVarUint(restEncoder, len)
    }
  }
  return encoding.toUint8Array(restEncoder)
}

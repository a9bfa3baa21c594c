import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

/**
 * An update of `from`, which has written nothing else, as an update of `to`, who has written `clock` things before. So what is written into a
 * copy of a document is authored when it is known by whom, and whether at all. The update must hold structs of `from` alone.
 * Cost: one pass.
 */
export function rename(update: Uint8Array, from: number, to: number, clock: number): Uint8Array {
  const { structs, ds } = Y.decodeUpdate(update)
  const named = (id: Y.ID): Y.ID => (id.client === from ? Y.createID(to, id.clock + clock) : id)

  const encoder = new Y.UpdateEncoderV1()
  encoding.writeVarUint(encoder.restEncoder, structs.length > 0 ? 1 : 0)
  if (structs.length > 0) {
    encoding.writeVarUint(encoder.restEncoder, structs.length)
    encoder.writeClient(to)
    encoding.writeVarUint(encoder.restEncoder, structs[0]!.id.clock + clock)
  }
  for (const struct of structs) {
    if (struct instanceof Y.Item) {
      if (struct.origin !== null) struct.origin = named(struct.origin)
      if (struct.rightOrigin !== null) struct.rightOrigin = named(struct.rightOrigin)
      // Read from an update, a parent is a name or an id.
      if (struct.parent instanceof Y.ID) struct.parent = named(struct.parent)
    }
    struct.write(encoder, 0)
  }

  // Ids of `to` are older ones when they are there already, and come first.
  const ranges = new Map<number, { readonly id: Y.ID; readonly len: number }[]>()
  for (const client of [...ds.clients.keys()].sort((a, b) => Number(a === from) - Number(b === from))) {
    for (const { clock: at, len } of ds.clients.get(client)!) {
      const id = named(Y.createID(client, at))
      const list = ranges.get(id.client)
      if (list === undefined) ranges.set(id.client, [{ id, len }])
      else list.push({ id, len })
    }
  }
  encoding.writeVarUint(encoder.restEncoder, ranges.size)
  for (const [client, list] of ranges) {
    encoding.writeVarUint(encoder.restEncoder, client)
    encoding.writeVarUint(encoder.restEncoder, list.length)
    for (const { id, len } of list) {
      encoding.writeVarUint(encoder.restEncoder, id.clock)
      encoding.writeVarUint(encoder.restEncoder, len)
    }
  }
  return encoder.toUint8Array()
}

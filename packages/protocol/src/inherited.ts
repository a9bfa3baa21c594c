import type { WriterId } from '@syncline/stm'
import type { ByteReader } from './reader.ts'
import { ByteWriter } from './writer.ts'

/**
 * Yjs client ids that a Change goes on under, and the writers under which they were used first: it was authored again, or its session has
 * gone on under another writer.
 */
export type Inherited = ReadonlyMap<number, WriterId>

const WHAT = 'list of inherited clients'

/** A client id and a writer. */
const LEAST_BYTES = 17

/** Nothing inherited. */
export const nothingInherited: Inherited = new Map()

/** The bytes of a precondition that these are whose they are said to be. There must be at least one. */
export function encodeInherited(inherited: Inherited): Uint8Array {
  const out = new ByteWriter(WHAT)
  out.varuint(inherited.size)
  for (const [client, owner] of [...inherited].sort(([a], [b]) => a - b)) {
    out.varuint(client)
    out.id(owner)
  }
  return out.finish()
}

/** Reads to the end of `input`. All must be among `documents`, which are ascending, and nobody inherits from themselves. */
export function readInherited(input: ByteReader, documents: readonly number[], author: WriterId): Inherited {
  const inherited = new Map<number, WriterId>()
  const named = new Set(documents)
  let previous = -1
  for (let left = input.some('inherited client', LEAST_BYTES); left > 0; left--) {
    const client = input.varuint()
    const owner = input.id()
    if (client <= previous) throw input.malformed(`the inherited client ${client} after ${previous}, out of order`)
    if (!named.has(client)) throw input.malformed(`the inherited client ${client}, which is not among its documents`)
    if (owner === author) throw input.malformed(`the client ${client} as inherited from its own author`)
    inherited.set(client, owner)
    previous = client
  }
  input.done()
  return inherited
}

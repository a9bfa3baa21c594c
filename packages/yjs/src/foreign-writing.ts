import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { cut, itemOf } from './foreign-update.ts'
import type { ForeignStruct } from './foreign-update.ts'
import { listIn } from './stretches.ts'
import { TEXT_KEY } from './text-key.ts'
import type { Range } from './stretches.ts'
import type { Id } from './update.ts'

/** As {@link writeStructs}, with those as one that say no more one by one: 10,000 keys that were pressed take a tenth of the bytes. */
export function writeForeign(runs: readonly (readonly ForeignStruct[])[], deletes: Iterable<Range>): Uint8Array {
  return writeStructs(runs.map(joinedRun), deletes)
}

/** Consecutive structs of each client, and what is deleted, as an update, version 1. */
export function writeStructs(runs: readonly (readonly ForeignStruct[])[], deletes: Iterable<Range>): Uint8Array {
  const encoder = new Y.UpdateEncoderV1()
  const { restEncoder } = encoder
  const written = runs.filter((run) => run.length > 0)
  encoding.writeVarUint(restEncoder, written.length)
  for (const run of written) {
    encoding.writeVarUint(restEncoder, run.length)
    encoder.writeClient(run[0]!.id.client)
    encoding.writeVarUint(restEncoder, run[0]!.id.clock)
    for (const struct of run) struct.write(encoder, 0)
  }
  const byClient = new Map<number, Range[]>()
  for (const range of deletes) listIn(byClient, range.client).push(range)
  encoding.writeVarUint(restEncoder, byClient.size)
  for (const [client, ranges] of byClient) {
    encoding.writeVarUint(restEncoder, client)
    encoding.writeVarUint(restEncoder, ranges.length)
    for (const { clock, length } of ranges) {
      encoding.writeVarUint(restEncoder, clock)
      encoding.writeVarUint(restEncoder, length)
    }
  }
  return encoder.toUint8Array()
}

/** A struct under the root `name`, if it says its root itself. */
export function rerooted<S extends ForeignStruct>(struct: S, name: string): S | Y.Item {
  if (struct instanceof Y.GC || typeof parentIn(struct) !== 'string') return struct
  const { id, origin, rightOrigin, parentSub, content } = struct
  return itemOf(id, origin, rightOrigin, name, parentSub, content)
}

/** An item between others. Who has a neighbour need not say where that is; who has none is in the root of texts. */
export function itemBetween(
  item: Pick<Y.Item, 'id' | 'parent' | 'parentSub' | 'content'>,
  left: Id | undefined,
  right: Id | undefined,
): Y.Item {
  const [origin, rightOrigin] = [left, right].map((id) => (id === undefined ? null : Y.createID(id.client, id.clock)))
  const parent = origin === null && rightOrigin === null ? (parentIn(item) ?? TEXT_KEY) : null
  return itemOf(item.id, origin!, rightOrigin!, parent, item.parentSub, item.content)
}

/** What an item that was read from an update says of where it is. */
export function parentIn(item: Pick<Y.Item, 'parent'>): string | Y.ID | null {
  // As `itemOf` writes it.
  return item.parent as string | Y.ID | null
}

function joinedRun(run: readonly ForeignStruct[]): readonly ForeignStruct[] {
  const joined: ForeignStruct[] = []
  for (let i = 0; i < run.length;) {
    const first = run[i]!
    let end = i + 1
    while (end < run.length && goesOn(run[end - 1]!, run[end]!)) end++
    joined.push(end === i + 1 ? first : whole(run.slice(i, end)))
    i = end
  }
  return joined
}

function goesOn(left: ForeignStruct, right: ForeignStruct): boolean {
  if (left instanceof Y.GC || right instanceof Y.GC) return left instanceof Y.GC && right instanceof Y.GC
  const { content, origin, rightOrigin } = right
  const isSame =
    (content instanceof Y.ContentString && left.content instanceof Y.ContentString) ||
    (content instanceof Y.ContentDeleted && left.content instanceof Y.ContentDeleted)
  if (!isSame || origin === null) return false
  const { client, clock } = left.lastId
  return origin.client === client && origin.clock === clock && Y.compareIDs(left.rightOrigin, rightOrigin)
}

function whole(parts: readonly ForeignStruct[]): ForeignStruct {
  const first = parts[0]!
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (first instanceof Y.GC) return new Y.GC(first.id, length)
  const { id, origin, rightOrigin, parentSub } = first
  const strings = parts.map((part) => (part as Y.Item).content).filter((one) => one instanceof Y.ContentString)
  const content =
    strings.length === 0 ? new Y.ContentDeleted(length) : new Y.ContentString(strings.map(({ str }) => str).join(''))
  return itemOf(id, origin, rightOrigin, parentIn(first), parentSub, content)
}

/** The structs of a client from `clock` on. They are in order and without gaps. */
export function* fromClock(structs: readonly ForeignStruct[], clock: number): Generator<ForeignStruct> {
  let [low, high] = [0, structs.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const { id, length } = structs[middle]!
    if (id.clock + length <= clock) low = middle + 1
    else high = middle
  }
  for (let i = low; i < structs.length; i++) yield cut(structs[i]!, Math.max(0, clock - structs[i]!.id.clock))
}

import type { Stamp, Value } from '@syncline/stm'
import { isSortKey } from './keys.ts'
import { INSERT, MOVE, parseList, REMOVE, SET, type Item, type ListState } from './list-state.ts'
import { Malformed, readStamps, StampTable } from './origins.ts'

/**
 * The inverse of one edit of a list. Items are named by their root: an item that was removed is put back as its next generation,
 * which has another id and the same root.
 *
 * As data they stand one after the other behind a table of stamps:
 * `INSERT, root, removed` · `MOVE, root, key, stamp` · `SET, root, value, stamp` · `REMOVE, root, key, stamp, value, stamp`.
 */
export type ListInverse =
  | { readonly kind: typeof INSERT; readonly root: string; readonly removed: Stamp | undefined }
  | { readonly kind: typeof MOVE; readonly root: string; readonly key: string; readonly keyStamp: Stamp | undefined }
  | { readonly kind: typeof SET; readonly root: string; readonly value: Value; readonly valueStamp: Stamp | undefined }
  | {
      readonly kind: typeof REMOVE
      readonly root: string
      readonly key: string
      readonly keyStamp: Stamp | undefined
      readonly value: Value
      readonly valueStamp: Stamp | undefined
    }

/** The inverse of an operation that is about to be applied; undefined when there is nothing to take back. */
export function inverseOf(before: ListState | undefined, payload: Value): Value | undefined {
  const stamps = new StampTable()
  const entries: Value[] = []
  for (const { id, key, value, remove } of parseList(payload) ?? []) {
    const item = before?.item(id)
    const { root, generation } = nameOf(id)
    if (remove) {
      if (item?.key === undefined || item.value === undefined) continue
      const { keyStamp, valueStamp } = item
      entries.push(REMOVE, root, item.key, stamps.place(keyStamp), item.value, stamps.place(valueStamp))
    } else if (item?.removed !== undefined) continue
    else if (key !== undefined && value !== undefined) {
      const earlier = generation === 0 ? undefined : before?.item(idOf(root, generation - 1))
      entries.push(INSERT, root, stamps.place(earlier?.removed))
    } else if (key !== undefined && item?.key !== undefined) {
      entries.push(MOVE, root, item.key, stamps.place(item.keyStamp))
    } else if (value !== undefined && item?.value !== undefined) {
      entries.push(SET, root, item.value, stamps.place(item.valueStamp))
    }
  }
  return entries.length === 0 ? undefined : [stamps.data, ...entries]
}

/** The inverses in data; throws {@link Malformed} when there are none. */
export function readInverses(data: Value): readonly ListInverse[] {
  if (!Array.isArray(data)) throw new Malformed()
  const values = data as readonly Value[]
  const stampAt = readStamps(values[0])
  const inverses: ListInverse[] = []
  for (let i = 1; i < values.length;) {
    const kind = values[i]
    const root = values[i + 1]
    const third = values[i + 2]
    if (typeof root !== 'string' || third === undefined) throw new Malformed()
    switch (kind) {
      case INSERT:
        inverses.push({ kind, root, removed: stampAt(third) })
        i += 3
        break
      case MOVE:
        if (!isSortKey(third)) throw new Malformed()
        inverses.push({ kind, root, key: third, keyStamp: stampAt(values[i + 3]) })
        i += 4
        break
      case SET:
        inverses.push({ kind, root, value: third, valueStamp: stampAt(values[i + 3]) })
        i += 4
        break
      case REMOVE: {
        const value = values[i + 4]
        if (!isSortKey(third) || value === undefined) throw new Malformed()
        const [keyStamp, valueStamp] = [stampAt(values[i + 3]), stampAt(values[i + 5])]
        inverses.push({ kind, root, key: third, keyStamp, value, valueStamp })
        i += 6
        break
      }
      default:
        throw new Malformed()
    }
  }
  return inverses
}

/** The newest generation of an item. */
export function newestOf(
  state: ListState | undefined,
  root: string,
): { readonly item: Item | undefined; readonly generation: number } {
  let generation = 0
  let item = state?.item(root)
  for (let next = item; state !== undefined; item = next) {
    next = state.item(idOf(root, generation + 1))
    if (next === undefined) break
    generation += 1
  }
  return { item, generation }
}

/** The id of a generation. Whoever puts an item back at the same time gives it the same one, so it is back once. */
export function idOf(root: string, generation: number): string {
  return generation === 0 ? root : `${root}~${generation}`
}

function nameOf(id: string): { readonly root: string; readonly generation: number } {
  const match = /^(.*)~([1-9][0-9]{0,14})$/s.exec(id)
  return match === null ? { root: id, generation: 0 } : { root: match[1]!, generation: Number(match[2]) }
}

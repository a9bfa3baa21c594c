import { equalValues, setKey, toValue, type Stamp, type Value } from '@syncline/stm'
import type { Field, Parts } from './fields.ts'
import { nodeEntryData, REMOVE_AT, SET_AT, treeOf, writtenAll, type NodeWrite } from './json-tree.ts'
import { checkUnversioned, isObject, type Registers } from './lens.ts'

/**
 * A field of nested data, whose objects merge key by key at any depth: who changes one key keeps what others change beside it. It reads
 * `initial` until it is written. Arrays and everything else are whole: of two concurrent writes the later stands.
 *
 * Write it as any other field, with a whole new value: what is stored and sent are the paths at which that differs. Objects and
 * arrays may be 64 levels deep, the record included; a deeper one is `StmError` `invalid-value`. A key that was removed keeps a stamp until
 * something above it is written as a whole. Cost of a write: a walk over the value, and the keys beside each that changed.
 *
 * @example
 * import { json, record } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const prefs = record('prefs', { editor: json({ font: { size: 12, family: 'serif' }, tabs: ['notes'] }) })
 * const store = await openStore({ space: 'me' })
 * const { change } = store.transact((tx) =>
 *   tx.update(prefs, ({ editor }) => ({ editor: { ...editor, font: { ...editor.font, size: 14 } } })),
 * )
 * expect(store.get(prefs).editor).toEqual({ font: { size: 14, family: 'serif' }, tabs: ['notes'] })
 * await store.close()
 */
export function json<T>(initial: T): Field<T, 'data'> {
  const where = 'The initial value of a field'
  return Object.freeze<Field<T, 'data'>>({
    field: 'data',
    initial: checkUnversioned(toValue(initial, where), where),
    parts,
  })
}

/** The code that an app which declares such a field downloads. Everybody folds what it writes. */
const parts: Parts = {
  entries(name, before, after, under) {
    if (!isObject(before) || !isObject(after)) return undefined
    const entries: Value[] = []
    compare(before, after, under, (write) => entries.push(write.kind, name, nodeEntryData(write)))
    return entries
  },
  merged(now, base, mine) {
    if (!isObject(base) || !isObject(mine)) return mine
    const writes: NodeWrite[] = []
    compare(base, mine, [], (write) => {
      // What others have removed need not be removed, nor what is around it made again for that.
      if (write.kind === SET_AT || isIn(now, write.path)) writes.push({ ...write, stamp: NOW })
    })
    const [first, ...others] = writes
    const tree = treeOf(now, NOW)
    return first === undefined ? now! : writtenAll(tree, [first, ...others]).read(undefined)!
  },
  over(initial, parts) {
    if (!isObject(initial) || !isObject(parts)) return parts
    const made: Record<string, Value> = { ...initial }
    for (const [key, value] of Object.entries(parts)) {
      setKey(made, key, Object.hasOwn(initial, key) ? this.over(initial[key], value) : value)
    }
    return Object.freeze(made)
  },
}

/** Tells each path, below `path`, at which two objects differ and nothing above it does. */
function compare(before: Registers, after: Registers, path: readonly string[], tell: (write: PartWrite) => void): void {
  let known = 0
  for (const key of Object.keys(after)) {
    const isKnown = Object.hasOwn(before, key)
    if (isKnown) known += 1
    const value = after[key]!
    const old = isKnown ? before[key] : undefined
    if (old === value) continue
    if (isObject(old) && isObject(value)) compare(old, value, [...path, key], tell)
    else if (!equalValues(old, value)) tell({ kind: SET_AT, value, path: [...path, key] })
  }
  const keys = Object.keys(before)
  if (keys.length === known) return
  for (const key of keys) {
    if (!Object.hasOwn(after, key)) tell({ kind: REMOVE_AT, value: undefined, path: [...path, key] })
  }
}

/** Parts with the stamp of the whole count. */
const NOW: Stamp = { at: 0, writer: '' }

function isIn(value: Value | undefined, path: readonly string[]): boolean {
  return path.every((key) => {
    const isThere = isObject(value) && Object.hasOwn(value, key)
    if (isThere) value = (value as Registers)[key]
    return isThere
  })
}

type PartWrite = Omit<NodeWrite, 'stamp'>

import { equalValues, StmError, type Readable, type Ref, type Snapshot, type Tx } from '@syncline/stm'
import type { PlainStore } from '@syncline/store'
import type { StoreApi } from 'zustand/vanilla'
import { ZustandBindingError } from './errors.ts'
import type { CompleteOf, Shape, StateOf, WritableOf } from './shape.ts'

/** A zustand `StoreApi` whose state is made of the refs, collections and lists of a shape. */
export interface ShapeApi<S extends Shape> extends Omit<StoreApi<StateOf<S>>, 'setState'> {
  /**
   * Writes what differs from the state, in one transaction, by the smallest writes that each ref takes: what others do to the rest at the same
   * time counts. Throws `ZustandBindingError`, or what `tx.merge` and `tx.set` throw; then nothing happened.
   */
  setState(partial: Partial<WritableOf<S>> | ((state: StateOf<S>) => Partial<WritableOf<S>>), replace?: false): void
  setState(state: CompleteOf<S> | ((state: StateOf<S>) => CompleteOf<S>), replace: true): void
}

/**
 * A part of a store as a zustand `StoreApi`: a plain state object, for zustand's `useStore` and whatever else takes one.
 *
 * The state is the same object until something in the shape changes, whoever changed it; the values that did not change stay
 * the same too. `setState` writes what differs, in one transaction, with `tx.merge` where a ref takes it and else with `tx.set`: what was
 * added to a counter, of a record the fields, of a list the items. Equal values write nothing and call nobody. Make it once, outside of components. It holds nothing open: only its listeners are subscriptions of the store.
 *
 * Cost: `getState` reads each key once after each commit; a listener is called for commits that touch the shape.
 *
 * @example
 * import { lww } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const store = await openStore({ space: 'board' })
 * const board = storeApi(store, { title: lww('title', 'Untitled'), zoom: lww('zoom', 1) })
 * board.setState((state) => ({ zoom: state.zoom * 2 }))
 * expect(board.getState()).toEqual({ title: 'Untitled', zoom: 2 })
 * await store.close()
 */
export function storeApi<S extends Shape>(
  store: Pick<PlainStore, 'snapshot' | 'changes' | 'transact'>,
  shape: S,
): ShapeApi<S> {
  const readables = new Map<string, Readable<unknown>>(Object.entries(shape))
  /** Held weakly: a state that is old must not keep all that was old. */
  let seen: WeakRef<Snapshot> | undefined
  let state: Record<string, unknown> = {}
  /** What `diff3` refs have read, so that a reading that comes back is not taken for a value that looks like one. */
  const readings = new WeakSet<Diff3Reading>()

  function newest(): Record<string, unknown> {
    const snapshot = store.snapshot
    if (snapshot === seen?.deref()) return state
    const next = Object.fromEntries([...readables].map(([key, readable]) => [key, snapshot.get(readable)]))
    for (const [key, readable] of readables) if (isDiff3(readable)) readings.add(next[key] as Diff3Reading)
    const isFirst = seen === undefined
    if (isFirst || Object.keys(next).some((key) => !Object.is(next[key], state[key]))) state = next
    seen = new WeakRef(snapshot)
    return state
  }

  function setState(partial: unknown, replace = false): void {
    const current = newest()
    const wanted: unknown = typeof partial === 'function' ? partial(current) : partial
    const next = checkState(wanted)
    if (replace) checkComplete(next)
    const writes = Object.keys(next).flatMap((key) => writeOf(key, next[key], current))
    store.transact((tx) => {
      for (const { ref, base, value } of writes) {
        if (!isMerged(tx, ref, base, value)) tx.set(ref, value)
      }
    })
  }

  function checkComplete(next: Readonly<Record<string, unknown>>): void {
    const missing = [...readables.keys()].filter(
      (key) => readables.get(key)?.kind === 'ref' && !Object.hasOwn(next, key),
    )
    if (missing.length === 0) return
    throw new ZustandBindingError(
      'missing-key',
      `setState(…, true) leaves out ${missing.map((key) => JSON.stringify(key)).join(', ')}, but what a shape names cannot be ` +
        'taken away. Name every key, or leave out `replace` to write some of them.',
    )
  }

  function writeOf(key: string, value: unknown, current: Readonly<Record<string, unknown>>): readonly Write[] {
    const readable = readables.get(key)
    if (readable === undefined) {
      throw new ZustandBindingError(
        'unknown-key',
        `setState names ${JSON.stringify(key)}, which the shape does not have: it has ${[...readables.keys()].join(', ')}. ` +
          'Add a ref under this key to the shape, or keep what is not shared in a zustand store of its own.',
      )
    }
    if (Object.is(value, current[key])) return []
    // `kind` tells a ref from the two others, which the type of a shape leaves open.
    if (readable.kind === 'ref')
      return [{ ref: readable as Write['ref'], base: asWritten(current[key]), value: asWritten(value) }]
    if (equalValues(value, current[key])) return []
    throw new ZustandBindingError(
      'read-only',
      `setState would replace ${JSON.stringify(key)}, the ids of a ${readable.kind}, which follow from its members. ` +
        'Create, delete and move members in store.transact().',
    )
  }

  /** Of a reading of a `diff3` ref its value, which is what the ref is written as. */
  function asWritten(value: unknown): unknown {
    return readings.has(value as Diff3Reading) ? (value as Diff3Reading).value : value
  }

  const initial = newest()
  // The state is built from the shape key by key, which the type of Object.fromEntries cannot say.
  const getState = newest as () => StateOf<S>
  return {
    getState,
    getInitialState: () => initial as StateOf<S>,
    setState,
    subscribe(listener) {
      let told = getState()
      return store.changes([...readables.values()], () => {
        const previous = told
        told = getState()
        if (told !== previous) listener(told, previous)
      })
    },
  }
}

/** A `diff3` ref reads as its value with the conflicts in it. */
interface Diff3Reading {
  readonly value: unknown
}

/** The tag is the only sign: the class of refs is the same for all. */
const isDiff3 = (readable: Readable<unknown>): boolean => readable.kind === 'ref' && readable.key.startsWith('diff3 ')

interface Write {
  readonly ref: Ref<unknown, { set: unknown; merge: unknown }>
  readonly base: unknown
  readonly value: unknown
}

/** Merges a value into a ref whose policy can; false when it has no `merge`. */
function isMerged(tx: Tx, ref: Write['ref'], base: unknown, value: unknown): boolean {
  try {
    tx.merge(ref, base, value)
    return true
  } catch (error) {
    if (error instanceof StmError && error.code === 'invalid-write') return false
    throw error
  }
}

function checkState(wanted: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof wanted === 'object' && wanted !== null && !Array.isArray(wanted) && !('then' in wanted)
  // An object is read by its own keys, each of which is checked.
  if (isObject) return wanted as Readonly<Record<string, unknown>>
  const what =
    typeof wanted === 'object' && wanted !== null ? (Array.isArray(wanted) ? 'an array' : 'a promise') : String(wanted)
  throw new ZustandBindingError(
    'invalid-state',
    `setState takes an object with some of the keys of the shape, or a function that returns one at once; it got ${what}. ` +
      'Await what you need first, then call setState.',
  )
}

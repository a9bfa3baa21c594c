import { equalValues, noting, type Readable, type Snapshot } from '@syncline/stm'
import type { Presence, PlainStore, PresenceState, Undone, UndoStack } from '@syncline/store'
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'

/** Something outside of React that has a value now, the same one until it changes, and tells when it may have. */
export interface Source<T> {
  read(): T
  subscribe(onChange: () => void): () => void
}

/** Who is here, and the way to say something of ourselves. The same object until somebody changes. */
export interface PresenceNow {
  /** This session's own id among the peers. */
  readonly self: number
  /** Everybody who is here, ourselves included, by session. */
  readonly peers: ReadonlyMap<number, PresenceState>
  /** Merges `patch` into our own state and tells the others. The same function in every render. */
  readonly set: (patch: PresenceState) => void
}

/** What can be undone and redone, and the ways to do it. The same object until that changes. */
export interface UndoNow {
  readonly canUndo: boolean
  readonly canRedo: boolean
  /** Whether one is under way: it waits for its turn, or for whoever decides about it. */
  readonly isWaiting: boolean
  /** Takes back the newest step on local refs. The same function in every render. */
  readonly undo: () => Undone
  /** Does again what was undone last. The same function in every render. */
  readonly redo: () => Undone
  /** Takes back the newest step, whoever decides about it. The same function in every render. */
  readonly undoAsync: () => Promise<Undone>
  /** Does again what was undone last, whoever decides about it. The same function in every render. */
  readonly redoAsync: () => Promise<Undone>
}

export function identity<T>(value: T): T {
  return value
}

/**
 * What `selector` makes of a source; renders again when, and only when, that changed.
 *
 * A selector made anew in each render is called in each render, and its result is the old one where `equal` says so: it
 * causes no rendering of its own, also when it makes a new object each time. The method is that of React's
 * `use-sync-external-store/with-selector`.
 */
export function useSelected<S, T>(source: Source<S>, selector: (value: S) => T, equal: (a: T, b: T) => boolean): T {
  const shown = useRef<Shown<T>>(undefined)
  // The ref is read in renders, as in React's own hook: only to keep the identity of a value that equals the new one.
  // oxlint-disable-next-line react/refs
  const read = useMemo(() => reading(source, selector, equal, shown), [source, selector, equal])
  const value = useSyncExternalStore(source.subscribe, read, read)
  // Only what was really shown counts as the old value: React may throw a render away.
  useEffect(() => {
    shown.current = { value }
  }, [value])
  return value
}

type Shown<T> = { readonly value: T } | undefined

/** Reads one selector: the same result for the same input, and the result that is on the screen while it equals the new one. */
function reading<S, T>(
  source: Source<S>,
  selector: (value: S) => T,
  equal: (a: T, b: T) => boolean,
  shown: { readonly current: Shown<T> },
): () => T {
  let last: { readonly from: S; readonly value: T } | undefined
  return () => {
    const from = source.read()
    if (last !== undefined && Object.is(last.from, from)) return last.value
    const value = selector(from)
    const before = last ?? shown.current
    last = { from, value: before !== undefined && equal(before.value, value) ? before.value : value }
    return last.value
  }
}

/** The value of one readable. */
export function valueOf(store: PlainStore, readable: Readable<unknown>, everyMs: number | undefined): Source<unknown> {
  if (everyMs !== undefined) return watched(store, (snapshot) => snapshot.get(readable), everyMs)
  return { read: () => store.get(readable), subscribe: (onChange) => store.changes(readable, onChange) }
}

/** What a selector read from a Snapshot: of each readable, by its key, what it was. */
type Reads = ReadonlyMap<string, { readonly readable: Readable<unknown>; readonly value: unknown }>

/**
 * A selector over the whole Snapshot, which runs again only when something that it read reads differently. With `everyMs` it is, while
 * somebody is subscribed, as if the store changed only so often.
 */
export function watched<T>(store: PlainStore, selector: (snapshot: Snapshot) => T, everyMs?: number): Source<T> {
  let result: T
  let reads: Reads | undefined
  /** The Snapshot of the result. Held weakly: a component that shows something old must not keep all that was old. */
  let ranOn: WeakRef<Snapshot> | undefined
  let subscription: { readonly onChange: () => void; reads: Reads | undefined; stop(): void } | undefined
  /** What a throttled subscription was told of and the selector has not seen. */
  let told: Snapshot | undefined

  function run(snapshot: Snapshot): void {
    const seen = new Map<string, { readonly readable: Readable<unknown>; readonly value: unknown }>()
    try {
      result = selector(noting(snapshot, (readable, value) => seen.set(readable.key, { readable, value })))
      ranOn = new WeakRef(snapshot)
    } finally {
      // What was read before a throw is watched too: a change of it may mend the selector.
      reads = seen
      watch()
    }
  }

  function isCurrent(now: Snapshot): boolean {
    if (ranOn === undefined || reads === undefined) return false
    if (ranOn.deref() === now) return true
    for (const { readable, value } of reads.values()) if (!equalValues(now.get(readable), value)) return false
    ranOn = new WeakRef(now)
    return true
  }

  function watch(): void {
    if (subscription === undefined || reads === undefined || sameKeys(subscription.reads, reads)) return
    subscription.stop()
    subscription.reads = reads
    const { onChange } = subscription
    const readables = [...reads.values()].map(({ readable }) => readable)
    subscription.stop = store.changes(
      readables,
      ({ now }) => {
        if (everyMs !== undefined) told = now
        onChange()
      },
      { every: everyMs },
    )
  }

  return {
    read() {
      if (everyMs === undefined || subscription === undefined) {
        if (!isCurrent(store.snapshot)) run(store.snapshot)
      } else if (told !== undefined) {
        run(told)
        told = undefined
      }
      return result
    },
    subscribe(onChange) {
      if (!isCurrent(store.snapshot)) run(store.snapshot)
      const own: typeof subscription = { onChange, reads: undefined, stop: () => undefined }
      subscription = own
      watch()
      return () => {
        own.stop()
        if (subscription === own) subscription = undefined
      }
    },
  }
}

function sameKeys(a: Reads | undefined, b: Reads): boolean {
  if (a?.size !== b.size) return false
  for (const key of b.keys()) if (!a.has(key)) return false
  return true
}

/** Who is here, as one object that stays the same until somebody changes. */
export function presenceOf(presence: Presence): Source<PresenceNow> {
  const set = (patch: PresenceState): void => presence.set(patch)
  let now: PresenceNow | undefined
  return {
    read() {
      const peers = presence.peers()
      if (now?.peers !== peers) now = { self: presence.self, peers, set }
      return now
    },
    subscribe: (onChange) => presence.subscribe(onChange),
  }
}

/** What can be undone and redone, as one object that stays the same until that changes. */
export function undoOf(stack: UndoStack): Source<UndoNow> {
  // Without arguments: a button would give them its event.
  const acts = {
    undo: () => stack.undo(),
    redo: () => stack.redo(),
    undoAsync: () => stack.undoAsync(),
    redoAsync: () => stack.redoAsync(),
  }
  let now: UndoNow | undefined
  return {
    read() {
      const { undoable: canUndo, redoable: canRedo, isWaiting } = stack
      if (now?.canUndo !== canUndo || now.canRedo !== canRedo || now.isWaiting !== isWaiting) {
        now = { canUndo, canRedo, isWaiting, ...acts }
      }
      return now
    },
    subscribe: (onChange) => stack.onChange(onChange),
  }
}

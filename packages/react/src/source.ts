import type { Snapshot } from '@syncline/stm'
import type { Presence, PresenceState, Store, Watch } from '@syncline/store'
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

/** A selector over the whole snapshot. Once somebody subscribed, it runs again only when something that it read has changed. */
export function watched<T>(store: Store, selector: (snapshot: Snapshot) => T): Source<T> {
  let seen: Snapshot | undefined
  let result: T
  let watch: Watch<T> | undefined

  /** The first run of a watch only learns what there is to watch: while nothing was committed, the rendered result stands. */
  function run(snapshot: Snapshot): T {
    const next = selector(snapshot)
    if (seen !== store.snapshot) {
      seen = store.snapshot
      result = next
    }
    return result
  }

  return {
    read() {
      if (watch !== undefined) return watch.read()
      return seen === store.snapshot ? result : run(store.snapshot)
    },
    subscribe(onChange) {
      const own = store.watch(run, onChange)
      try {
        own.read()
      } catch (error) {
        own.stop()
        throw error
      }
      watch = own
      return () => {
        own.stop()
        if (watch === own) watch = undefined
      }
    },
  }
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

import type { EventPlan, Kernel } from './kernel.ts'

/** One run of a party, from its start to its end: what it waits for comes only while it lives, and while it is frozen it waits. */
export interface Life {
  readonly party: string
  isOver(): boolean
  isFrozen(): boolean
  /** Makes an event that happens to this party. */
  plan(event: Omit<EventPlan, 'party'>): () => void
  /** As `plan`, of what others do for it: it happens also while this party is frozen. */
  planUnfrozen(event: Omit<EventPlan, 'party'>): () => void
  /** Something that has happened to it in an event of another party: it hears of it now, or when it is thawed. */
  hear(run: () => void): void
  /** Calls `fn` when it ends; at once, when it has. Returns a function that prevents it: until then the party holds `what`. */
  onEnd(fn: () => void, what: string): () => void
  /** What it holds: whatever it has taken, opened, set or listens to, and not given back. */
  holds(): readonly string[]
  /** Ends it without a word: nothing happens to it any more. */
  end(): void
  /** From now on whatever happens to it waits; `onWaits` hears of the first. */
  freeze(onWaits?: () => void): void
  /** What has waited happens, in order, before anything new. */
  thaw(): void
}

export function beginLife(kernel: Kernel, party: string): Life {
  const ends = new Map<() => void, string>()
  /** What has happened while it was frozen. */
  let parked: (() => void)[] = []
  /** Timers that are set. */
  let timers = 0
  let isOver = false
  let isFrozen = false
  let onWaits: (() => void) | undefined

  function happen(run: () => void): void {
    if (isOver) return
    if (isFrozen) {
      onWaits?.()
      onWaits = undefined
    }
    if (isFrozen || parked.length > 0) parked.push(run)
    else run()
  }

  function catchUp(): void {
    if (isOver || isFrozen || parked.length === 0) return
    kernel.plan({
      party,
      kind: 'news',
      label: 'what has waited',
      run() {
        if (isOver || isFrozen) return
        parked.shift()?.()
        catchUp()
      },
    })
  }

  function planOwn(event: Omit<EventPlan, 'party'>, run: () => void): () => void {
    const { kind, label, channel, from, bytes, inMs } = event
    return kernel.plan({ party, kind, label, channel, from, bytes, inMs, run })
  }

  return {
    party,
    isOver: () => isOver,
    isFrozen: () => isFrozen,
    plan(event) {
      if (isOver) return () => undefined
      let isOpen = true
      const isTimer = event.kind === 'timer'
      if (isTimer) timers += 1
      const close = (): void => {
        if (isTimer && isOpen) timers -= 1
        isOpen = false
      }
      const run = (): void => {
        // Also what has happened can be prevented, as long as it waits.
        if (!isOpen) return
        close()
        event.run()
      }
      const prevent = planOwn(event, () => happen(run))
      return () => {
        close()
        prevent()
      }
    },
    planUnfrozen: (event) =>
      isOver
        ? () => undefined
        : planOwn(event, () => {
            if (!isOver) event.run()
          }),
    hear: happen,
    onEnd(fn, what) {
      if (isOver) {
        fn()
        return () => undefined
      }
      // A function of its own: the same one may be given twice.
      const own = (): void => fn()
      ends.set(own, what)
      return () => ends.delete(own)
    },
    holds: () => [...ends.values(), ...Array.from({ length: timers }, () => 'timer')],
    end() {
      if (isOver) return
      isOver = true
      parked = []
      for (const fn of [...ends.keys()]) fn()
      ends.clear()
    },
    freeze(heard) {
      isFrozen = true
      onWaits = heard
    },
    thaw() {
      if (!isFrozen) return
      isFrozen = false
      catchUp()
    },
  }
}

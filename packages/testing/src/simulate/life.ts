import type { EventPlan, Kernel } from './kernel.ts'

/** One run of a party, from its start to its end: what it waits for comes only while it lives, and while it is frozen it waits. */
export interface Life {
  readonly party: string
  readonly isOver: boolean
  readonly isFrozen: boolean
  /** Makes an event that happens to this party. */
  plan(event: Omit<EventPlan, 'party'>): () => void
  /** As `plan`, of what others do for it: it happens also while this party is frozen. */
  planUnfrozen(event: Omit<EventPlan, 'party'>): () => void
  /** Something that has happened to it in an event of another party: it hears of it now, or when it is thawed. */
  hear(run: () => void): void
  /** Calls `fn` when it ends; at once, when it has. Returns a function that prevents it. */
  onEnd(fn: () => void): () => void
  /** Ends it without a word: nothing happens to it any more. */
  end(): void
  /** From now on whatever happens to it waits. */
  freeze(): void
  /** What has waited happens, in order, before anything new. */
  thaw(): void
}

export function beginLife(kernel: Kernel, party: string): Life {
  const ends = new Set<() => void>()
  /** What has happened while it was frozen. */
  let parked: (() => void)[] = []
  let isOver = false
  let isFrozen = false

  function happen(run: () => void): void {
    if (isOver) return
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
    get isOver() {
      return isOver
    },
    get isFrozen() {
      return isFrozen
    },
    plan(event) {
      if (isOver) return () => undefined
      let isPrevented = false
      const run = (): void => {
        // Also what has happened can be prevented, as long as it waits.
        if (!isPrevented) event.run()
      }
      const prevent = planOwn(event, () => happen(run))
      return () => {
        isPrevented = true
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
    onEnd(fn) {
      if (isOver) {
        fn()
        return () => undefined
      }
      // A function of its own: the same one may be given twice.
      const own = (): void => fn()
      ends.add(own)
      return () => ends.delete(own)
    },
    end() {
      if (isOver) return
      isOver = true
      parked = []
      for (const fn of [...ends]) fn()
      ends.clear()
    },
    freeze() {
      isFrozen = true
    },
    thaw() {
      if (!isFrozen) return
      isFrozen = false
      catchUp()
    },
  }
}

import type { CellKey, Change, Snapshot } from '@syncline/stm'
import type { Report } from './report.ts'
import type { Selection } from './selection.ts'

/** One commit, as it is told. */
export interface Told {
  /** 1, 2, 3 … in commit order. */
  readonly number: number
  readonly changed: ReadonlySet<CellKey>
  readonly before: Snapshot
  readonly now: Snapshot
  readonly applied: readonly Applied[]
}

/** A Change that has become visible, and whether it was committed in this store. */
export interface Applied {
  readonly change: Change
  readonly isLocal: boolean
}

/** So many Changes are kept for a report that waits. */
const MOST_CHANGES = 64

/** What has happened since the last report. It holds one Snapshot, however long it waits. */
interface Gathered {
  readonly before: Snapshot
  /** Undefined: it may be any cell. */
  readonly touched: Set<CellKey> | undefined
  changes: Change[] | undefined
  isLocal: boolean
  isRemote: boolean
}

/** What one subscriber has not been told yet. */
export interface Subscriber {
  /** Whether there may be something to tell. */
  readonly isBehind: boolean
  /** Takes note of a commit that touched what is selected. */
  hear(told: Told): void
  /**
   * The report of all that has been heard, up to `now`; undefined when what is selected reads as it did. Throws what a selector throws, and
   * then there is as much to tell as before.
   */
  take(now: Snapshot): Report<unknown> | undefined
  /**
   * The same of one commit that is told alone, when there is nothing else to tell. What a selector throws leaves it behind by this commit.
   */
  reportOf(told: Told): Report<unknown> | undefined
}

/** Makes a subscriber that knows what its selection reads in `start`, or in `from`, of which it is then behind. */
export function createSubscriber(selection: Selection, start: Snapshot, from: Snapshot | undefined): Subscriber {
  let gathered: Gathered | undefined
  if (from === undefined) {
    selection.begin(start)
  } else {
    selection.begin(from)
    gathered = { before: from, touched: undefined, changes: undefined, isLocal: true, isRemote: true }
  }

  function hear({ changed, before, applied }: Told): void {
    gathered ??= { before, touched: new Set(), changes: [], isLocal: false, isRemote: false }
    if (gathered.touched !== undefined) selection.note(changed, gathered.touched)
    for (const { change, isLocal } of applied) {
      gathered.changes?.push(change)
      if (isLocal) gathered.isLocal = true
      else gathered.isRemote = true
    }
    if (gathered.changes !== undefined && gathered.changes.length > MOST_CHANGES) gathered.changes = undefined
  }

  function take(now: Snapshot): Report<unknown> | undefined {
    if (gathered === undefined) return undefined
    const { before, touched, changes, isLocal, isRemote } = gathered
    const hasMoved = selection.moved(before, now, touched)
    gathered = undefined
    if (!hasMoved) return undefined
    return reportOf(before, now, selection.value(now), changes, originOf(isLocal, isRemote))
  }

  return {
    get isBehind() {
      return gathered !== undefined
    },
    hear,
    take,
    reportOf(told) {
      const { before, now, applied } = told
      const [only] = applied
      if (selection.only === undefined || applied.length !== 1) {
        hear(told)
        return take(now)
      }
      const read = selection.only(before, now)
      return read && reportOf(before, now, read, [only!.change], only!.isLocal ? 'local' : 'remote')
    },
  }
}

/** The first report of `initial`. */
export function initialReport(selection: Selection, from: Snapshot | undefined, now: Snapshot): Report<unknown> {
  return reportOf(from ?? now, now, selection.value(now), from === undefined ? [] : undefined, undefined)
}

/** The value is read when somebody asks: many only want to know that something has changed. */
function reportOf(
  before: Snapshot,
  now: Snapshot,
  read: () => unknown,
  changes: readonly Change[] | undefined,
  origin: Report<unknown>['origin'],
): Report<unknown> {
  return {
    get value() {
      return read()
    },
    before,
    now,
    changes,
    origin,
  }
}

function originOf(isLocal: boolean, isRemote: boolean): Report<unknown>['origin'] {
  if (isLocal === isRemote) return undefined
  return isLocal ? 'local' : 'remote'
}

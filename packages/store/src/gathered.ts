import { keepShape, type CellKey, type Change, type Snapshot } from '@syncline/stm'
import type { Report } from './report.ts'
import type { Selection } from './selection.ts'

/** One commit, as it is told. */
export interface Told {
  /** 1, 2, 3 … in commit order. */
  readonly number: number
  readonly changed: ReadonlySet<CellKey>
  readonly before: Snapshot
  readonly now: Snapshot
  readonly changes: readonly Change[]
  readonly origin: Report<unknown>['origin']
}

/** So many Changes are kept for a report that waits. */
export const MOST_CHANGES = 64

/** What a subscriber has heard since its last report. It holds one Snapshot, however long it waits. */
export class Gathered {
  readonly #before: Snapshot
  /** Undefined: it may be any cell. */
  readonly #touched: Set<CellKey> | undefined
  #changes: Change[] | undefined
  #origin: Report<unknown>['origin'] | 'none' = 'none'

  private constructor(before: Snapshot, touched: Set<CellKey> | undefined, changes: Change[] | undefined) {
    this.#before = before
    this.#touched = touched
    this.#changes = changes
  }

  /** Whatever has happened since a Snapshot, which nobody has counted. */
  static since(from: Snapshot): Gathered {
    const gathered = new Gathered(from, undefined, undefined)
    gathered.#origin = undefined
    return gathered
  }

  /** Nothing yet. */
  static from(before: Snapshot): Gathered {
    return new Gathered(before, new Set(), [])
  }

  /** Takes note of a commit that touched what is selected. */
  add({ changed, changes, origin }: Told, selection: Selection): void {
    if (this.#touched !== undefined) selection.note(changed, this.#touched)
    if (changes.length === 0) return
    this.#origin = this.#origin === 'none' || this.#origin === origin ? origin : undefined
    this.#changes?.push(...changes)
    if (this.#changes !== undefined && this.#changes.length > MOST_CHANGES) this.#changes = undefined
  }

  /** The report of all that has been heard, up to `now`; undefined when what is selected reads as it did. Throws what a selector throws. */
  report(selection: Selection, now: Snapshot): Report<unknown> | undefined {
    if (!selection.moved(this.#before, now, this.#touched)) return undefined
    const origin = this.#origin === 'none' ? undefined : this.#origin
    return new LaterReport(this.#before, now, selection.value(now), this.#changes, origin)
  }
}

/** The first report of `initial`. */
export function initialReport(selection: Selection, from: Snapshot | undefined, now: Snapshot): Report<unknown> {
  return new LaterReport(from ?? now, now, selection.value(now), from === undefined ? [] : undefined, undefined)
}

/** The value is read when somebody asks: many only want to know that something has changed. */
class LaterReport implements Report<unknown> {
  readonly before: Snapshot
  readonly now: Snapshot
  readonly changes: readonly Change[] | undefined
  readonly origin: Report<unknown>['origin']
  readonly #read: () => unknown

  constructor(
    before: Snapshot,
    now: Snapshot,
    read: () => unknown,
    changes: readonly Change[] | undefined,
    origin: Report<unknown>['origin'],
  ) {
    this.before = before
    this.now = now
    this.changes = changes
    this.origin = origin
    this.#read = read
  }

  get value(): unknown {
    return this.#read()
  }
}

// What it is given is never looked at.
keepShape(Gathered.from(undefined as never))
keepShape(new LaterReport(undefined as never, undefined as never, () => undefined, undefined, undefined))

import type { Follower, Hearer, Snapshot } from '@syncline/stm'
import { Gathered, initialReport, MOST_CHANGES, type Told } from './gathered.ts'
import type { Pace, Paced } from './pace.ts'
import type { ChangesOptions, Report, Selector } from './report.ts'
import { selectionOf, unchanged, type Selection } from './selection.ts'

/** Where the reports of a subscription go: to a listener, or to whoever asks an iterator. */
export interface Sink {
  /** Whether it takes a report now. */
  isReady(): boolean
  give(report: Report<unknown>): void
  end(): void
}

/** What subscriptions need of the watching they belong to. */
export interface SubscriptionSide {
  /** The number of the last commit that the present state has as a whole. */
  number(): number
  /** Whether the present state also has a part of the next commit, which is under way. */
  isAhead(): boolean
  follow(hearer: Hearer<Told>): Follower
  /** The newest Snapshot that everybody was told of. */
  present(): Snapshot
  nowMs(): number
  /** It watches other cells from now on. */
  onKeys(subscription: Subscription): void
  onEnd(subscription: Subscription): void
  report(error: unknown): void
}

/**
 * A subscription that begins with the present state, `start`. Making one throws what a selector throws, and has then left nothing behind. It
 * must not go on holding `start` or `from`: a Snapshot keeps alive what was overwritten after it.
 *
 * A class with little in it, because there are thousands, and each commit goes to one that nobody has looked at for long.
 */
export class Subscription {
  /** The number of the last commit that it heard of. */
  heard: number
  readonly #selection: Selection
  readonly #sink: Sink
  readonly #side: SubscriptionSide
  readonly #follower: Follower
  /** What it has heard and not told. */
  #gathered: Gathered | undefined
  #keys: Selection['keys'] | undefined
  #isOver = false
  #isFirst: boolean
  /** A first report that tells what is there. */
  #owed: { readonly from: Snapshot | undefined } | undefined
  /** Where the first report goes on from when the commit it tells of had begun before. */
  #began: Snapshot | undefined
  readonly #paced: PacedBy | undefined
  readonly #stopSignal: (() => void) | undefined

  constructor(
    selector: Selector,
    { from, initial = false, signal }: ChangesOptions,
    start: Snapshot,
    sink: Sink,
    side: SubscriptionSide,
    paceOf: () => Pace | undefined,
  ) {
    const selection = selectionOf(selector)
    selection.begin(from ?? start)
    const pace = paceOf()
    this.heard = side.number()
    this.#selection = selection
    this.#sink = sink
    this.#side = side
    this.#gathered = from && Gathered.since(from)
    this.#isFirst = initial || from !== undefined
    this.#owed = initial ? { from } : undefined
    this.#began = side.isAhead() ? start : undefined
    this.#follower = side.follow(this)
    this.#watchWhatItReads()
    if (signal !== undefined) {
      const end = (): void => this.end()
      signal.addEventListener('abort', end, { once: true })
      this.#stopSignal = () => signal.removeEventListener('abort', end)
    }
    if (pace !== undefined) {
      const paced: Paced = { toldMs: -Infinity, take: (now) => this.#takePaced(now) }
      this.#paced = { pace, paced }
      pace.join(paced)
    }
  }

  /** A commit that touched what is selected is told. */
  hear(told: Told): void {
    // What was committed before the watching began is known already, though it is told only now.
    if (this.#isOver || told.number <= this.heard) return
    this.heard = told.number
    if (this.#isPlain(told)) {
      this.#tellAtOnce(told)
      return
    }
    this.#gathered ??= Gathered.from(this.#began ?? told.before)
    this.#began = undefined
    this.#gathered.add(told, this.#selection)
    if (!this.#sink.isReady()) return
    if (this.#paced === undefined) this.#give(this.#take(told.now))
    else this.#paced.pace.due(this.#paced.paced)
  }

  /** Gives the first report, when one was asked for. `now` is where the watching began. */
  start(now: Snapshot): void {
    if (!this.#isFirst) return
    this.#isFirst = false
    this.#give(this.#take(now))
  }

  /** Gives what there is to give to a sink that has become ready. */
  serve(): void {
    if (this.#isOver || !this.#sink.isReady() || !this.#isBehind) return
    if (this.#paced !== undefined && !this.#isFirst) {
      this.#paced.pace.due(this.#paced.paced)
      this.#paced.pace.tend()
      return
    }
    this.#isFirst = false
    this.#give(this.#take(this.#side.present()))
  }

  /** Gives what waits, ready or not. */
  finish(): void {
    // A listener that is told of each commit has been told.
    if (this.#isOver || (this.#sink.isReady() && this.#paced === undefined)) return
    if (this.#isBehind) this.#give(this.#take(this.#side.present()))
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#follower.end()
    this.#paced?.pace.leave(this.#paced.paced)
    this.#stopSignal?.()
    this.#side.onEnd(this)
    this.#sink.end()
  }

  get #isBehind(): boolean {
    return this.#gathered !== undefined || this.#owed !== undefined
  }

  #isPlain({ changes }: Told): boolean {
    if (this.#isBehind || this.#paced !== undefined || this.#began !== undefined) return false
    return this.#selection.news !== undefined && this.#sink.isReady() && changes.length <= MOST_CHANGES
  }

  /** What most listeners are told: one commit, at once, with nothing to gather. */
  #tellAtOnce({ before, now, changes, origin }: Told): void {
    const value = this.#selection.news!(before, now)
    if (value !== unchanged) this.#give({ value, before, now, changes, origin })
  }

  /** What there is to report, up to a Snapshot. What a selector throws is not the business of who committed. */
  #take(now: Snapshot): Report<unknown> | undefined {
    try {
      const found = this.#gathered?.report(this.#selection, now)
      this.#gathered = undefined
      const owed = this.#owed
      this.#owed = undefined
      return found ?? (owed && initialReport(this.#selection, owed.from, now))
    } catch (error) {
      this.#side.report(error)
      return undefined
    } finally {
      this.#watchWhatItReads()
    }
  }

  #takePaced(now: Snapshot): (() => void) | undefined {
    // An iterator that nobody asks goes on gathering.
    const report = this.#sink.isReady() ? this.#take(now) : undefined
    return report && (() => this.#give(report))
  }

  #watchWhatItReads(): void {
    if (this.#isOver || this.#keys === this.#selection.keys) return
    this.#keys = this.#selection.keys
    this.#follower.watch(this.#keys)
    this.#side.onKeys(this)
  }

  #give(report: Report<unknown> | undefined): void {
    if (report === undefined || this.#isOver) return
    if (this.#paced !== undefined) this.#paced.paced.toldMs = this.#side.nowMs()
    try {
      this.#sink.give(report)
    } catch (error) {
      this.#side.report(error)
    }
  }
}

interface PacedBy {
  readonly pace: Pace
  readonly paced: Paced
}

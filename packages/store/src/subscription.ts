import type { Follower, Snapshot } from '@syncline/stm'
import type { Pace, Paced } from './pace.ts'
import type { ChangesOptions, Report, Selector } from './report.ts'
import { selectionOf } from './selection.ts'
import { createSubscriber, initialReport, type Told } from './subscriber.ts'

/** Where the reports of a subscription go: to a listener, or to whoever asks an iterator. */
export interface Sink {
  /** Whether it takes a report now. */
  readonly isReady: boolean
  give(report: Report<unknown>): void
  end(): void
}

/** One subscription: what it knows, what it has heard since, and when it tells that. */
export interface Subscription {
  /** A commit that touched what is selected is told. */
  hear(told: Told): void
  /** The number of the last commit that it heard of. */
  readonly heard: number
  /** Gives the first report, when one was asked for. `now` is where the watching began. */
  start(now: Snapshot): void
  /** Gives what there is to give to a sink that has become ready. */
  serve(): void
  /** Gives what waits, ready or not. */
  finish(): void
  end(): void
}

/** What a subscription needs of the watching it belongs to. */
export interface SubscriptionSide {
  /** The number of the last commit that the present state has as a whole. */
  readonly number: number
  /** Whether the present state also has a part of the next commit, which is under way. */
  readonly isAhead: boolean
  /** The pace of its rate, if it has one. */
  pace(): Pace | undefined
  follow(listener: (told: Told) => void): Follower
  /** The newest Snapshot that everybody was told of. */
  present(): Snapshot
  nowMs(): number
  /** It watches other cells from now on. */
  onKeys(subscription: Subscription): void
  onEnd(subscription: Subscription): void
  report(error: unknown): void
}

/**
 * Makes a subscription that begins with the present state, `start`. Throws what a selector throws, and has then left nothing behind. It must
 * not go on holding `start` or `from`: a Snapshot keeps alive what was overwritten after it.
 */
export function createSubscription(
  selector: Selector,
  { from, initial = false, signal }: ChangesOptions,
  start: Snapshot,
  sink: Sink,
  side: SubscriptionSide,
): Subscription {
  const selection = selectionOf(selector)
  const subscriber = createSubscriber(selection, start, from)
  const pace = side.pace()
  let owed = initial ? { from } : undefined
  let isFirst = initial || from !== undefined
  let isOver = false
  let heard = side.number
  /** Where the first report goes on from when the commit it tells of had begun before. */
  let began = side.isAhead ? start : undefined
  let keys: typeof selection.keys | undefined

  /** What there is to report, up to a Snapshot. What a selector throws is not the business of who committed. */
  function take(now: Snapshot): Report<unknown> | undefined {
    try {
      const found = subscriber.take(now) ?? (owed && initialReport(selection, owed.from, now))
      owed = undefined
      return found
    } catch (error) {
      side.report(error)
      return undefined
    } finally {
      watchWhatItReads()
    }
  }

  function watchWhatItReads(): void {
    if (isOver || keys === selection.keys) return
    keys = selection.keys
    follower.watch(keys)
    side.onKeys(subscription)
  }

  function give(report: Report<unknown> | undefined): void {
    if (report === undefined || isOver) return
    if (pace !== undefined) paced.toldMs = side.nowMs()
    try {
      sink.give(report)
    } catch (error) {
      side.report(error)
    }
  }

  /** What most listeners are told: one commit, at once, with nothing to gather. */
  function tellAtOnce(told: Told): void {
    let report: Report<unknown> | undefined
    try {
      report = subscriber.reportOf(told)
    } catch (error) {
      side.report(error)
    } finally {
      watchWhatItReads()
    }
    give(report)
  }

  const paced: Paced = {
    toldMs: -Infinity,
    take(now) {
      // An iterator that nobody asks goes on gathering.
      const report = sink.isReady ? take(now) : undefined
      return report && (() => give(report))
    },
  }

  const subscription: Subscription = {
    hear(told) {
      // What was committed before the watching began is known already, though it is told only now.
      if (isOver || told.number <= heard) return
      heard = told.number
      if (pace === undefined && began === undefined && sink.isReady && !subscriber.isBehind && owed === undefined) {
        tellAtOnce(told)
        return
      }
      subscriber.hear(began === undefined ? told : { ...told, before: began })
      began = undefined
      if (!sink.isReady) return
      if (pace === undefined) give(take(told.now))
      else pace.due(paced)
    },
    get heard() {
      return heard
    },
    start(now) {
      if (!isFirst) return
      isFirst = false
      give(take(now))
    },
    serve() {
      if (isOver || !sink.isReady || (!subscriber.isBehind && owed === undefined)) return
      if (pace !== undefined && !isFirst) {
        pace.due(paced)
        pace.tend()
        return
      }
      isFirst = false
      give(take(side.present()))
    },
    finish() {
      // A listener that is told of each commit has been told.
      if (isOver || (sink.isReady && pace === undefined)) return
      if (subscriber.isBehind || owed !== undefined) give(take(side.present()))
    },
    end() {
      if (isOver) return
      isOver = true
      follower.end()
      pace?.leave(paced)
      signal?.removeEventListener('abort', subscription.end)
      side.onEnd(subscription)
      sink.end()
    },
  }
  const follower = side.follow(subscription.hear)
  watchWhatItReads()
  signal?.addEventListener('abort', subscription.end, { once: true })
  pace?.join(paced)
  return subscription
}

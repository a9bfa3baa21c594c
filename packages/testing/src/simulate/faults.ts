/** What can go wrong, and how often, 0 to 1: of steps, or of messages for `delay`, of calls of a browser's storage for `storageDelay`, of Changes for `refusal`. */
export interface Faults {
  /** A message takes up to eight seconds. */
  readonly delay: number
  /** A connection breaks, and of what is under way some is lost. */
  readonly loss: number
  /** What was lost is sent again, although it had come. */
  readonly duplication: number
  /** What was sent on an old connection comes after what was sent on a new one. */
  readonly reordering: number
  /** A browser does not reach the relay, for up to a minute. */
  readonly partition: number
  /** A connection swallows everything and looks open. */
  readonly halfOpen: number
  /** A tab dies. */
  readonly tabCrash: number
  /** A tab dies at one of its next calls of the storage, before or after it. */
  readonly tabCrashInCall: number
  /** A tab is closed in good order, and opened again. */
  readonly reload: number
  /** A browser dies, with all its tabs. */
  readonly browserCrash: number
  /** A machine loses its power: the browser dies, and of what it stored what was not on the disk itself. */
  readonly powerLoss: number
  /** The relay dies and is started again. */
  readonly relayCrash: number
  /** The relay dies at one of its next calls of the storage, before or after it. */
  readonly relayCrashInCall: number
  /** The relay is stopped in good order, and started again. */
  readonly relayRestart: number
  /** The relay dies, and is started again on an old backup of its disk. Who knows more than that has must notice, and bring it back; what was decided waits for an operator, who comes later. */
  readonly relayRestore: number
  /** The relay's disk is full for a while. */
  readonly relayQuota: number
  /** A tab is frozen by the browser, which tells it before, so that it can let go of its locks. */
  readonly freeze: number
  /** A tab stands still without having been told, with all that it holds. */
  readonly stall: number
  /** A machine's clock is set, by up to a year, forward or back. */
  readonly clockSet: number
  /** A browser has no room, for a while. */
  readonly quota: number
  /** A call of a browser's storage takes up to 2.5 seconds. */
  readonly storageDelay: number
  /** A browser drops the connections to its storage. */
  readonly storageDropped: number
  /** The relay refuses a Change. */
  readonly refusal: number
  /** A browser compacts a log, which is worth it for a few hundred bytes already. */
  readonly compaction: number
  /** A browser dies, and one record of what it has stored is damaged when it comes back. Of what only this browser had nothing can be promised then. */
  readonly damage: number
}

export type FaultName = keyof Faults

/**
 * Everything that can go wrong together, at rates that leave an app some time to work. Choose by leaving out, or give rates of your own. Each is counted in the
 * report when something has come of it: a message that was lost, or that came so late; a connection that swallowed something; a parting that something met
 * with; a write for which there was no room; a tab that stood still while something waited for it; a wrong clock that was read; a loss of power that took
 * something; a refusal of which somebody was told. One that was asked for, and of which nothing came in a whole cohort, is named in its `missing`.
 *
 * What a WebSocket cannot do is not among them: messages of one connection come in order, once, or not at all. What does happen is that a
 * connection breaks with messages under way (`loss`); that a Change is then sent again although it had come (`duplication`); and that what was
 * sent on a connection that has broken comes after what was sent on the next one (`reordering`). The last two follow from the first: their rates
 * say only whether a cohort has to have seen them. So does that of `compaction`, which is no fault, but what faults come in between.
 */
export const everyFault: Faults = {
  delay: 0.03,
  loss: 0.04,
  duplication: 1,
  reordering: 1,
  partition: 0.04,
  halfOpen: 0.03,
  tabCrash: 0.05,
  tabCrashInCall: 0.04,
  reload: 0.03,
  browserCrash: 0.02,
  powerLoss: 0.02,
  relayCrash: 0.03,
  relayCrashInCall: 0.02,
  relayRestart: 0.01,
  relayQuota: 0.01,
  freeze: 0.03,
  stall: 0.03,
  clockSet: 0.03,
  quota: 0.03,
  storageDelay: 0,
  storageDropped: 0.02,
  refusal: 0.02,
  compaction: 1,
  // Few: after one not much else is tried.
  relayRestore: 0.005,
  // As few: after it less is promised of a browser.
  damage: 0.005,
}

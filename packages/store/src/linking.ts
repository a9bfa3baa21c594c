import type { WholeEntry } from '@syncline/protocol'
import type { CellKey, WriterId } from '@syncline/stm'
import type { Core } from './core.ts'
import { isPassing, StoreError } from './errors.ts'
import type { Intake } from './intake.ts'
import { piecesOfJoin } from './join-writing.ts'
import type { Line } from './line.ts'
import { startLink, type Link, type LinkState, type Sendable } from './link.ts'
import type { Peers } from './peers.ts'
import type { Posting } from './posting.ts'
import type { Settling } from './settling.ts'
import { createLosses } from './lost.ts'
import { readCheckpoint, type BroughtCheckpoint } from './newcomer.ts'
import { atOnce } from './pieces.ts'
import { createHearing, type TabMessage } from './tabs.ts'

/** Decides whether this tab runs a link, runs it, and knows how the one of the browser is doing. */
export interface Linking {
  /** The link of this tab, while it runs one. */
  link(): Link | undefined
  /** How the link is doing, of this tab or of the one that runs it. */
  state(): LinkState
  /** How much the relay's clock is ahead of ours. */
  offsetMs(): number
  /** Whether the relay can be asked something now; undefined while that is being found out. */
  isReachable(): boolean | undefined
  /** Calls `listener` when that may have changed. Returns `unsubscribe`. */
  onReach(listener: () => void): () => void
  /** This tab was elected, with a fence for what it writes of the relay's order; or it is not any more. */
  elect(term: { readonly fence: number | undefined } | undefined): void
  /** Switches the link on or off, for the whole browser. */
  want(wanted: boolean): void
  /** The link was switched in another tab. */
  onWanted(message: Extract<TabMessage, { type: 'wanted' }>): void
  /** Something that decides about the link has moved. */
  tend(): void
  /** The log has the relay's order only up to here: what comes after it is asked for again. */
  onGap(after: number): void
  /** Another tab tells how its link is doing. */
  onTab(message: Extract<TabMessage, { type: 'link' }>): void
  /** What this tab has of the relay's order, and is not in the log, does not get there by it. */
  onFenced(): void
  /** More of the log was taken in. */
  onEntry(): void
  /** A tab has come and knows nothing. */
  onHello(): void
}

/** What linking needs beside the core. */
export interface LinkingSide {
  /** The way to the relay; undefined for a store that stays alone. */
  readonly line: Line | undefined
  readonly isLasting: boolean
  readonly intake: Intake
  readonly settling: Settling
  readonly posting: Posting
  readonly peers: Peers
  /** Called when this tab runs the link and another has a newer fence. */
  onOvertaken(): void
  tell(message: TabMessage): void
}

/** So long a tab with a link of its own waits for the log, at most: what the relay says is all that it has where the storage does not answer. */
const LONGEST_READ_MS = 1000

/** So long the log may take to store a checkpoint of the relay's. */
const LONGEST_WRITE_MS = 10_000

/** After so long the log is read again where it could not be. */
const WAKE_AGAIN_MS = 1000

/** The tab that has taken over the link has told and stored by then what the relay has. */
const FORGOTTEN_AFTER_MS = 10_000

const OFF: LinkState = { link: 'off', problem: undefined, retryAtMs: undefined }

function isUp({ link }: LinkState): boolean {
  return link === 'online' || link === 'catching-up'
}

/** Makes the linking of one open store. */
export function createLinking(core: Core, side: LinkingSide): Linking {
  const { line, isLasting, intake, settling, posting, peers, onOvertaken, tell } = side
  const { replica } = core
  let link: Link | undefined
  let state = OFF
  /** How the link of another tab is doing. */
  let elsewhere = OFF
  /** Whether whoever runs the link is to ask the relay again how much there is, or is at it. */
  let asked: 'to ask' | 'asking' | undefined
  let cancelLooking: (() => void) | undefined
  let term: { readonly fence: number | undefined } | undefined
  const counts = createHearing()
  let wanted = true
  let turns = 0
  let offsetMs = 0
  const onReach = new Set<() => void>()
  const losses = createLosses(core)
  /** Whether what the relay had decided waited to be adopted when that was looked at last. */
  let wasUnadopted = false
  /** Something waits to know whether the relay has what is missing before it. */
  let isHeldBack = false
  /** Whether pending Changes are being understood. */
  let isWaking = false
  let cancelWaking: (() => void) | undefined
  core.closing.add(() => {
    cancelLooking?.()
    cancelWaking?.()
  })

  /**
   * The elected tab runs the link; so does one whose storage fails or is gone, since nobody can hear of its work through the log, and one that the log does not tell
   * where it is to go on.
   */
  function tend(): void {
    const isOurs = term !== undefined || core.journal.isStuck() || core.gone !== undefined || intake.isBeside()
    if (line !== undefined && isOurs && wanted && !core.isClosed && core.stranded === undefined) run(line)
    else stop()
  }

  function run(over: Line): void {
    if (link !== undefined) return
    // What is to be sent must be here.
    if (replica.asleep().length > 0) {
      wake()
      return
    }
    // What a tab that died while it ran the link has told of others may be over.
    peers.onReachable(false)
    link = startLink(over, {
      space: core.space,
      clock: core.clock,
      chance: core.chance,
      // From where the log ends, which is not always where the memory does.
      basis: (inMemory = false) => {
        const relaySeq = Math.min(replica.basis().relaySeq, inMemory ? Infinity : intake.loggedSeq())
        const writers = new Map(replica.sharedBasis().writers)
        // What a damaged checkpoint stood for is asked for in full: of a writer whose later Changes are pending the first ones are not here.
        if (relaySeq === 0 && replica.basis().relaySeq > 0) writers.clear()
        for (const writer of replica.envelopes.keys()) writers.set(writer, 1)
        // What is named is only acknowledged. What is missing here is to be told, if the relay has it.
        for (const writer of [...writers.keys()]) {
          const first = replica.firstMissing(writer)
          if (first === 1) writers.delete(writer)
          else if (first !== undefined) writers.set(writer, first - 1)
        }
        const epoch = replica.epochAt(relaySeq)
        // What is before that was joined to the relay's log, which tells it as a whole.
        return { epoch, relaySeq: epoch === null ? 0 : relaySeq, writers }
      },
      seenSeq: () => replica.basis().relaySeq,
      sendable,
      calledOff: posting.calledOff,
      onOrder(epoch, first, items, records) {
        hear(() => intake.order(epoch, first, items, records, term?.fence))
      },
      // What is asked for here, or missing, has a place that only the log tells.
      isNew: () =>
        replica.basis().relaySeq === 0 &&
        replica.envelopes.size === 0 &&
        !replica.isMissingSome() &&
        !core.journal.isStuck() &&
        core.gone === undefined,
      takeUp,
      onJoin: (entry, isAllTold) => hear(() => intake.join(entry, term?.fence, isAllTold)),
      isUnadopted: replica.isUnadopted,
      undecided: () => replica.envelopes.keys(),
      piecesOfJoin: (relaySeq, adopts) => piecesOfJoin(core, relaySeq, adopts),
      onError: core.onError,
      onRefusal(refusal) {
        if (posting.refuse(refusal)) return
        for (const each of losses.endedBy(refusal)) {
          // It stays in the log until it is settled, also when that happens after a reload.
          core.journal.write({ kind: 'refused', ...each }).catch(core.onError)
          replica.refuse(each)
        }
        if (refusal.code === 'clock-ahead') settling.onClockWrong()
        settling.settle(true)
      },
      // Whoever runs the link of the browser has read what it sends. Another tab may be told by the relay what Changes have become before it has read that it is they.
      isBehind: () => term === undefined,
      readLog,
      onPresence: (session, slot, payload) => peers.onRelay(session, slot, payload),
      onReachable: (reachable) => peers.onReachable(reachable),
      onClockOffset(ms) {
        offsetMs = ms
        settling.onClockRight(true)
      },
      onState(next) {
        show(next)
        announce()
        if (next.link !== 'online' || !isHeldBack) return
        isHeldBack = false
        queueMicrotask(() => link?.wake())
      },
    })
    posting.tend()
  }

  function hear(take: () => ReadonlySet<CellKey>): void {
    replica.flushDocuments()
    const changed = take()
    lookAtAdoption()
    settling.onProgress()
    core.touchStatus()
    core.watching.publish(changed, replica.memory.snapshot)
    core.undoing.tell()
  }

  /** Who waits for the relay to decide again may go on. */
  function lookAtAdoption(): void {
    if (wasUnadopted === replica.isUnadopted()) return
    wasUnadopted = replica.isUnadopted()
    show(state)
  }

  /** The log has it first: what is on demand is read from there. */
  async function takeUp(pieces: readonly Uint8Array[], head: number): Promise<BroughtCheckpoint | undefined> {
    const found = readCheckpoint(pieces, head)
    if (found === undefined || !(await isWritten(found.entry)) || core.isClosed) return undefined
    // Another tab may have been first.
    if (replica.basis().relaySeq < found.relaySeq) hear(() => atOnce(intake.entry(found.entry, 'remote')))
    return replica.basis().relaySeq < found.relaySeq ? undefined : found
  }

  /** False when the log does not take it soon. Should it do so later, that changes nothing. */
  function isWritten(entry: WholeEntry): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = core.clock.setTimer(LONGEST_WRITE_MS, () => resolve(false))
      core.closing.add(cancel)
      void core.journal.write(entry).then(() => {
        core.closing.delete(cancel)
        cancel()
        resolve(true)
      })
    })
  }

  function wake(): void {
    if (isWaking) return
    isWaking = true
    core.waking
      .wake()
      .finally(() => (isWaking = false))
      .then(tend)
      .catch(onUnawake)
  }

  function onUnawake(error: unknown): void {
    if (core.isClosed) return
    if (isPassing(error)) {
      // Who reads the log says what it is.
      core.readNews()
      cancelWaking = core.clock.setTimer(WAKE_AGAIN_MS, wake)
      return
    }
    core.onError(error)
    // Nothing can be sent before it can be understood, which only other code may do.
    if (error instanceof StoreError) core.strand({ code: error.code, message: error.message })
  }

  function readLog(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = core.clock.setTimer(LONGEST_READ_MS, resolve)
      // A log that cannot be read is tried again by whoever looks for news.
      core.journal.pull().then(cancel, cancel).then(resolve, resolve)
    })
  }

  function* sendable(): Iterable<Sendable> {
    const { journal } = core
    for (const [id, pending] of replica.pending) {
      // What is sent is on this device, so that another tab can take it over. Without working storage the relay is the only rescue.
      const isRescue = journal.isStuck() && journal.isUnheard(id)
      if (isLasting && !journal.isDurable(id) && !isRescue) return
      // The relay may have what is missing before it, and tells it then.
      isHeldBack = state.link !== 'online' && isAfterMissing(pending.change)
      if (isHeldBack) return
      yield pending
    }
    // What the relay is to decide about depends on what was pending when it was made.
    if (!replica.isUnadopted()) yield* posting.sendable()
  }

  function isAfterMissing({ writer, seq }: { readonly writer: WriterId; readonly seq: number }): boolean {
    return replica.isMissingSome() && seq > (replica.firstMissing(writer) ?? Infinity)
  }

  function stop(): void {
    if (link === undefined) return
    link.stop()
    link = undefined
    lookForForgotten()
    if (wanted && term === undefined) showElsewhere()
    else show(OFF)
    announce()
  }

  /** Tells the other tabs how the link of the browser is doing. One that only rescues the work of this tab is none of their concern: it may end at any time. */
  function announce(): void {
    if (term === undefined) return
    tell({ type: 'link', state, offsetMs, fence: term.fence, seenSeq: replica.basis().relaySeq })
  }

  /**
   * This tab may have of the relay's order what it could not store while it ran the link. Whoever runs it now stores it, if the relay still has it. If that takes too
   * long they are to ask the relay again: what they have then is all that it has.
   */
  function lookForForgotten(): void {
    cancelLooking?.()
    asked = undefined
    if (link !== undefined || core.isClosed || core.stranded !== undefined || !isUnstored()) return
    cancelLooking = core.clock.setTimer(FORGOTTEN_AFTER_MS, () => {
      if (!isUnstored()) return
      asked = 'to ask'
      tell({ type: 'gap', after: intake.loggedSeq() })
    })
  }

  function isUnstored(): boolean {
    return intake.loggedSeq() < replica.basis().relaySeq
  }

  function compare({ state: { link: how }, seenSeq = Infinity }: Extract<TabMessage, { type: 'link' }>): void {
    // Before that they may be on a connection that is dead and have not noticed.
    if (how !== 'online') asked = 'asking'
    if (how !== 'online' || asked !== 'asking') return
    const isForgotten = seenSeq < replica.basis().relaySeq && isUnstored()
    if (isForgotten) core.strand({ code: 'epoch-changed', message: forgotten })
    else lookForForgotten()
  }

  function show(next: LinkState): void {
    state = next
    core.touchStatus()
    for (const listener of [...onReach]) listener()
  }

  function showElsewhere(): void {
    show(elsewhere)
    // It may have taken over when we were told that our clock is wrong, and before we were told the time.
    if (isUp(elsewhere)) settling.onClockRight(false)
  }

  function turn(next: boolean): void {
    if (wanted === next) {
      if (wanted) link?.retry()
      return
    }
    wanted = next
    tend()
    if (link === undefined) show(wanted ? elsewhere : OFF)
  }

  return {
    link: () => link,
    state: () => state,
    offsetMs: () => offsetMs,
    isReachable() {
      if (line === undefined || !wanted || core.stranded !== undefined || state.link === 'waiting') return false
      // Off and wanted: nobody was elected yet, or has told us.
      return state.link === 'online' ? true : undefined
    },
    onReach(listener) {
      onReach.add(listener)
      return () => onReach.delete(listener)
    },
    elect(next) {
      const had = link
      term = next
      tend()
      // What was a rescue until now is the link of the browser.
      if (link !== undefined && link === had) announce()
    },
    want(next) {
      turns += 1
      tell({ type: 'wanted', wanted: next, turns })
      turn(next)
    },
    onWanted(message) {
      // Of two tabs that switch at the same time, the one that switches on prevails.
      if (message.turns < turns || (message.turns === turns && !message.wanted)) return
      turns = message.turns
      turn(message.wanted)
    },
    tend,
    onGap(after) {
      intake.onGap(after)
      link?.askAgain()
    },
    onTab(message) {
      if (!counts(message)) return
      // It took the fence and may have lost the lock since: what this tab says would count no more, so it takes one that does.
      if (term?.fence !== undefined && message.fence !== undefined && message.fence > term.fence) onOvertaken()
      offsetMs = message.offsetMs
      elsewhere = message.state
      if (asked !== undefined) compare(message)
      if (link === undefined) showElsewhere()
      // The tab that runs it has woken what sleeps here. Of what was damaged nothing will ever come that would wake it.
      if (elsewhere.link === 'online' && replica.asleep().length > 0) wake()
      posting.onLink()
    },
    onFenced: lookForForgotten,
    onEntry: lookAtAdoption,
    onHello() {
      if (link !== undefined) announce()
      if (turns > 0) tell({ type: 'wanted', wanted, turns })
    },
  }
}

const forgotten =
  'This tab has heard more of the relay than the relay has now, and this device could not store it: the relay lost its data or came back from a backup. What you see is here in this tab. Open it again to go on with what is stored.'

import { encodeEntry, type EndedEntry, type JoinEntry, type SingleEntry, type WholeEntry } from '@syncline/protocol'
import type { Change, ChangeId, Epoch, WriterId } from '@syncline/stm'
import { createDelay, type Delay } from './delay.ts'
import { closedError, StoreError } from './errors.ts'
import type { AppendOptions, Clock, Log } from './ports.ts'
import {
  bringsChanges,
  entriesOf,
  insertSettlement,
  isStrict,
  madeBy,
  takesAway,
  takeUnheard,
  together,
  type ClaimPiece,
  type OrderedPiece,
  type Piece,
} from './queue.ts'
import type { Pending } from './pending.ts'

/** What the relay's order says about one entry: its bytes when this device has not stored it, else only its name. */
export type OrderedRecord = Uint8Array | { readonly writer: WriterId; readonly seq: number }

/**
 * Writes what happens to this device's log, in order, and reads what the other tabs wrote.
 *
 * While one append is under way the next entries gather: the commits of one task, and everything that came during an append, go
 * to the log as one record. When the log refuses, everything waits and is tried again; it stays in memory and is said to be unsaved.
 */
export interface Journal {
  /** Whether there is a log: what is to be stored with a Change need not be kept without one. */
  readonly isWritten: boolean
  /** A Change that this tab has committed, to be stored. */
  commit(change: Change, strict: boolean): void
  /** A stretch of the relay's log, to be stored by the holder of `fence`. */
  order(epoch: Epoch, first: number, items: readonly OrderedRecord[], fence: number | undefined): void
  /** What was joined to that, and takes the place of all that is known of it. */
  join(entry: JoinEntry, fence: number | undefined): void
  /**
   * Appends what `offer` makes when it is its turn, if no other tab has appended with a claim since this one has read the log. It is not
   * tried again: what it was made of may have moved.
   */
  claim(offer: () => Offer | undefined): Promise<ClaimOutcome>
  /**
   * What became of a refused writer. `again` says what Changes are now, by what they were: this tab has authored them. Of what they were that is stored
   * here which was to be stored before, as one with it. Resolves when it is in the log; never when it is not.
   */
  settle(entry: EndedEntry, again: ReadonlyMap<ChangeId, ChangeId>): Promise<void>
  /** Any other entry. Resolves when it is in the log; never when it is not. */
  write(entry: SingleEntry | WholeEntry): Promise<void>

  /** Whether a Change of this tab is in the log. Changes of other tabs are, or we would not know them. */
  isDurable(id: ChangeId): boolean
  /** Whether nobody can have read in the log of a Change of this tab, under no id that it had: not now, and not in a moment. */
  isUnheard(id: ChangeId): boolean
  /** How many Changes of this tab are not in the log yet. */
  unsaved(): number
  /** Why the log refuses to be written, while it does. */
  failure(): StoreError | undefined
  /** How long the append has taken that is under way. */
  delay(): ReturnType<Delay['state']>
  /** Whether nobody knows when the log will have what is committed: it refuses to be written, or an append does not end. */
  isStuck(): boolean

  /**
   * How far the log has been read, when nothing waits to be written but what is in no checkpoint before, or in any: undefined when something else does, or the log
   * refuses to be written. To be asked in a task of its own, in which everything is concluded that was stored.
   */
  quiet(): ReadUpTo | undefined
  /**
   * Resolves to how far the log has been read as soon as that has all that was committed until now, and nothing that comes later: undefined when something
   * else has come in between, or waits to be written now. To be asked in a task of its own, as `quiet`.
   */
  cut(): Promise<ReadUpTo | undefined>
  /** How far the log has been read. */
  readUpTo(): number
  /** Resolves when everything handed over so far is in the log; rejects when the log refuses it. */
  settled(): Promise<void>
  /** Resolves when one Change is in the log; rejects when the log refuses it. */
  durable(id: ChangeId): Promise<void>
  /** The page may end any moment: what waits is handed over at once, without waiting for the append that is under way. */
  flush(): void
  /** Reads entries that other tabs wrote since the last time. */
  pull(): Promise<void>
  /** Writes what is left, then stops. Rejects when some of it could not be written. */
  close(): Promise<void>
}

/** An entry that is appended with a claim. */
export interface Offer {
  readonly entry: SingleEntry
  readonly strict: boolean
}

/** What became of an offer. After an error nobody knows whether it is in the log, before this has been read. */
export type ClaimOutcome =
  | { readonly kind: 'stored' }
  /** There was nothing to append after all. */
  | { readonly kind: 'nothing' }
  /** Another tab was first: read the log, and offer again what still holds. */
  | { readonly kind: 'claimed' }
  | { readonly kind: 'failed'; readonly error: StoreError }

/** How far a log has been read: the position, and the number of the newest entry that was appended with a claim. */
export interface ReadUpTo {
  readonly position: number
  readonly claim: number
}

/** What a journal asks and tells. */
export interface JournalEvents {
  /** What is to be stored of a Change of this tab. */
  pendingOf(change: Change): Pending
  /** An entry of the log, in the order of the log; also some that this tab wrote itself. */
  onEntry(bytes: Uint8Array, position: number): void
  /** One was not taken in, with `compacted`: it is read again when this has resolved, or what is there in its place by then. */
  onAnew(): Promise<void>
  /** Something at this position of the log is no entry, and is passed over. */
  onBad(position: number, reason: string): void
  /** What there was to read has been read. */
  onRead(): void
  /** These Changes of this tab are in the log now. */
  onDurable(ids: readonly ChangeId[]): void
  /** The log has grown by this tab, or may have, by so many bytes. */
  onGrown(bytes: number): void
  /** Entries of other tabs cannot be read. */
  onUnreadable(error: unknown): void
  /** The relay's order is in the log up to here, which is in this epoch. */
  onOrdered(epoch: Epoch, relaySeq: number): void
  /** Another tab has taken the fence: what this tab had of the relay's order and had not written yet is not in the log. */
  onFenced(): void
  /** Whether the log has the relay's order up to here, or that is on its way there, or what this tab has of it has no place there. */
  hasOrder(relaySeq: number): boolean
  onFailure(): void
  /** An append takes long, or does not any more. */
  onDelay(): void
}

interface Waiter {
  resolve(): void
  reject(error: Error): void
}

const RETRY_MS = 1000
/** To tell the other tabs takes longer than to write a small entry. */
const TELL_MS = 16
/** How many microtasks a commit that is stored is ahead: each promise around another takes up to three. */
const WAITERS_TURNS = 12
/** How long closing waits for the log. */
const LAST_WRITE_MS = 5000

/** Starts a journal whose log has been read up to somewhere. */
export function createJournal(
  log: Pick<Log, 'append' | 'read'>,
  upTo: ReadUpTo,
  clock: Clock,
  events: JournalEvents,
): Journal {
  const queue: Piece[] = []
  /** Changes of this tab that are not in the log, in order, but for the `newest`. Read them by `unsaved()`. */
  const byId = new Map<ChangeId, Waiter[]>()
  /** Those that were made last, without their ids: nobody asks before the task is over. */
  const newest: Pending[] = []
  /** What Changes were before they were authored again, by what they are, until that is in the log. */
  const origins = new Map<ChangeId, ChangeId>()
  /** The relay's order that another tab's fence has kept out of the log. */
  let forgone: OrderedPiece[] = []
  /** What is being written now. */
  const underWay = new Set<Piece>()
  /** What was handed over before its turn, in order. Each has all that waited then, so it does not matter what becomes of those before it. */
  const early: { readonly pieces: readonly Piece[]; readonly appended: Promise<number> }[] = []
  /** Where the log is to be cut: behind this piece, if up to there nothing but this tab's Changes comes after a position. */
  let cutting: { readonly last: Piece; after: number; readonly resolve: (at: ReadUpTo | undefined) => void } | undefined
  /** Whether the page may end, so that nothing waits: until what there was is written. */
  let leaving = false
  /** How long the entries are that were handed to the log since it has grown. */
  let handedBytes = 0
  /** Whether the log has grown since the other tabs were told, and when that was. */
  let hasNews = false
  let toldMs = 0
  const delay = createDelay(clock, events.onDelay)
  let settlers: Waiter[] = []
  let read = upTo.position
  let newestClaim = upTo.claim
  let writing = false
  let scheduled = false
  let closed = false
  let failure: StoreError | undefined
  let cancelRetry: (() => void) | undefined
  let pulling: Promise<void> | undefined
  /** Whether the present one has begun: whoever comes before that shares it. */
  let isReading = false
  /** An append that failed may be in the log all the same, and the other tabs have not been told. */
  let isUntold = false
  /** Why nothing more can be read: what comes next in the log is of another one of the relay than this tab has heard of. */
  let otherLog: unknown
  /** The reading that begins when the present one is over. */
  let pullNext: Promise<void> | undefined

  function schedule(): void {
    if (scheduled || closed || (writing && !leaving)) return
    scheduled = true
    // A microtask comes after everything the running task commits.
    queueMicrotask(() => {
      scheduled = false
      void drain()
      if (leaving) handOver()
    })
  }

  function handOut(entry: Uint8Array, options: AppendOptions): Promise<number> {
    handedBytes += entry.length
    return log.append(entry, options)
  }

  function tellGrown(): void {
    hasNews = false
    toldMs = clock.nowMs()
    const bytes = handedBytes
    handedBytes = 0
    events.onGrown(bytes)
  }

  async function drain(): Promise<void> {
    if (writing) return
    writing = true
    const isNothing = queue.length === 0
    cancelRetry?.()
    cancelRetry = undefined
    try {
      while (queue.length > 0 || early.length > 0) {
        const handed = early.shift()
        for (const piece of handed?.pieces ?? [queue[0]!]) if (queue.includes(piece)) underWay.add(piece)
        let grown: number | undefined
        try {
          const appended = handed?.appended ?? append(queue[0]!)
          // It is on its way already.
          delay.begin()
          grown = await appended
        } catch (error) {
          // What was handed over since has all of this.
          if (early.length === 0) throw error
          underWay.clear()
          continue
        } finally {
          delay.end()
        }
        const stored = [...underWay]
        underWay.clear()
        for (const one of stored) queue.splice(queue.indexOf(one), 1)
        if (failure !== undefined) {
          failure = undefined
          events.onFailure()
        }
        for (const one of stored) conclude(one, grown !== undefined)
        cutBehind(stored, grown)
        if (grown !== undefined) {
          if (grown === read + 1) read = grown
          else pull().catch(events.onUnreadable)
          hasNews = true
          // Whoever waits for it goes on first, and who waits for them; and as long as more comes the others need not hear of each entry.
          for (let turn = 0; turn < WAITERS_TURNS; turn++) await Promise.resolve()
          if (clock.nowMs() - toldMs >= TELL_MS) tellGrown()
        }
      }
      const waiting = settlers
      settlers = []
      for (const { resolve } of waiting) resolve()
    } catch (error) {
      giveUp(error)
    } finally {
      if (hasNews) tellGrown()
      writing = false
      leaving &&= isNothing
    }
  }

  function cutBehind(stored: readonly Piece[], position: number | undefined): void {
    if (cutting === undefined) return
    if (position !== cutting.after + 1) endCut(undefined)
    else if (stored.includes(cutting.last)) endCut({ position, claim: newestClaim })
    else cutting.after = position
  }

  function endCut(at: ReadUpTo | undefined): void {
    cutting?.resolve(at)
    cutting = undefined
  }

  /** Hands over all Changes that wait, and what they depend on, in one entry with what is under way: that may be refused. */
  function handOver(): void {
    const pieces = queue.slice(0, queue.findLastIndex(bringsChanges) + 1).filter((piece) => piece.kind !== 'claim')
    const onTheirWay = allUnderWay()
    // Of what goes with a claim nobody knows whether it is stored.
    const isUnsure = [...underWay].some(({ kind }) => kind === 'claim')
    if (pieces.every((piece) => onTheirWay.has(piece) && !(isUnsure && underWay.has(piece)))) return
    for (const piece of pieces) sealed.add(piece)
    // Some of it may have come since.
    endCut(undefined)
    const appended = handOut(encodeEntry(together(pieces.flatMap(entriesOf))), optionsOf(pieces))
    // Heard when it is its turn.
    appended.catch(() => undefined)
    early.push({ pieces, appended })
  }

  function allUnderWay(): ReadonlySet<Piece> {
    return early.length === 0 ? underWay : new Set([...underWay, ...early.flatMap(({ pieces }) => pieces)])
  }

  async function append(piece: Piece): Promise<number | undefined> {
    if (piece.kind === 'claim') return claim(piece)
    // Taken now, so that what is committed while this is being written makes the next record.
    const entry = encodeEntry(together(entriesOf(piece)))
    sealed.add(piece)
    const options = optionsOf([piece])
    try {
      const { fence } = piece.kind === 'ordered' ? piece : nothingMore
      return await handOut(entry, fence === undefined ? options : { ...options, fence })
    } catch (error) {
      if (piece.kind !== 'ordered' || !hasCode(error, 'fenced')) throw error
      events.onFenced()
      forgoOrder()
      // It may be the cause of what stands behind it.
      return piece.fence === undefined ? append(piece) : undefined
    }
  }

  /** A piece is in the log, or has nothing to say any more. */
  function conclude(piece: Piece, isStored: boolean): void {
    const made = madeBy(piece)
    if (made.length > 0) markDurable(made)
    switch (piece.kind) {
      case 'ordered':
        if (isStored) events.onOrdered(piece.epoch, piece.first + piece.items.length - 1)
        return
      case 'settlement':
        for (const { onStored } of piece.settlements) onStored()
        return
      case 'entry':
        piece.onStored()
        return
      default:
        return
    }
  }

  /**
   * Another tab has the fence, and reads the same log from the relay. That may be this tab again, which has more of it waiting here by then: that
   * would leave a gap. So the order is left to that tab, but for what Changes behind it may depend on: nobody shall read these before it.
   */
  function forgoOrder(): void {
    const lastChanges = queue.findLastIndex(bringsChanges)
    queue.forEach((piece, i) => {
      if (piece.kind === 'ordered' && i < lastChanges) piece.fence = undefined
    })
    forgone = forgone.filter(isMissing)
    for (const piece of queue.slice(lastChanges + 1)) {
      if (piece.kind !== 'ordered') continue
      forgone.push(piece)
      if (!allUnderWay().has(piece)) queue.splice(queue.indexOf(piece), 1)
    }
  }

  function isMissing({ first, items }: OrderedPiece): boolean {
    return !events.hasOrder(first + items.length - 1)
  }

  /** What is committed may depend on order that the fence has kept out of the log. */
  function bringOrder(): void {
    const missing = forgone.filter(isMissing)
    forgone = []
    for (const piece of missing) {
      if (piece.join !== undefined) join(piece.join, undefined)
      if (piece.items.length > 0) order(piece.epoch, piece.first, piece.items, undefined)
    }
  }

  async function claim(piece: ClaimPiece): Promise<number | undefined> {
    try {
      const offer = piece.offer()
      if (offer === undefined) {
        piece.settle({ kind: 'nothing' })
        return undefined
      }
      // What is offered was made of all that this tab has, so nobody shall read it before what waits behind it.
      const causes = queue.filter((other) => other.kind !== 'claim')
      const number = newestClaim + 1
      const entries = [...causes.flatMap(entriesOf), offer.entry]
      for (const cause of causes) {
        sealed.add(cause)
        underWay.add(cause)
      }
      const position = await handOut(encodeEntry(together(entries)), {
        ...optionsOf(causes, offer.strict),
        claim: number,
      })
      // Whoever reads fast has read it already.
      newestClaim = Math.max(newestClaim, number)
      piece.settle({ kind: 'stored' })
      return position
    } catch (error) {
      underWay.clear()
      underWay.add(piece)
      if (hasCode(error, 'claimed')) piece.settle({ kind: 'claimed' })
      else {
        isUntold = true
        piece.settle({ kind: 'failed', error: toStoreError(error) })
      }
      return undefined
    }
  }

  /** Those who offer do not wait for a log that refuses: they are told. */
  function refuseClaims(error: StoreError): void {
    for (const piece of [...queue]) {
      if (piece.kind !== 'claim') continue
      queue.splice(queue.indexOf(piece), 1)
      piece.settle({ kind: 'failed', error })
    }
  }

  /** Pieces that are being written, or were refused while being written: nothing is added to them any more. */
  const sealed = new WeakSet<Piece>()

  function giveUp(error: unknown): void {
    failure = toStoreError(error)
    underWay.clear()
    endCut(undefined)
    refuseClaims(failure)
    // What was on its way when it was settled is not any more.
    for (const piece of [...queue]) {
      if (piece.kind === 'settlement') for (const settled of piece.settlements) takeUnheard(queue, underWay, settled)
    }
    const waiters = [...settlers, ...[...unsaved().values()].flat()]
    settlers = []
    for (const id of unsaved().keys()) unsaved().set(id, [])
    for (const { reject } of waiters) reject(failure)
    events.onFailure()
    if (closed) return
    cancelRetry?.()
    cancelRetry = clock.setTimer(RETRY_MS, () => void drain())
  }

  async function writeWhatIsLeft(): Promise<void> {
    // A log that has refused is asked once more, also when that was on its way before.
    for (let isAsked = false; queue.length > 0 && (failure === undefined || !isAsked);) {
      if (writing) {
        // Another drain is at it, and tells how it ended.
        await new Promise<void>((resolve) => settlers.push({ resolve, reject: () => resolve() }))
      } else {
        isAsked = true
        await drain()
      }
    }
  }

  function unsaved(): Map<ChangeId, Waiter[]> {
    for (const { id } of newest.splice(0)) byId.set(id, [])
    return byId
  }

  function markDurable(ids: readonly ChangeId[]): void {
    for (const id of ids) {
      const waiters = unsaved().get(id) ?? []
      unsaved().delete(id)
      origins.delete(id)
      for (const { resolve } of waiters) resolve()
    }
    events.onDurable(ids)
  }

  /** What was authored again counts once. */
  function countUnsaved(): number {
    let count = unsaved().size
    for (const from of origins.values()) if (unsaved().has(from)) count -= 1
    return count
  }

  function tail<K extends Piece['kind']>(kind: K): Extract<Piece, { kind: K }> | undefined {
    const last = queue.at(-1)
    return last?.kind === kind && !sealed.has(last) ? (last as Extract<Piece, { kind: K }>) : undefined
  }

  function order(epoch: Epoch, first: number, items: readonly OrderedRecord[], fence: number | undefined): void {
    // A link that goes on for another reason than its fence leaves no gap either.
    const before = forgone.at(-1)
    if (before !== undefined && before.first + before.items.length === first) bringOrder()
    const last = tail('ordered')
    if (
      last !== undefined &&
      last.epoch === epoch &&
      last.fence === fence &&
      last.first + last.items.length === first
    ) {
      for (const item of items) last.items.push(item)
    } else queue.push({ kind: 'ordered', epoch, first, items: [...items], fence })
    schedule()
  }

  function join(entry: JoinEntry, fence: number | undefined): void {
    forgone = []
    queue.push({ kind: 'ordered', epoch: entry.epoch, first: entry.relaySeq + 1, items: [], join: entry, fence })
    schedule()
  }

  function pull(): Promise<void> {
    if (pulling === undefined) return (pulling = Promise.resolve().then(readOn).finally(pullOn))
    if (!isReading) return pulling
    // The one that is under way may have looked too early for this caller. The one after it has not, and nobody waits for more than that.
    return (pullNext ??= pulling.then(readOn, readOn).finally(pullOn))
  }

  function pullOn(): void {
    isReading = false
    pulling = pullNext
    pullNext = undefined
  }

  async function readOn(): Promise<void> {
    isReading = true
    if (closed) return
    if (otherLog !== undefined) throw otherLog
    let end: number | undefined
    while (end === undefined) {
      try {
        end = await readEntries()
      } catch (error) {
        if (!hasCode(error, 'compacted')) throw error
        await events.onAnew()
        if (closed) return
      }
    }
    read = Math.max(read, end)
    if (isUntold) tellGrown()
    isUntold = false
    events.onRead()
  }

  /** Resolves to where the log ends. */
  function readEntries(): Promise<number> {
    return log.read(
      read,
      (bytes, at, itsClaim) => {
        // A checkpoint may come from its beginning again.
        if (closed || at <= Math.floor(read)) return
        // What newer code has written is not passed over: everything after it may build on it.
        try {
          events.onEntry(bytes, at)
        } catch (error) {
          if (hasCode(error, 'other-log')) otherLog = error
          throw error
        }
        read = at
        newestClaim = itsClaim ?? newestClaim
      },
      (at, reason) => {
        if (!closed && at > Math.floor(read)) events.onBad(at, reason)
      },
    )
  }

  return {
    isWritten: true,
    commit(change, strict) {
      bringOrder()
      const pending = events.pendingOf(change)
      newest.push(pending)
      const last = tail('commits')
      if (last === undefined) queue.push({ kind: 'commits', pending: [pending], strict })
      else {
        last.pending.push(pending)
        last.strict ||= strict
      }
      schedule()
      // An append that has taken so long tells nobody when more comes to wait for it.
      if (delay.state() instanceof StoreError) queueMicrotask(events.onDelay)
    },
    order,
    join,
    claim(offer) {
      // Nobody would come to it any more.
      if (closed) return Promise.resolve({ kind: 'failed', error: closedError() })
      if (failure !== undefined) return Promise.resolve({ kind: 'failed', error: failure })
      bringOrder()
      return new Promise((settle) => {
        queue.push({ kind: 'claim', offer, settle })
        schedule()
      })
    },
    settle(entry, again) {
      bringOrder()
      endCut(undefined)
      for (const [from, to] of again) {
        unsaved().set(to, [])
        origins.set(to, from)
      }
      return new Promise((onStored) => {
        insertSettlement(queue, allUnderWay(), { entry, again, unheard: [], onStored })
        schedule()
      })
    },
    write(entry) {
      if (entry.kind === 'prepared') bringOrder()
      return new Promise((onStored) => {
        queue.push({ kind: 'entry', entry, onStored })
        schedule()
      })
    },
    isDurable: (id) => !unsaved().has(id),
    isUnheard(id) {
      const commits = [...allUnderWay()].filter(({ kind }) => kind === 'commits').flatMap(madeBy)
      for (let from = origins.get(id); from !== undefined; from = origins.get(from)) {
        if (!unsaved().has(from) || commits.includes(from)) return false
      }
      return unsaved().has(id)
    },
    unsaved: countUnsaved,
    failure: () => failure,
    delay: delay.state,
    isStuck: () => failure !== undefined || delay.state() instanceof StoreError,
    quiet() {
      // What a settlement or a decision says is in the memory already; of what is offered nothing is, until the log has it.
      const isTold = [...queue, ...allUnderWay()].some(({ kind }) => kind === 'settlement' || kind === 'entry')
      return !isTold && failure === undefined && !closed ? { position: read, claim: newestClaim } : undefined
    },
    cut() {
      const waiting = new Set([...queue, ...allUnderWay()])
      const last = queue.at(-1)
      if (failure !== undefined || closed || cutting !== undefined) return Promise.resolve(undefined)
      if ([...waiting].some(({ kind }) => kind !== 'commits')) return Promise.resolve(undefined)
      if (last === undefined) return Promise.resolve({ position: read, claim: newestClaim })
      // What is committed from now on makes the next record.
      sealed.add(last)
      return new Promise((resolve) => (cutting = { last, after: read, resolve }))
    },
    readUpTo: () => read,
    settled() {
      if (queue.length === 0 && !writing) return Promise.resolve()
      if (failure !== undefined) return Promise.reject(failure)
      return new Promise((resolve, reject) => settlers.push({ resolve, reject }))
    },
    durable(id) {
      const waiters = unsaved().get(id)
      if (waiters === undefined) return Promise.resolve()
      if (failure !== undefined) return Promise.reject(failure)
      return new Promise((resolve, reject) => waiters.push({ resolve, reject }))
    },
    flush() {
      if (closed) return
      leaving = true
      void drain()
      handOver()
    },
    pull,
    async close() {
      // A log that never answers must not keep us for ever.
      let giveUpWaiting = (): void => undefined
      const patience = new Promise<void>((resolve) => (giveUpWaiting = resolve))
      const cancelPatience = clock.setTimer(LAST_WRITE_MS, giveUpWaiting)
      await Promise.race([writeWhatIsLeft(), patience])
      cancelPatience()
      const left = countUnsaved()
      closed = true
      endCut(undefined)
      cancelRetry?.()
      delay.end()
      // Its failure was told to whoever pulled.
      await pulling?.catch(() => undefined)
      const error = new StoreError('closed', 'The store was closed before this was saved on this device.', {
        cause: failure,
      })
      for (const { reject } of [...settlers, ...[...unsaved().values()].flat()]) reject(error)
      refuseClaims(error)
      if (left > 0) {
        throw new StoreError(
          'storage-failed',
          `The store was closed with ${left} Changes that this device's storage did not take. What the relay has of them is safe; the rest is lost.`,
          { cause: failure },
        )
      }
    },
  }
}

/** How pieces are stored that go into one entry. */
function optionsOf(pieces: readonly Piece[], isStrictAnyway = false): AppendOptions {
  const durability = isStrictAnyway || pieces.some(isStrict) ? 'strict' : 'relaxed'
  return pieces.some(takesAway) ? { durability, twice: true } : { durability }
}

const nothingMore: { readonly fence?: undefined } = {}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  return new StoreError('storage-failed', `This device's storage refused to be written: ${String(error)}.`, {
    cause: error,
  })
}

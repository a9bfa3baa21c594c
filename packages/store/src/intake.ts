import { entriesIn, epochAt, isPartOfCheckpoint, type JoinEntry, type Ledger, type LogEntry } from '@syncline/protocol'
import {
  changeId,
  type CellKey,
  type Change,
  type ChangeId,
  type DistilledCell,
  type Epoch,
  type Origin,
  type Value,
} from '@syncline/stm'
import { allHere, type Away } from './away.ts'
import { createCheckpointReading, understoodAsleep, type ReadCheckpoint } from './checkpoint-reading.ts'
import type { Core } from './core.ts'
import { anewError, refusedError, StoreError } from './errors.ts'
import type { TakenUp } from './held.ts'
import type { OrderedRecord } from './journal.ts'
import { readJoin, type ReadJoin } from './join-reading.ts'
import { OtherLogError } from './known-log.ts'
import { readLocal, readRecord, readRecordInPieces, readStoredInPieces } from './open-log.ts'
import { atOnce, BYTES_OF_A_CELL, onePiece, type Pieces } from './pieces.ts'
import { asHeard, asReauthored, isAdoption, withLocalPart } from './read-change.ts'
import type { Pending } from './pending.ts'
import type { Choice } from './reading-past.ts'
import type { Envelope, OrderedItem } from './replica.ts'

/** Takes in what this device's log and the relay bring, and keeps the relay's order in the log without a gap. */
export interface Intake {
  /**
   * Takes in an entry of the log. Gives the cells that changed, none in a replay. Throws `storage-damaged` and `storage-newer` for what cannot be understood, and
   * nothing has happened then. In a replay it may be done in pieces: nobody else may read or write meanwhile.
   */
  entry(entry: LogEntry, origin: Origin): Pieces<ReadonlySet<CellKey>>
  /** Takes in a stretch of the relay's order and hands to the log what that does not have. `records` are the bytes of the Changes in it. */
  order(
    epoch: Epoch,
    first: number,
    items: readonly OrderedItem[],
    records: ReadonlyMap<OrderedItem, Uint8Array>,
    fence: number | undefined,
  ): ReadonlySet<CellKey>
  /** Takes in what was joined to the relay's log in place of what was known of that, and hands it to this device's log. */
  join(told: Omit<JoinEntry, 'known'>, fence: number | undefined, isAllTold: boolean): ReadonlySet<CellKey>
  /** All that there is has been read: of a checkpoint that is not whole as much is taken up as there is. Undefined where there is none. */
  onRead(): Pieces<ReadonlySet<CellKey> | undefined>
  /** The number of the newest checkpoint; 0 before the first. */
  checkpoint(): number
  /** Which parts of the checkpoint that is being read must come: the others are not needed, or can be read later. */
  readonly choice: Choice
  /** Whether a checkpoint has been read in part. */
  isReading(): boolean
  /** How far the relay's order is in the log. */
  storedSeq(): number
  /** Some of what the log has of it, which this tab has passed over until now, is damaged. */
  onDamagedBase(): void
  /** How far the relay's order is in the log, or on its way there. A tab that was fenced may know more than it was allowed to write. */
  loggedSeq(): number
  /** Whether the log has all of the relay's order that this tab has. */
  isStored(): boolean
  /** The relay's order is in the log up to here; of a log that it has gone over from since that says nothing. */
  onWritten(epoch: Epoch, relaySeq: number): void
  /** What was on its way into the log did not get there. */
  onFenced(): void
  /** The relay's order is in the log only up to here, whatever this tab has read there before: what comes after it is to be written again. */
  onGap(after: number): void
  /** Up to where the relay's order is known, when the log goes on behind a gap; undefined when it has none. */
  gap(): number | undefined
  /** Whether somebody of this device has gone over to what lacks some of what is here: the log does not say then where this tab is to go on, and the relay does, with what it tells next. */
  isBeside(): boolean
}

type Named = Pick<Change, 'writer' | 'seq'>

/** What an intake needs of a store. */
export type IntakeCore = Pick<
  Core,
  'space' | 'replica' | 'waiting' | 'leavesAsleep' | 'envelopes' | 'journal' | 'undoing' | 'agents' | 'away' | 'strand'
>

/** Makes the intake of one open store. */
export function createIntake(core: IntakeCore): Intake {
  const { replica, waiting, envelopes } = core
  let storedSeq = 0
  let loggedSeq = 0
  const away = (): Away => core.away
  const leaves = (): boolean => core.leavesAsleep && core.away === allHere && replica.isBlank()
  const checkpoint = createCheckpointReading(core.space, replica, away, leaves)
  /** The checkpoint of another log that comes to what is here. */
  const joining = createCheckpointReading(core.space, replica, away)
  /** Whether what was ordered up to the basis is known with gaps only: a part of a checkpoint is damaged. */
  let isBasePartial = false
  /** Whether this tab has gone over to another log of the relay by itself: what others have gone over to stands in this device's log before that, until all of it has been read. */
  let leads = false
  let isBeside = false
  /** Where the log goes on behind what could not be joined on. */
  let beyondGap: { readonly epoch: Epoch; readonly last: number } | undefined

  function* apply(
    epoch: Epoch,
    first: number,
    items: readonly OrderedItem[],
    origin: Origin,
  ): Pieces<ReadonlySet<CellKey>> {
    const accepted = items.flatMap(({ writer }) => replica.envelopes.get(writer)?.change ?? [])
    const { relaySeq: known } = replica.basis()
    const named = items.map((item) => replica.envelopes.get(item.writer)?.change ?? item)
    let shift = replica.shift()
    const changed = yield* replica.order(epoch, first, items, origin)
    named.forEach((item, i) => {
      if (first + i <= known) return
      if (isAdoption(item)) shift = replica.shift()
      else if ('ops' in item) core.undoing.onOrdered(item, first + i, shift)
    })
    for (const item of items) waiting.resolve(changeId(item))
    for (const change of accepted) {
      // Before anybody hears of the commit, as with every other one; who waits for it hears later. What a dead tab sent is sent by nobody.
      if (envelopes.isOurs(change.writer)) core.agents.deliver(change.effects)
      envelopes.decide(change.writer, { kind: 'accepted', change })
    }
    return changed
  }

  /** What the log needs to keep of an item: its name, when the Change is there already. */
  function toStore(item: OrderedItem, records: ReadonlyMap<OrderedItem, Uint8Array>): OrderedRecord {
    const id = changeId(item)
    const pending = replica.pending.get(id)
    const name = { writer: item.writer, seq: item.seq }
    // An envelope is sent when it is in the log.
    if (replica.envelopes.has(item.writer)) return name
    if (pending !== undefined && core.journal.isDurable(id)) return name
    return records.get(item) ?? pending?.record() ?? name
  }

  function onStored(relaySeq: number): void {
    // What is known with gaps is asked for from its beginning.
    if (isBasePartial) return
    storedSeq = Math.max(storedSeq, relaySeq)
    loggedSeq = Math.max(loggedSeq, storedSeq)
    core.away.onStored()
  }

  /** Takes up a checkpoint, as much as has come of it. */
  function* takeUp(origin: Origin): Pieces<ReadonlySet<CellKey>> {
    const { ledger, isPartial, asleep, directory, isLeft, ...found } = checkpoint.take()!
    const isOfUse = ledger !== undefined && replica.fits(ledger)
    const isLaid = found.cells === undefined || found.cells.length === 0
    const isCounted = ledger?.counted !== undefined
    const staysCounted =
      isCounted && isLaid && !isPartial && origin === 'replay' && core.away === allHere && replica.isBlank()
    // What was left in the log is needed now.
    if (isLeft && !staysCounted) throw anewError()
    const all = isLeft ? none : [...found.pending, ...(yield* understoodAsleep(asleep, core.space, replica))]
    // What lies there already does not stay there.
    if (!isOfUse && found.cells === undefined) replica.memory.restore([], replica.basis())
    // What was ordered before is asked of the relay again, as where the order has a gap.
    if (ledger === undefined) return commitAll(all)
    // Whoever has written it had not gone over yet to the log that this tab is in, where all is that it has of the relay.
    if (!isOfUse && isPast(ledger)) return yield* joinOn({ ...found, pending: all }, ledger, isPartial, origin)
    if (!isOfUse) {
      core.strand({ code: 'epoch-changed', message: otherLog })
      // What comes behind it builds on it.
      if (origin !== 'replay') throw new StoreError('other-log', otherLog)
      return nothing
    }
    const asked = [...replica.envelopes.values()]
    const pending = staysCounted ? none : all
    const cells = staysCounted ? undefined : isCounted ? uncounted(found.cells) : found.cells
    const taken = {
      ...found,
      cells,
      pending,
      ledger,
      ...(staysCounted && { counted: all, ...(isLeft && { asleep: directory?.asleep?.[3] }) }),
    }
    const { epoch, relaySeq } = replica.basis()
    const { changed, ordered } = yield* replica.takeUp(taken, origin)
    // It has gone over to another log with that, of which nothing is stored but this.
    if (replica.epochAt(relaySeq) !== epoch) {
      storedSeq = loggedSeq = 0
      isBeside = false
    }
    isBasePartial = isPartial && ledger.relaySeq > 0
    onStored(ledger.relaySeq)
    for (const pair of ledger.became) core.undoing.onReauthored(...asReauthored(pair))
    yield* hearNotes({ ...found, pending }, () => true)
    for (const id of ordered) waiting.resolve(id)
    decideAsked(asked)
    for (const refused of replica.refused.values()) waiting.reject(refused.id, refusedError(refused))
    return changed
  }

  /** Whether all that its writer had of the relay's log was joined to the one that this tab is in. */
  function isPast({ stretches, relaySeq }: Ledger): boolean {
    const stretch = stretches.findLast(([, first]) => first <= relaySeq)
    return stretch !== undefined && replica.hasJoined(stretch[0], relaySeq)
  }

  /** Of cells that count what is pending those that do not: what is on refs of this browser. Undefined are those that lie in the memory. */
  function uncounted(cells: readonly DistilledCell[] | undefined): readonly DistilledCell[] {
    return [...(cells ?? replica.acknowledged() ?? none)].filter(({ arbiter }) => arbiter === 'browser')
  }

  /** What is pending in a checkpoint of which nobody knows what else was in it. */
  function commitAll(pending: readonly Pending[]): ReadonlySet<CellKey> {
    const changed = new Set<CellKey>()
    for (const one of pending) {
      const known = { record: one.record(), inverse: one.inverse, saw: one.saw }
      for (const key of replica.commit(one.change, 'replay', known)) changed.add(key)
    }
    return changed
  }

  /** Hears how Changes of a checkpoint can be taken back: of those that are news. */
  function* hearNotes(
    {
      undoable,
      notes,
      pending,
      envelopes: asked,
    }: Pick<ReadCheckpoint, 'undoable' | 'notes' | 'envelopes'> & { readonly pending: readonly Pending[] },
    isNews: (change: Named) => boolean,
  ): Pieces<void> {
    const noted = new Set<ChangeId>()
    for (const note of undoable) {
      const named = { writer: note[0], seq: note[1] }
      if (isNews(named)) core.undoing.hearKept(note)
      noted.add(changeId(named))
      yield BYTES_OF_A_CELL
    }
    for (const note of notes) {
      const [change, inverse, relaySeq] = asHeard(note)
      if (isNews(change)) core.undoing.hear(change, inverse, relaySeq || undefined)
      noted.add(changeId(change))
      yield change.ops.length * BYTES_OF_A_CELL
    }
    // Where Changes are counted there are notes of them too.
    for (const { change, inverse } of pending) {
      if (isNews(change) && !noted.has(changeId(change))) core.undoing.hear(change, inverse())
      yield change.ops.length * BYTES_OF_A_CELL
    }
    for (const { change, local } of asked) {
      if (isNews(change)) core.undoing.hearAsked(change, readLocal(local(), core.space).inverse)
    }
  }

  /** Takes in the checkpoint of another log, as much as has come of it, beside what is here. */
  function* join(origin: Origin): Pieces<ReadonlySet<CellKey>> {
    const { ledger: whole, isPartial, asleep, ...more } = joining.take()!
    const pending = [...more.pending, ...(yield* understoodAsleep(asleep, core.space, replica))]
    return whole === undefined ? commitAll(pending) : yield* joinOn({ ...more, pending }, whole, isPartial, origin)
  }

  function* joinOn(
    found: Omit<TakenUp, 'ledger'> & Pick<ReadCheckpoint, 'undoable' | 'notes'>,
    whole: Ledger,
    isPartial: boolean,
    origin: Origin,
  ): Pieces<ReadonlySet<CellKey>> {
    const { pending } = found
    const ledger = isPartial ? { ...whole, relaySeq: 0, stretches: [] } : whole
    const known = new Set<ChangeId>()
    const isKnown = (change: Named): boolean => replica.isCommitted(change) || known.has(changeId(change))
    // What one that is here has become there is no other one.
    for (const [writer, seq, , nextWriter, nextSeq] of ledger.became) {
      if (isKnown({ writer, seq })) known.add(changeId({ writer: nextWriter, seq: nextSeq }))
    }
    const notes = [...found.undoable, ...found.notes].map(([writer, seq]) => ({ writer, seq }))
    const named = [...notes, ...pending.map(({ change }) => change)]
    for (const change of named) if (replica.isCommitted(change)) known.add(changeId(change))
    const asked = [...replica.envelopes.values()]
    for (const { change } of asked) known.add(changeId(change))
    const before = [...replica.pending.keys()]
    const { relaySeq } = replica.basis()
    const { changed, ordered } = yield* replica.join({ ...found, ledger }, origin)
    if (replica.basis().relaySeq > relaySeq) {
      isBasePartial = false
      onStored(replica.basis().relaySeq)
    }
    yield* hearNotes(found, (change) => !known.has(changeId(change)))
    decideAsked(asked)
    for (const id of ordered) waiting.resolve(id)
    const refused = before.flatMap((id) => replica.refused.get(id) ?? [])
    for (const one of refused) waiting.reject(one.id, refusedError(one))
    core.undoing.onRefused(refused.map(({ id }) => id))
    return changed
  }

  /** Goes over to another log of the relay: to what was joined to it, and what stands there before that and it has not seen. */
  function* goOver({ epoch, relaySeq }: JoinEntry, found: ReadJoin, origin: Origin): Pieces<ReadonlySet<CellKey>> {
    const { cells, ledger, news } = found
    const asked = [...replica.envelopes.values()]
    const taken = { cells, ledger, pending: none, refused: none, envelopes: none }
    // What is between them stands directly before it, so that the order goes on behind it.
    const first = relaySeq - news.length
    const caught = yield* replica.goOver(taken, epoch, first, origin)
    isBasePartial = isBeside = false
    beyondGap = undefined
    storedSeq = loggedSeq = 0
    for (const id of caught.ordered) waiting.resolve(id)
    decideAsked(asked)
    if (news.length === 0) return caught.changed
    return new Set([...caught.changed, ...(yield* apply(epoch, first + 1, news, origin))])
  }

  /** What is here is not in what was joined: nobody else has it. */
  function strandBeside(origin: Origin): ReadonlySet<CellKey> {
    core.strand({ code: 'epoch-changed', message: otherLog })
    if (origin !== 'replay') throw new StoreError('other-log', otherLog)
    return nothing
  }

  /** Tells what became of envelopes that are not here any more. */
  function decideAsked(asked: readonly Envelope[]): void {
    for (const { change } of asked) {
      if (replica.envelopes.has(change.writer)) continue
      const isRefused = replica.isDismissed(change.writer)
      envelopes.decide(change.writer, isRefused ? { kind: 'refused', ...untold } : { kind: 'accepted', change })
    }
  }

  /** The relay's order comes from its beginning, or what was joined to it as a whole: what was known of it, with gaps, is not needed any more. */
  function beginAnew(first: number): ReadonlySet<CellKey> {
    if (!isBasePartial || first !== 1) return nothing
    isBasePartial = false
    return replica.forgetOrder()
  }

  /** Takes in what a tab of this browser has committed. */
  function takingOf(made: readonly Made[]): Taking {
    return function* (origin) {
      const changed = new Set<CellKey>()
      for (const { change, inverse, record } of made) {
        const known = { record, inverse: () => inverse }
        const isCommitted = replica.isCommitted(change)
        if (origin === 'replay') yield* replica.replay(change, known)
        else for (const key of replica.commit(change, origin, known)) changed.add(key)
        if (!isCommitted) core.undoing.hear(change, inverse)
      }
      return changed
    }
  }

  /** Understands all of an entry, and gives what takes it in. */
  function* read(entry: LogEntry): Pieces<Taking> {
    switch (entry.kind) {
      case 'commits': {
        const made: Made[] = []
        for (const { record, local } of entry.changes) {
          const part = readLocal(local, core.space)
          yield local.length
          const change = withLocalPart(yield* readRecordInPieces(record, core.space), part)
          made.push({ change, inverse: part.inverse, record })
        }
        return takingOf(made)
      }
      case 'run':
        return takingOf(entry.changes)
      case 'ordered': {
        const items: OrderedItem[] = []
        for (const item of entry.items) {
          if (!(item instanceof Uint8Array)) items.push(item)
          else items.push(yield* readRecordInPieces(item, core.space))
        }
        return function* (origin) {
          try {
            const anew = beginAnew(entry.first)
            const changed = new Set([...anew, ...(yield* apply(entry.epoch, entry.first, items, origin))])
            onStored(entry.first + entry.items.length - 1)
            return changed
          } catch (error) {
            // What does not join on is asked of the relay again, from where the order ends here.
            if (error instanceof RangeError) {
              beyondGap = { epoch: entry.epoch, last: entry.first + entry.items.length - 1 }
              return nothing
            }
            if (!(error instanceof OtherLogError)) throw error
            // Another tab was told later that the relay had lost it.
            if (replica.hasJoined(entry.epoch, entry.first + entry.items.length - 1)) return nothing
            // What was in the log first counts. If this tab has heard otherwise of the relay, it knows what nobody else here does.
            if (error.relaySeq > storedSeq && error.relaySeq <= replica.basis().relaySeq)
              core.strand({ code: 'epoch-changed', message: error.message })
            return nothing
          }
        }
      }
      case 'join': {
        const found = yield* readStoredInPieces(core.space, readJoin(entry, core.space, replica, away))
        return function* (origin) {
          const { relaySeq } = entry
          const anew = beginAnew(1)
          const standing = replica.standing(entry, found.covers)
          if (standing === 'past') onStored(relaySeq)
          if (standing === 'lacks some' && (leads || replica.basis().relaySeq > storedSeq)) return strandBeside(origin)
          // What came first in the log counts; but whoever knew what this tab has gone over to came after it.
          const { known } = entry
          const isAfter = !leads || epochAt(known.stretches, known.relaySeq) === replica.basis().epoch
          if (standing !== 'news' || !isAfter) {
            isBeside ||= standing !== 'past'
            return anew
          }
          const changed = new Set([...anew, ...(yield* goOver(entry, found, origin))])
          onStored(relaySeq)
          return changed
        }
      }
      case 'refused':
        return once(() => {
          replica.refuse(entry)
          return nothing
        })
      case 'ended': {
        const gone = entry.refused.map((one) => ({ ...one, shared: readRecord(one.record, core.space) }))
        const again = entry.reauthored.map((record) => ({ record, change: readRecord(record, core.space) }))
        return once(() => {
          const refused = gone.map(({ record, shared, code, message }) => {
            const id = changeId(shared)
            // The record has the shared part only.
            return { record, change: { id, change: replica.pending.get(id)?.change ?? shared, code, message } }
          })
          const changed = replica.end(entry.writer, entry.lastSeq, refused, again)
          for (const { change } of refused) core.waiting.reject(change.id, refusedError(change))
          core.undoing.onRefused(refused.map(({ change }) => change.id))
          return changed
        })
      }
      case 'dropped':
        return once(() => {
          replica.drop(entry.changes)
          return nothing
        })
      case 'prepared': {
        const { by, record, local } = entry
        const part = readLocal(local, core.space)
        const change = withLocalPart(readRecord(record, core.space), part)
        return once(() => {
          replica.prepare({ by, isOurs: false, record: () => record, local: () => local, change })
          if (replica.envelopes.get(change.writer)?.change === change) core.undoing.hearAsked(change, part.inverse)
          return nothing
        })
      }
      case 'decided':
        return once(() => {
          replica.dismiss(entry.writer)
          core.undoing.onDismissed(entry.writer)
          envelopes.decide(entry.writer, { kind: 'refused', code: entry.code, message: entry.message })
          return nothing
        })
      case 'cells':
      case 'rows':
      case 'rest': {
        const add = yield* checkpoint.part(entry)
        return function* (origin) {
          add(origin === 'replay')
          return checkpoint.isOver() ? yield* takeUp(origin) : nothing
        }
      }
      case 'joined': {
        const add = yield* joining.part(entry.part)
        return function* (origin) {
          // It comes to what is there, so it does not lie under it.
          add(false)
          return joining.isOver() ? yield* join(origin) : nothing
        }
      }
      case 'whole':
      case 'together': {
        const all: Taking[] = []
        for (const one of entriesIn(entry)) all.push(yield* read(one))
        return function* (origin) {
          const changed = new Set<CellKey>()
          for (const take of all) for (const key of yield* take(origin)) changed.add(key)
          return changed
        }
      }
    }
  }

  /** No more comes of a checkpoint: what there is of it is all. */
  function* conclude(isRead: boolean, isJoined: boolean, origin: Origin): Pieces<ReadonlySet<CellKey> | undefined> {
    if (isRead && checkpoint.isUnderWay()) return yield* takeUp(origin)
    return isJoined && joining.isUnderWay() ? yield* join(origin) : undefined
  }

  return {
    *entry(entry, origin) {
      const take = yield* read(entry)
      const isPart = isPartOfCheckpoint(entry)
      const before = yield* conclude(!isPart, entry.kind !== 'joined', origin)
      return before === undefined ? yield* take(origin) : new Set([...before, ...(yield* take(origin))])
    },
    onRead() {
      leads &&= storedSeq < loggedSeq
      return conclude(true, true, 'remote')
    },
    checkpoint: checkpoint.newest,
    choice: checkpoint,
    isReading: () => checkpoint.isUnderWay() || joining.isUnderWay(),
    order(epoch, first, items, records, fence) {
      isBeside = false
      const anew = beginAnew(first)
      const stored = items.map((item) => toStore(item, records))
      const changed = new Set([...anew, ...atOnce(apply(epoch, first, items, 'remote'))])
      const news = stored.slice(Math.max(0, loggedSeq + 1 - first))
      if (news.length > 0) core.journal.order(epoch, first + stored.length - news.length, news, fence)
      loggedSeq = Math.max(loggedSeq, first + stored.length - 1)
      return changed
    },
    join(told, fence, isAllTold) {
      const entry: JoinEntry = { ...told, known: replica.knownLog() }
      const found = atOnce(readJoin(entry, core.space, replica, away))
      const anew = beginAnew(1)
      const standing = replica.standing(entry, found.covers)
      if (standing === 'lacks some' && !isAllTold) throw new OtherLogError(entry.relaySeq, otherLog)
      // Wherever this tab has been, the relay has told it where it is now.
      const changed = standing === 'past' ? nothing : atOnce(goOver(entry, found, 'remote'))
      core.journal.join(entry, fence)
      leads = true
      loggedSeq = entry.relaySeq
      return new Set([...anew, ...changed])
    },
    storedSeq: () => storedSeq,
    onDamagedBase() {
      isBasePartial = replica.basis().relaySeq > 0
      loggedSeq = storedSeq = 0
    },
    loggedSeq: () => loggedSeq,
    isStored: () => replica.basis().relaySeq <= storedSeq,
    onWritten(epoch, relaySeq) {
      if (replica.epochAt(relaySeq) === epoch) onStored(relaySeq)
    },
    onFenced() {
      loggedSeq = storedSeq
    },
    onGap(after) {
      loggedSeq = storedSeq = Math.min(storedSeq, after)
    },
    isBeside: () => isBeside,
    gap() {
      if (isBasePartial) return 0
      const { epoch, relaySeq } = replica.basis()
      if (beyondGap === undefined || relaySeq >= beyondGap.last) return undefined
      return epoch === null || epoch === beyondGap.epoch ? relaySeq : undefined
    },
  }
}

/** A Change that was committed, with its record if that says more. */
interface Made {
  readonly change: Change
  readonly inverse: Value
  readonly record?: Uint8Array | undefined
}

/** Whether something says what has become of pending Changes, which cannot be taken in while they are asleep. */
export function isOfPending(entry: LogEntry): boolean {
  return entriesIn(entry).some(
    ({ kind }) => kind === 'ordered' || kind === 'ended' || kind === 'joined' || kind === 'join',
  )
}

/** Takes in what was understood. */
type Taking = (origin: Origin) => Pieces<ReadonlySet<CellKey>>

function once(take: () => ReadonlySet<CellKey>): Taking {
  return () => onePiece(take)
}

const nothing: ReadonlySet<CellKey> = new Set()
const none: readonly never[] = []
const otherLog =
  'This tab has heard another log of the relay than this device has stored: the relay lost its data or came back from a backup. Nothing of yours is lost. Open it again to go on with what is stored.'
/** Another tab was told why, and that was compacted before this one read it. */
const untold = {
  code: 'aborted',
  message: 'The relay has not accepted this; another tab of this browser was told why.',
}

import {
  decodeEntry,
  entriesIn,
  isOfCells,
  isOfSpare,
  isPartOfCheckpoint,
  ProtocolError,
  type KeptNote,
  type LogEntry,
} from '@syncline/protocol'
import { changeId } from '@syncline/stm'
import { countOf } from './asleep.ts'
import type { HeldAway } from './away.ts'
import type { Core } from './core.ts'
import { partsOf } from './checkpoint-writing.ts'
import { StoreError } from './errors.ts'
import type { Held } from './held.ts'
import type { Journal } from './journal.ts'
import { createNoteKeeping } from './kept-notes.ts'
import { createPauses, nextTask, type Pieces } from './pieces.ts'
import type { HeldLock } from './ports.ts'

/** Puts a checkpoint in place of this device's log, again and again, so that it does not grow with the number of Changes. */
export interface Compacting {
  /** An entry of so many bytes was read from the log. */
  saw(entry: LogEntry, bytes: number): void
  /** So many bytes were written to it. */
  grew(bytes: number): void
}

/** So much is worth the while. */
const LEAST_BYTES = 64 * 1024
/** Whoever writes has better things to do: it begins when nothing has come for so long, or so many times more than is worth the while. */
const QUIET_MS = 250
/** A tab that has not met the refs of so many operations would keep each of them: it lets others be first, for so long. */
const MOST_UNREAD = 100
const OTHERS_MS = 5_000
const MOST_WAITING = 16
/** So many times more than what is held is too much, whatever of it may be pending: that is a guess. */
const MOST_PENDING = 8
/** What a pending Change takes in the log at least, for as long as no checkpoint has said how large they are: many of them alone are no reason to make the first. */
const LEAST_PENDING_BYTES = 40
/** How long it rests when the storage fails, or does not say what it should. Twice as long each time. */
const AGAIN_MS = 1000
const MOST_AGAIN_MS = 60_000

/** What has come of an attempt. */
type Outcome =
  /** There is nothing to do any more, or nobody to do it for. */
  | 'over'
  /** What is on its way into the log, or is read from it, stands in the way: when it is there the log has grown, or more of it was read. */
  | 'hindered'
  /** Something has come in between, as it may again the next time. */
  | 'crossed'
  /** Nobody can say when it is worth to try again. */
  | 'failed'

/**
 * Compacts the log of one open store when what came since the last checkpoint is as much as that: so each byte is written a bounded number of times, and the
 * log is never more than a few times what need be kept. Of the tabs of a browser one does it; should two, the second changes nothing.
 */
export function createCompacting(core: Core): Compacting {
  const { space, clock, log } = core
  /** The bytes of the checkpoint, and those behind it. */
  let held = 0
  let tail = 0
  /** The bytes that this tab has ever put there. */
  let grown = 0
  /** The bytes of pending Changes in it, and how many these were. */
  let pendingBytes = 0
  let pendingCount = 0
  /** The number of the checkpoint that this tab has made last. */
  let made = 0
  let hasBegun = false
  /** Whether it is at it, or rests. */
  let isUnderWay = false
  /** Whether what is waited for is that another tab does it. */
  let leavesToOthers = false
  /** Whether the log has grown, or was read, since it is at it. */
  let hasMoved = false
  let againMs = AGAIN_MS
  let cancel: (() => void) | undefined
  /** While another tab has its turn: ends the wait for that. */
  let turn: AbortController | undefined

  const worthBytes = log.worthBytes ?? LEAST_BYTES

  core.starting.add(() => {
    hasBegun = true
    look()
  })
  core.closing.add(() => {
    cancel?.()
    turn?.abort()
  })
  core.on('compacted', (now) => {
    ;({ held, tail, pendingBytes, pendingCount } = now)
    if (!isWorthIt()) turn?.abort()
  })

  function look(): void {
    hasMoved = true
    if (!hasBegun || isUnderWay || core.isClosed || core.stranded !== undefined || !core.isLasting) return
    if (!isWorthIt()) return
    const isUrgent = bytesTooMany() > MOST_WAITING * worthBytes || tail > MOST_WAITING * Math.max(worthBytes, held)
    const isLate = core.locks !== undefined && core.replica.memory.waiting() > MOST_UNREAD
    // However much comes, others have so long.
    if (isUrgent && isLate && leavesToOthers) return
    cancel?.()
    leavesToOthers = isLate
    cancel = clock.setTimer(isLate ? OTHERS_MS : isUrgent ? 0 : QUIET_MS, tryIt)
  }

  function isWorthIt(): boolean {
    // What is counted in a checkpoint need not be understood when the space is opened.
    const times = core.replica.isCountable() ? 1 : MOST_PENDING
    return bytesTooMany() > 0 || tail > times * Math.max(worthBytes, held)
  }

  /** By how much what can be left out is more than what is to be kept, or worth the while. */
  function bytesTooMany(): number {
    // What is pending is kept as it is, and nothing more of what was when the relay has stored it.
    const eachPending = pendingCount === 0 ? LEAST_PENDING_BYTES : pendingBytes / pendingCount
    const kept = held - pendingBytes + core.replica.pendingCount() * eachPending
    return held + tail - kept - Math.max(worthBytes, kept)
  }

  function tryIt(): void {
    leavesToOthers = false
    isUnderWay = true
    run().then(conclude, (error: unknown) => {
      // Whoever writes hears of a storage that fails.
      if (!(error instanceof StoreError)) core.onError(error)
      conclude('failed')
    })
  }

  function conclude(outcome: Outcome): void {
    if (core.isClosed) return
    isUnderWay = outcome === 'failed' || outcome === 'crossed'
    if (outcome === 'crossed') {
      cancel = clock.setTimer(QUIET_MS, tryIt)
      return
    }
    if (outcome === 'over') againMs = AGAIN_MS
    if (outcome === 'over' || (outcome === 'hindered' && hasMoved)) {
      look()
      return
    }
    // Who is hindered looks again as soon as something moves, and after a while in any case.
    cancel = clock.setTimer(againMs, tryIt)
    againMs = Math.min(againMs * 2, MOST_AGAIN_MS)
  }

  async function run(): Promise<Outcome> {
    const early = await obstacle()
    if (early !== undefined) return early
    const lock = await takeTurn()
    if (lock === undefined && core.locks !== undefined) return 'over'
    try {
      const late = await obstacle()
      return late ?? (await compact())
    } finally {
      lock?.release()
    }
  }

  /** Waits until no other tab is at it, or until one has done it. */
  async function takeTurn(): Promise<HeldLock | undefined> {
    if (core.locks === undefined || core.isClosed) return undefined
    turn = new AbortController()
    const { signal } = turn
    try {
      return await core.locks.hold(`compact ${space}`, signal)
    } catch (error) {
      if (!signal.aborted) throw error
      return undefined
    } finally {
      turn = undefined
    }
  }

  /** What there is to say before it begins, if anything. */
  async function obstacle(): Promise<Outcome | undefined> {
    // What is being committed in this task is concluded when it is over.
    await nextTask(clock)
    hasMoved = false
    if (core.isClosed || core.stranded !== undefined || !isWorthIt()) return 'over'
    // Where another tab has taken the fence, the log may never have it, or otherwise.
    const isClear = core.intake.isStored() && core.intake.gap() === undefined && !core.intake.isReading()
    return isClear && core.journal.quiet() !== undefined ? undefined : 'hindered'
  }

  async function compact(): Promise<Outcome> {
    const counts = core.replica.isCountable()
    // What is counted and is not in the log is on its way there: with that the log has all of it, and none of what is committed meanwhile.
    const cut = counts ? core.journal.cut() : core.journal.quiet()
    const state = core.replica.hold(counts ? () => true : core.journal.isDurable)
    const at = await cut
    if (at === undefined && counts) return 'crossed'
    if (at === undefined || at.position === 0 || state === undefined) return 'failed'
    const away = core.away.hold()
    try {
      return await replaceBy(state, at, away)
    } finally {
      away.letGo()
    }
  }

  async function replaceBy(
    state: Held,
    at: NonNullable<ReturnType<Journal['quiet']>>,
    away: HeldAway,
  ): Promise<Outcome> {
    const checkpoint = Math.max(made, core.intake.checkpoint()) + 1
    const { notes, tailThere } = await lookThrough(at.position, state)
    // Another tab may have done it, which this one has read too far to see.
    if (!isWorthIt()) return 'over'
    // What is awake here falls asleep anew.
    const there = state.asleep.length > 0 ? await core.waking.find() : undefined
    if (there !== undefined && JSON.stringify(there.directory?.asleep?.[3]) !== JSON.stringify(state.asleep)) {
      // Another one did, of less than this tab has read: what it has put to sleep is awake here.
      await core.waking.wake()
      return 'hindered'
    }
    const gone = await away.cells()
    if (gone === undefined) return 'failed'
    const entries: Uint8Array[] = []
    let bytesPending = 0
    const onPending = (bytes: number): void => void (bytesPending += bytes)
    const parts = partsOf(state, notes, checkpoint, there?.asleep ?? [], onPending, core.away, gone)
    for (;;) {
      // Each in a task of its own, the first one too.
      await nextTask(clock)
      if (core.isClosed) return 'over'
      const next = parts.next()
      if (next.done === true) {
        if (next.value !== undefined) entries.unshift(next.value)
        break
      }
      entries.push(next.value)
    }
    try {
      await log.replace(at.position, entries, at.claim)
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'compacted')) throw error
      // Another tab was first, with as much.
      tail = 0
      return 'over'
    }
    made = checkpoint
    tail = Math.max(0, tail - tailThere)
    held = entries.reduce((sum, entry) => sum + (isOfSpare(entry) ? 0 : entry.length), 0)
    pendingCount = countOf(state.asleep) + state.pending.length
    pendingBytes = bytesPending
    core.tell({ type: 'compacted', held, tail, pendingBytes, pendingCount })
    return 'over'
  }

  /** Counts what there is, and gives the notes up to a position, and how many bytes of the tail are up to there. */
  async function lookThrough(
    position: number,
    { ledger, pending }: Held,
  ): Promise<{ readonly notes: readonly KeptNote[]; readonly tailThere: number }> {
    const keeping = createNoteKeeping(space)
    const pauses = createPauses(clock)
    const grownBefore = grown
    held = pendingBytes = pendingCount = 0
    let tailFound = 0
    let tailThere = 0

    function* lookAt(bytes: Uint8Array, at: number): Pieces<void> {
      // They are many, and have none.
      if (isOfCells(bytes)) {
        held += bytes.length
        return
      }
      try {
        const entry = decodeEntry(bytes)
        yield bytes.length
        count(entry, bytes.length)
        if (isPartOfCheckpoint(entry)) {
          if (entry.part === 1) tailFound = tailThere = 0
        } else tailFound += bytes.length
        if (at > position) return
        tailThere = tailFound
        for (const one of entriesIn(entry)) yield* keeping.take(one)
      } catch (error) {
        if (!(error instanceof ProtocolError || error instanceof StoreError)) throw error
        // It was told of when it was read first.
      }
    }

    await log.read(
      0,
      (bytes, at) => pauses.through(lookAt(bytes, at)),
      () => undefined,
    )
    // What has come while it was read may be counted twice, and is not forgotten.
    tail = tailFound + grown - grownBefore
    // Who need not understand them hears how they can be taken back all the same.
    const kept = new Set(ledger.counted === undefined ? pending.map(({ change }) => changeId(change)) : [])
    const notes = await pauses.through(keeping.wanted(ledger, (id) => kept.has(id)))
    return { notes, tailThere }
  }

  function count(entry: LogEntry, bytes: number): void {
    if (!isPartOfCheckpoint(entry)) {
      tail += bytes
      return
    }
    if (entry.part === 1) held = tail = pendingBytes = pendingCount = 0
    const rest = entry.kind === 'rest' ? entry.rest : undefined
    // Whether they are read or not, the directory has told of the former, and the latter is no more than these.
    if (rest?.[0] === 'asleep' || rest?.[0] === 'spare') return
    held += bytes
    if (rest?.[0] === 'directory' && rest[1].asleep !== undefined) {
      held += rest[1].asleep[2]
      pendingBytes += rest[1].asleep[2]
      pendingCount += countOf(rest[1].asleep[3])
    }
    if (rest?.[0] !== 'pending') return
    pendingBytes += bytes
    pendingCount += rest[1].length
  }

  /** How many bytes of the parts that a directory names are not read. */
  function passedOver(entry: LogEntry): number {
    if (entry.kind !== 'rest' || entry.rest[0] !== 'directory') return 0
    const isWanted = core.away.wants(entry.rest[1])
    return entry.rest[1].portions.reduce((sum, [portion, , , bytes]) => sum + (isWanted(portion) ? 0 : bytes), 0)
  }

  return {
    saw(entry, bytes) {
      count(entry, bytes)
      held += passedOver(entry)
      look()
    },
    grew(bytes) {
      grown += bytes
      tail += bytes
      look()
    },
  }
}

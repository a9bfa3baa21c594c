import { decodeHeader, MAX_CHECKPOINT_BYTES, ProtocolError, type Frame, type JoinEntry } from '@syncline/protocol'
import { emptyBasis, type Basis, type Change, type Epoch, type WriterId } from '@syncline/stm'
import { createBackoff } from './backoff.ts'
import type { JoinPieces } from './join-writing.ts'
import { OtherLogError } from './known-log.ts'
import type { Line, LineChannel, LineState, Welcome } from './line.ts'
import type { Chance, Clock } from './ports.ts'
import type { BroughtCheckpoint } from './newcomer.ts'
import { readChange } from './read-change.ts'
import type { Refusal } from './refusals.ts'
import type { OrderedItem } from './replica.ts'
import type { Problem, Status } from './status.ts'

/** What a link needs to know of its store. */
export interface LinkSide {
  readonly space: string
  readonly clock: Clock
  readonly chance: Chance
  /** From where the relay is asked: the end of this device's log; or with `inMemory`, all that is known here. */
  basis(inMemory?: boolean): Basis
  /** How far the relay's log is known in memory. That may be more than is said in `basis`, and then is more to compare. */
  seenSeq(): number
  /** Changes that may be sent, in order. */
  sendable(): Iterable<Sendable>
  /** Writers whose first Change the relay is to call off, unless it has it. */
  calledOff(): Iterable<WriterId>
  /** A stretch of the relay's log has come. `records` are the bytes of those items that are Changes. */
  onOrder(
    epoch: Epoch,
    first: number,
    items: readonly OrderedItem[],
    records: ReadonlyMap<OrderedItem, Uint8Array>,
  ): void
  /** Whether nothing of the relay's log is known here, so that a checkpoint of it does as well. */
  isNew(): boolean
  /** Takes up the checkpoint in these pieces, of a log that ends at `head`. Resolves with up to where all is here then; undefined where nothing is. */
  takeUp(
    pieces: readonly Uint8Array[],
    head: number,
  ): Promise<Pick<BroughtCheckpoint, 'relaySeq' | 'epoch'> | undefined>
  /** What was joined to the relay's log has come, which takes the place of what is known of it here. `isAllTold`: the relay knew how much that is. */
  onJoin(entry: Omit<JoinEntry, 'known'>, isAllTold: boolean): void
  /** Whether what the relay had decided waits to be adopted. */
  isUnadopted(): boolean
  /** The writers of what the relay is to decide about. */
  undecided(): Iterable<WriterId>
  /** The relay has lost what is here up to `relaySeq`: what this side has of it, to be joined; with `adopts` what it had decided, too. */
  piecesOfJoin(relaySeq: number, adopts: boolean): Promise<JoinPieces>
  onError(error: unknown): void
  onRefusal(refusal: Refusal): void
  /** Whether this device's log is to be read before Changes are taken in that have come. */
  isBehind(): boolean
  readLog(): Promise<void>
  onPresence(session: string, slot: number, payload: Uint8Array): void
  /** The link is up or down for presence: all peers behind the relay are gone when it is down. */
  onReachable(reachable: boolean): void
  /** The relay's clock is ahead of ours by so much. */
  onClockOffset(offsetMs: number): void
  onState(state: LinkState): void
}

/** A Change on its way to the relay. */
export interface Sendable {
  readonly change: { readonly writer: WriterId; readonly seq: number }
  record(): Uint8Array
}

/** How a link is doing. */
export interface LinkState {
  readonly link: Status['link']
  readonly problem: Problem | undefined
  readonly retryAtMs: number | undefined
}

/** A running conversation with the relay about one space. */
export interface Link {
  /** There is something new to send. */
  wake(): void
  sendPresence(slot: number, payload: Uint8Array): void
  /** Opens a channel that has failed again, without waiting any longer. */
  retry(): void
  /** Opens the channel again at once, from where the basis is now. */
  askAgain(): void
  stop(): void
}

/** How many bytes of Changes go into one frame before the next is begun. */
const FRAME_BYTES = 256 * 1024
/** With so many bytes before us that have not reached the network we stop sending Changes, and look again when some may have. */
const BUFFERED_BYTES = 1024 * 1024
const DRAIN_MS = 50
/** How many pieces of a join go into one frame. */
const PIECES = 4
/** From this protocol version on a relay adopts what another log had decided. */
const KNOWS_ADOPTIONS = 3
/** A space that is forbidden is not allowed soon. */
const FORBIDDEN_PACE = 10

/** Starts the conversation: what I have, then only news, both ways. */
export function startLink(line: Line, side: LinkSide): Link {
  /** Undefined until the relay has told its basis on this connection. */
  let relay: { readonly head: number } | undefined
  /** What the relay has told up to now, in which epoch that stands, and up to where it has to be what is known here. */
  let told: { relaySeq: number; epoch: Epoch | null; readonly seenSeq: number } = { ...emptyBasis, seenSeq: 0 }
  /** Whether the relay of this connection adopts what another log had decided. */
  let adopts = false
  /** Whether what is known here is not in the relay's log: nothing else is told before somebody has joined it. */
  let isApart = false
  /** Whether the channel was opened with all that is known here, because what is stored of it told the relay too little. */
  let isOpenedInMemory = false
  /** Whether the relay was told all that is known here, and not only what is stored. */
  let isAllTold = false
  /** What this side is joining, and is still to be sent. */
  let leaving: Uint8Array[] = []
  /** What somebody has joined, while it comes. */
  let coming: (Omit<JoinEntry, 'known' | 'pieces' | 'before'> & Coming) | undefined
  /** Per writer, the last seq that the relay has or that was sent on this connection. */
  let sent = new Map<WriterId, number>()
  const refused = new Set<WriterId>()
  /** Those that the relay was asked to call off on this connection. */
  const calledOff = new Set<WriterId>()
  let lineState: LineState = { phase: 'off', problem: undefined, retryAtMs: undefined }
  /** Our channel has ended, and not the line: when it is opened again, if ever on this connection. */
  let shut: { readonly retryAtMs: number | undefined } | undefined
  /** What was wrong with our channel, until it is open again. */
  let problem: Problem | undefined
  const { clock } = side
  const backoff = createBackoff(clock, side.chance)
  let cancelRetry: (() => void) | undefined
  let cancelDrain: (() => void) | undefined
  let stopped = false
  /** Changes that wait for the log to be read, and what has come after them; another list when the channel is not open any more. */
  let waiting: Frame[] = []
  /** The pieces of a checkpoint that are here, while more come. */
  let pieces: Uint8Array[] = []
  let gatheredBytes = 0
  /** Whether a checkpoint of this relay's was of no use: its log says the same. */
  let hasBeenWrong = false
  /** What was told last. */
  let shown: Status['link'] | undefined

  function publish(): void {
    shown = shut === undefined ? phase() : 'waiting'
    side.onState({
      link: shown,
      problem: problem ?? lineState.problem,
      retryAtMs: (shut ?? lineState).retryAtMs,
    })
  }

  /** The channel is not open any more, for whatever reason. */
  function forget(): void {
    cancelRetry?.()
    cancelDrain?.()
    cancelRetry = cancelDrain = undefined
    waiting = []
    pieces = []
    gatheredBytes = 0
    leaving = []
    coming = undefined
    isApart = false
    shut = undefined
    if (relay === undefined) return
    relay = undefined
    side.onReachable(false)
  }

  /** Gives up the channel and leaves the line to the others on it. Without a `delayMs` nothing would be better the next time. */
  function fail(found: Problem, delayMs: number | undefined): void {
    if (stopped) return
    forget()
    channel.renew()
    problem = found
    shut = { retryAtMs: delayMs === undefined ? undefined : clock.nowMs() + delayMs }
    if (delayMs !== undefined) cancelRetry = clock.setTimer(delayMs, retry)
    publish()
  }

  function retry(): void {
    if (shut === undefined) return
    forget()
    open()
  }

  function phase(): Status['link'] {
    if (lineState.phase !== 'up') return lineState.phase
    if (relay === undefined || side.basis().relaySeq < relay.head) return 'catching-up'
    return 'online'
  }

  function onUp(welcome: Welcome): void {
    forget()
    backoff.reset()
    problem = undefined
    adopts = welcome.protocol >= KNOWS_ADOPTIONS
    side.onClockOffset(welcome.timeMs - clock.nowMs())
    open()
  }

  function open(inMemory = false): void {
    isOpenedInMemory = inMemory
    sent = new Map()
    refused.clear()
    calledOff.clear()
    const basis = side.basis(inMemory)
    told = { epoch: basis.epoch, relaySeq: basis.relaySeq, seenSeq: side.seenSeq() }
    isAllTold = told.relaySeq >= told.seenSeq
    channel.open({ basis, seenSeq: told.seenSeq, isNew: basis.relaySeq === 0 && !hasBeenWrong && side.isNew() })
    publish()
  }

  function onFrame(frame: Frame): void {
    if (waiting.length > 0) {
      waiting.push(frame)
      return
    }
    if (frame.type === 'checkpoint') void gather(frame)
    else if (frame.type === 'changes' && side.isBehind()) void takeLater((waiting = [frame]))
    else take(frame)
  }

  /** Takes in what waits when the log has been read, and what has come meanwhile when it has been read again. */
  async function takeLater(frames: Frame[]): Promise<void> {
    while (frames.length > 0) {
      const { length } = frames
      if (side.isBehind()) await side.readLog()
      for (let i = 0; i < length; i++) {
        if (frames !== waiting) return
        take(frames.shift()!)
      }
    }
  }

  /** Keeps a piece of a checkpoint. With the last one it is taken up, and what follows waits; where that cannot be, the relay is asked for the log. */
  async function gather(frame: Extract<Frame, { type: 'checkpoint' }>): Promise<void> {
    // It comes first, if at all.
    if (relay === undefined || told.relaySeq > 0) return
    pieces.push(frame.piece)
    gatheredBytes += frame.piece.length
    const isTooLong = gatheredBytes > MAX_CHECKPOINT_BYTES
    if (!frame.isLast && !isTooLong) return
    const frames = (waiting = [frame as Frame])
    const taken = isTooLong ? undefined : await side.takeUp(pieces, relay.head)
    if (frames !== waiting) return
    if (taken === undefined) {
      hasBeenWrong = true
      const message = 'The relay sent a checkpoint that is of no use; its log is asked for.'
      return fail({ code: 'damaged-checkpoint', message }, backoff.fail(0))
    }
    told = { ...told, epoch: taken.epoch, relaySeq: taken.relaySeq }
    if (phase() !== shown) publish()
    frames.shift()
    await takeLater(frames)
  }

  function take(frame: Frame): void {
    try {
      receive(frame)
    } catch (error) {
      if (error instanceof OtherLogError) return meetOtherLog(error)
      if (!(error instanceof ProtocolError || error instanceof RangeError)) throw error
      const isNewer =
        error instanceof ProtocolError && (error.code === 'newer-version' || error.code === 'unknown-precondition')
      if (isNewer) {
        const message = `Somebody uses a newer version of this app: reload to get it. ${error.message}`
        fail({ code: 'newer-change', message }, undefined)
      } else {
        const message = `The relay sent a Change that cannot be applied; it is asked for again. ${error.message}`
        fail({ code: 'damaged-change', message }, backoff.fail(0))
      }
    }
  }

  /** What is known here is of another log than that of the relay, which may not have been told how much that is. */
  function meetOtherLog(error: OtherLogError): void {
    if (isOpenedInMemory) return fail({ code: 'epoch-changed', message: error.message }, undefined)
    openAnew(true)
  }

  function openAnew(inMemory: boolean): void {
    forget()
    channel.renew()
    open(inMemory)
  }

  function receive(frame: Frame): void {
    switch (frame.type) {
      case 'basis':
        // What is known here stands in another log, and what was joined to this one has all of it.
        if (isApart) told = { ...emptyBasis, seenSeq: 0 }
        isApart = false
        if (frame.head < told.seenSeq) {
          const message = `The relay's log ends at ${frame.head}, and ${told.seenSeq} Changes of it were seen here: it lost its data or came back from a backup. Nothing of yours is lost. Keep it, and ask the relay's operator to bring back the newer data.`
          throw new OtherLogError(frame.head + 1, message)
        }
        relay = { head: frame.head }
        sent = new Map(frame.writers)
        problem = undefined
        backoff.succeed()
        side.onReachable(true)
        wake()
        publish()
        return
      case 'apart':
        isApart = true
        leaving = []
        if (frame.isTurn) bring(channel.number).catch(side.onError)
        return
      case 'join':
        if (relay !== undefined)
          coming = {
            kind: 'join',
            epoch: frame.epoch,
            relaySeq: frame.last,
            first: frame.first,
            pieces: [],
            before: [],
          }
        return
      case 'epoch':
        told.epoch = frame.epoch
        return
      case 'changes': {
        if (relay === undefined) return
        if (coming !== undefined) return takeJoin(coming, frame)
        const records = new Map<OrderedItem, Uint8Array>()
        const items = frame.records.map((record): Change => {
          const change = readChange(record)
          records.set(change, record)
          return change
        })
        deliver(frame.first, items, records)
        return
      }
      case 'acknowledgement': {
        if (relay === undefined) return
        const items = Array.from({ length: frame.count }, (_, i) => ({ writer: frame.writer, seq: frame.firstSeq + i }))
        deliver(frame.first, items, new Map())
        return
      }
      case 'refusal':
        if (refused.has(frame.writer)) return
        refused.add(frame.writer)
        side.onRefusal({ writer: frame.writer, seq: frame.seq, code: frame.code, message: frame.message })
        if (frame.code === 'clock-ahead') {
          channel.reconnect({
            code: 'clock-ahead',
            message: 'This device’s clock is ahead. The relay is asked for the time.',
          })
        }
        return
      case 'presence':
        side.onPresence(frame.session, frame.slot, frame.payload)
        return
      case 'failure':
        // These are about one frame, which was ours and is gone; the conversation goes on.
        if (frame.code === 'too-large' || frame.code === 'too-busy') return
        fail({ code: frame.code, message: frame.message }, delayAfter(frame))
        return
    }
  }

  function delayAfter({ code, retryAfterMs }: Extract<Frame, { type: 'failure' }>): number | undefined {
    // What this device has does not fit the relay's log, and will not when asked again.
    if (code === 'epoch-changed') return undefined
    return backoff.fail(retryAfterMs) * (code === 'forbidden' ? FORBIDDEN_PACE : 1)
  }

  /** Takes the next of what was joined, and all of it with the last. */
  function takeJoin(into: NonNullable<typeof coming>, { first, records }: Extract<Frame, { type: 'changes' }>): void {
    records.forEach((record, i) => {
      if (first + i >= into.first) into.pieces.push(record)
      // What was joined before has come to nothing by it.
      else if (decodeHeader(record).join === undefined) into.before.push(record)
    })
    const { epoch, relaySeq, pieces, before } = into
    if (first + records.length - 1 < relaySeq) return
    coming = undefined
    side.onJoin({ kind: 'join', epoch, relaySeq, pieces, before }, isAllTold)
    isOpenedInMemory = false
    told = { relaySeq, epoch, seenSeq: relaySeq }
    askAnew()
    publish()
  }

  /** Joins what is here to the relay's log. */
  async function bring(number: number): Promise<void> {
    const pieces = await side.piecesOfJoin(told.relaySeq, adopts)
    if (stopped || number !== channel.number || !isApart) return
    if (pieces === 'decided' || pieces === 'damaged') {
      return fail({ code: 'epoch-changed', message: pieces === 'decided' ? decidedThere : damagedHere }, undefined)
    }
    if (pieces === 'not now') {
      if (!isOpenedInMemory && told.relaySeq < told.seenSeq) return openAnew(true)
      return fail({ code: 'not-read', message: notNow }, backoff.fail(0))
    }
    leaving = [...pieces]
    sendJoin()
  }

  function sendJoin(): void {
    while (leaving.length > 0) {
      if (channel.bufferedBytes > BUFFERED_BYTES) {
        cancelDrain?.()
        cancelDrain = clock.setTimer(DRAIN_MS, sendJoin)
        return
      }
      channel.send([{ type: 'changes', channel: channel.number, first: 0, records: leaving.splice(0, PIECES) }])
    }
  }

  function deliver(first: number, items: readonly OrderedItem[], records: ReadonlyMap<OrderedItem, Uint8Array>): void {
    // It would go on behind what is not stored here.
    if (isOpenedInMemory) return fail({ code: 'not-read', message: notNow }, backoff.fail(0))
    if (told.epoch === null) throw new RangeError(`The relay tells Change ${first} of its log, and not in which epoch.`)
    const waited = side.isUnadopted()
    side.onOrder(told.epoch, first, items, records)
    if (waited && !side.isUnadopted()) askAnew()
    const wasSure = told.relaySeq >= told.seenSeq
    told.relaySeq = first + items.length - 1
    if (!wasSure) wake()
    else if (phase() !== shown) publish()
  }

  /** What was asked while something waited to be adopted was neither judged nor answered. */
  function askAnew(): void {
    for (const writer of side.undecided()) sent.delete(writer)
    wake()
  }

  function wake(): void {
    if (relay === undefined || stopped) return
    // A sibling with a link of its own may have brought what was missing.
    if (phase() !== shown) publish()
    // What we have seen may not be in this log, and what depends on it does not belong there.
    if (told.relaySeq < told.seenSeq) return
    let records: Uint8Array[] = []
    let bytes = 0
    const flush = () => {
      if (records.length > 0) channel.send([{ type: 'changes', channel: channel.number, first: 0, records }])
      records = []
      bytes = 0
    }
    for (const writer of side.calledOff()) {
      // What it has, or was sent, it answers to all the same.
      if (calledOff.has(writer) || (sent.get(writer) ?? 0) > 0 || refused.has(writer)) continue
      calledOff.add(writer)
      channel.send([{ type: 'abort', channel: channel.number, writer, seq: 1 }])
    }
    for (const sendable of side.sendable()) {
      const { writer, seq } = sendable.change
      if (seq <= (sent.get(writer) ?? 0) || refused.has(writer)) continue
      const record = sendable.record()
      if (bytes > 0 && bytes + record.length > FRAME_BYTES) flush()
      if (bytes === 0 && channel.bufferedBytes > BUFFERED_BYTES) {
        cancelDrain?.()
        cancelDrain = clock.setTimer(DRAIN_MS, wake)
        return
      }
      sent.set(writer, seq)
      records.push(record)
      bytes += record.length
    }
    flush()
  }

  const channel: LineChannel = line.join(side.space, {
    onUp,
    onFrame,
    onDown: forget,
    onState(state) {
      lineState = state
      if (state.phase !== 'up') problem = undefined
      publish()
    },
  })

  return {
    wake,
    sendPresence(slot, payload) {
      if (relay !== undefined) {
        channel.send([{ type: 'presence', channel: channel.number, session: NO_SESSION, slot, payload }])
      }
    },
    retry,
    askAgain() {
      // One that is not open yet begins there anyway.
      if (relay === undefined) return
      openAnew(false)
    },
    stop() {
      stopped = true
      forget()
      channel.leave()
    },
  }
}

/** In presence from a client; the relay writes its own. */
const NO_SESSION = '0'.repeat(32)

/** What has come of what somebody has joined. */
interface Coming {
  /** The relaySeq of its first piece. */
  readonly first: number
  readonly pieces: Uint8Array[]
  readonly before: Uint8Array[]
}

const decidedThere =
  "The relay lost its data or came back from a backup, had decided about some of what you have, and is too old to take that back. Nothing of yours is lost. Keep it, and ask the relay's operator to bring back the newer data."
const damagedHere =
  "The relay lost its data or came back from a backup, and some of what this device had stored is damaged. Nothing of yours is lost that is here. Keep it, and ask the relay's operator to bring back the newer data."
const notNow =
  'The relay lost its data or came back from a backup. What this device has will be brought back when all of it has been read.'

import { ProtocolError, type Frame } from '@syncline/protocol'
import { type Basis, type Change, type Epoch, type WriterId } from '@syncline/stm'
import type { Line, LineChannel, LineState, Welcome } from './line.ts'
import { readChange } from './read-change.ts'
import type { OrderedItem, Pending, Refusal } from './replica.ts'
import type { Problem, Status } from './store.ts'

/** What a link needs to know of its store. */
export interface LinkSide {
  readonly space: string
  basis(): Basis
  /** Pending Changes that may be sent, in order. */
  sendable(): Iterable<Pending>
  /** A stretch of the relay's log has come. `records` are the bytes of those items that are Changes. */
  onOrder(
    epoch: Epoch,
    first: number,
    items: readonly OrderedItem[],
    records: ReadonlyMap<OrderedItem, Uint8Array>,
  ): void
  onRefusal(refusal: Refusal): void
  onPresence(session: string, slot: number, payload: Uint8Array): void
  /** The link is up or down for presence: all peers behind the relay are gone when it is down. */
  onReachable(reachable: boolean): void
  /** The relay's clock is ahead of ours by so much. */
  onClockOffset(offsetMs: number): void
  onState(state: LinkState): void
  nowMs(): number
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
  stop(): void
}

/** How many bytes of Changes go into one frame before the next is begun. */
const FRAME_BYTES = 256 * 1024

/** Starts the conversation: what I have, then only news, both ways. */
export function startLink(line: Line, side: LinkSide): Link {
  /** Undefined until the relay has told its basis on this connection. */
  let relay: { readonly epoch: Epoch; readonly head: number } | undefined
  /** Per writer, the last seq that the relay has or that was sent on this connection. */
  let sent = new Map<WriterId, number>()
  const refused = new Set<WriterId>()
  let lineState: LineState = { phase: 'off', problem: undefined, retryAtMs: undefined }
  /** A failure on our channel: the space cannot be opened on this connection. */
  let failure: Problem | undefined
  let stopped = false

  function publish(): void {
    side.onState({
      link: failure !== undefined ? 'waiting' : phase(),
      problem: failure ?? lineState.problem,
      retryAtMs: failure === undefined ? lineState.retryAtMs : undefined,
    })
  }

  function phase(): Status['link'] {
    if (lineState.phase !== 'up') return lineState.phase
    if (relay === undefined || side.basis().relaySeq < relay.head) return 'catching-up'
    return 'online'
  }

  function onUp(welcome: Welcome): void {
    relay = undefined
    failure = undefined
    sent = new Map()
    refused.clear()
    side.onClockOffset(welcome.timeMs - side.nowMs())
    open()
  }

  function open(): void {
    channel.send([{ type: 'open', channel: channel.number, space: side.space, basis: side.basis() }])
    publish()
  }

  function onFrame(frame: Frame): void {
    try {
      receive(frame)
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof RangeError)) throw error
      const newer =
        error instanceof ProtocolError && (error.code === 'newer-version' || error.code === 'unknown-precondition')
      channel.drop({
        code: newer ? 'newer-change' : 'damaged-change',
        message: newer
          ? `Somebody uses a newer version of this app: reload to get it. ${error.message}`
          : `The relay sent a Change that cannot be applied; it is asked for again. ${error.message}`,
      })
    }
  }

  function receive(frame: Frame): void {
    switch (frame.type) {
      case 'basis':
        relay = { epoch: frame.epoch, head: frame.head }
        sent = new Map(frame.writers)
        side.onReachable(true)
        wake()
        publish()
        return
      case 'changes': {
        if (relay === undefined) return
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
        return
      case 'presence':
        side.onPresence(frame.session, frame.slot, frame.payload)
        return
      case 'failure':
        // These are about one frame, which was ours and is gone; the conversation goes on.
        if (frame.code === 'too-large' || frame.code === 'too-busy') return
        failure = { code: frame.code, message: frame.message }
        relay = undefined
        side.onReachable(false)
        publish()
        return
    }
  }

  function deliver(first: number, items: readonly OrderedItem[], records: ReadonlyMap<OrderedItem, Uint8Array>): void {
    const before = phase()
    side.onOrder(relay!.epoch, first, items, records)
    if (phase() !== before) publish()
  }

  function wake(): void {
    if (relay === undefined || stopped) return
    let records: Uint8Array[] = []
    let bytes = 0
    const flush = () => {
      if (records.length > 0) channel.send([{ type: 'changes', channel: channel.number, first: 0, records }])
      records = []
      bytes = 0
    }
    for (const pending of side.sendable()) {
      const { writer, seq } = pending.change
      if (seq <= (sent.get(writer) ?? 0) || refused.has(writer)) continue
      const record = pending.record()
      sent.set(writer, seq)
      if (bytes > 0 && bytes + record.length > FRAME_BYTES) flush()
      records.push(record)
      bytes += record.length
    }
    flush()
  }

  const channel: LineChannel = line.join({
    onUp,
    onFrame,
    onDown() {
      relay = undefined
      side.onReachable(false)
    },
    onState(state) {
      lineState = state
      if (state.phase !== 'up') failure = undefined
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
    stop() {
      stopped = true
      if (relay !== undefined) side.onReachable(false)
      relay = undefined
      channel.leave()
    },
  }
}

/** In presence from a client; the relay writes its own. */
const NO_SESSION = '0'.repeat(32)

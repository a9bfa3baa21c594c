import { decodeChange, decodeEntry, encodeChange, MAX_CHANGE_BYTES, ProtocolError, type LogEntry } from '@syncline/protocol'
import {
  changeId,
  draft,
  sealLate,
  sealPure,
  sealSizeBytes,
  StmError,
  type CellKey,
  type ChangeId,
  type EditContext,
  type Op,
  type Origin,
  type Policy,
  type Readable,
  type Tx,
} from '@syncline/stm'
import { stand } from './campaign.ts'
import { StoreError } from './errors.ts'
import { randomUint32 } from './identity.ts'
import { createJournal, type Journal, type OrderedRecord } from './journal.ts'
import { lineOver } from './line.ts'
import { startLink, type Link, type LinkState } from './link.ts'
import { memoryStorage } from './memory.ts'
import { createPeers } from './peers.ts'
import type { Chance, Clock, Log, Storage, Transport } from './ports.ts'
import type { PresenceMaker } from './presence.ts'
import { createReplica, type OrderedItem, type Pending, type Refusal } from './replica.ts'
import type { Receipt, Status, Store, TransactOptions } from './store.ts'
import { reportToPlatform, systemChance, systemClock } from './system.ts'
import { joinTabs, type TabMessage } from './tabs.ts'
import { createWaiting } from './waiting.ts'
import { createWatching } from './watching.ts'
import { takeWriter } from './writers.ts'

/** What a store is made of. Only `space` is needed: without storage it lives in memory, without transport it stays alone. */
export interface StoreOptions {
  /** The unit of replication, order and permission: everybody who opens the same space on the same relay shares it. */
  readonly space: string
  /** Where it rests on this device: `indexedDb(name)` of `@syncline/idb`. */
  readonly storage?: Storage
  /** The way to the relay: `websocket(url)` of `@syncline/websocket`. Stores with the same transport object share one connection. */
  readonly transport?: Transport
  /** Who else is here: `yjsPresence()` of `@syncline/yjs`. */
  readonly presence?: PresenceMaker
  /** Sent to the relay on each connection; asked for anew each time, so that it may be refreshed. */
  readonly credential?: () => Uint8Array
  /** The version of the app's own schema, told to the relay. Default 0. */
  readonly schema?: number
  /** Gets what listeners throw. Default: `reportError` where there is one, else the console. */
  readonly onError?: (error: unknown) => void
  /** Time and chance; replaced in simulations. */
  readonly clock?: Clock
  readonly chance?: Chance
}

const AGENT = 'syncline/0'
/** Refusals that say something about circumstances, not about what was written: the same work is sent again by a fresh writer. */
const MENDABLE: ReadonlySet<string> = new Set(['clock-ahead', 'writer-clash', 'missing-dependency', 'after-refused'])
/** Mending that fails this often without any acknowledgement in between is no mending. */
const MOST_MENDS = 3

/**
 * Opens a space: reads what this device has of it, then keeps it in step with the other tabs and the relay.
 *
 * Resolves when the local data is there; does not wait for the relay. Rejects with a `StoreError` when the storage belongs to a newer
 * version, is blocked by another tab, or is damaged. When the storage cannot be used at all, the store works in memory and its status
 * says so. Cost: one pass over the log.
 *
 * @example
 * import { counter } from '@syncline/merge'
 * import { openStore } from '@syncline/store'
 *
 * const apples = counter('apples')
 * const store = await openStore({ space: 'kitchen' })
 * store.transact((tx) => tx.add(apples, 3))
 * expect(store.get(apples)).toBe(3)
 * await store.close()
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { space, transport, clock = systemClock, chance = systemChance, onError = reportToPlatform } = options
  checkSpace(space)
  const { storage, log, storageError } = await openLog(options.storage, space)

  const isLasting = options.storage !== undefined && storageError === undefined
  let closed = false
  let inTransaction = false
  let link: Link | undefined
  let linkState: LinkState = OFF
  /** Whether somebody in this browser has switched the link off. */
  let wanted = true
  let offsetMs = 0
  let mends = 0
  let fence: number | undefined
  /** Whether this tab is the one that runs the link, when the link is wanted. */
  let elected = false
  let lost: StoreError | undefined
  const waiting = createWaiting()
  const statusListeners = new Set<(status: Status) => void>()
  let status: Status | undefined
  let statusDue = false
  /** Direct edits of live documents that came while a transaction was running. */
  const directEdits: Op[] = []

  const replica = createReplica((policy) => bindPolicy(policy))
  const { memory } = replica
  const watching = createWatching(memory, onError)

  const writers = await takeWriter(storage.locks, chance, onError)

  // ------------------------------------------------------------------ commits

  function nowMs(): number {
    return clock.nowMs() + offsetMs
  }

  function transact<T>(body: (tx: Tx) => T, { meta = null, durability }: TransactOptions = {}): Receipt<T> {
    assertOpen()
    if (inTransaction) {
      throw new StmError(
        'nested-transaction',
        'A transaction is running already. Use its tx, or start the next one after it has returned.',
      )
    }
    replica.flushDocuments()
    const stamp = replica.nextStamp(writers.current, nowMs())
    const context: EditContext = { stamp, seed: `${writers.current.slice(0, 12)}${stamp.at.toString(36)}` }
    let value: T
    const ops: Op[] = []
    inTransaction = true
    try {
      const drafted = draft(memory, body, context)
      value = drafted.value
      ops.push(...sealPure(drafted.writes, context))
      checkSize(sealSizeBytes(drafted.writes, ops))
      // Nothing can fail from here on.
      ops.push(...sealLate(drafted.writes, context))
    } finally {
      inTransaction = false
      commitDirectEdits()
    }
    if (ops.length === 0) return { value, change: undefined, durable: done, synced: done }
    return { value, ...commit(ops, stamp.at, meta, durability === 'strict') }
  }

  function commit(ops: readonly Op[], at: number, meta: TransactOptions['meta'], strict: boolean): Omit<Receipt<never>, 'value'> {
    const change = replica.author(writers.current, Math.max(at, replica.nextStamp(writers.current, nowMs()).at), ops, meta ?? null)
    const id = changeId(change)
    const changed = replica.commit(change, 'local')
    journal.commit(replica.pending.get(id)!, strict)
    touchStatus()
    watching.publish(changed, memory.snapshot)
    return {
      change,
      durable: () => journal.durable(id),
      synced: (how) => syncedChange(id, how?.signal),
    }
  }

  function commitDirectEdits(): void {
    for (let op = directEdits.shift(); op !== undefined; op = directEdits.shift()) {
      commit([op], 0, null, false)
    }
  }

  function bindPolicy(policy: Policy): Policy {
    return (
      policy.bind?.({
        state: (address) => memory.state(`${policy.tag} ${address}`),
        commit(address, payload) {
          if (closed) return
          directEdits.push({ tag: policy.tag, address, arbiter: 'local', payload })
          if (!inTransaction) commitDirectEdits()
        },
        randomUint32: () => randomUint32(chance),
        report: onError,
      }) ?? policy
    )
  }

  function checkSize(sizeBytes: number): void {
    if (sizeBytes + CHANGE_OVERHEAD_BYTES <= MAX_CHANGE_BYTES) return
    throw new StmError(
      'change-too-large',
      `This transaction would make a Change of up to ${sizeBytes} bytes; one Change holds ${MAX_CHANGE_BYTES} at most. ` +
        'Write in several transactions, or keep large binary content elsewhere and store its address.',
    )
  }

  function syncedChange(id: ChangeId, signal: AbortSignal | undefined): Promise<void> {
    let current = id
    for (let next = renamed.get(current); next !== undefined; next = renamed.get(current)) current = next
    if (replica.pending.has(current)) {
      return closed ? Promise.reject(closedError()) : waiting.wait(current, signal)
    }
    const refused = replica.refused.get(current)
    return refused === undefined ? Promise.resolve() : Promise.reject(refusedError(refused.code, refused.message))
  }

  /** Changes of this tab that were authored again, by their first id. */
  const renamed = new Map<ChangeId, ChangeId>()

  // ------------------------------------------------------------------ the log of this device

  const journalEvents = {
    onEntry: (bytes: Uint8Array) => applyEntry(decodeEntry(bytes), 'remote'),
    onDurable() {
      touchStatus()
      link?.wake()
    },
    onGrown: () => tabs.tell({ type: 'news' }),
    onFenced: () => campaign?.giveWay(),
    onFailure() {
      touchStatus()
      link?.wake()
    },
  }

  /** Takes in an entry of the log: at the start, or when another tab has written it. */
  function applyEntry(entry: LogEntry, origin: Origin): void {
    replica.flushDocuments()
    const changed = new Set<CellKey>()
    const add = (keys: ReadonlySet<CellKey>): void => {
      for (const key of keys) changed.add(key)
    }
    switch (entry.kind) {
      case 'commits':
        for (const { record } of entry.changes) add(replica.commit(decodeChange(record), origin, record))
        break
      case 'ordered':
        add(order(entry.epoch, entry.first, entry.items.map((item) => (item instanceof Uint8Array ? decodeChange(item) : item)), origin))
        break
      case 'refused':
        replica.refuse(entry)
        break
      case 'ended':
        add(
          replica.end(
            entry.writer,
            entry.lastSeq,
            entry.refused.map(({ record, code, message }) => {
              const change = decodeChange(record)
              return { id: changeId(change), change, code, message }
            }),
            entry.reauthored.map((record) => decodeChange(record)),
          ),
        )
        break
      case 'dropped':
        replica.drop(entry.changes)
        break
    }
    touchStatus()
    if (origin === 'replay') return
    watching.publish(changed, memory.snapshot)
    settleRefusals()
    link?.wake()
  }

  function order(epoch: string, first: number, items: readonly OrderedItem[], origin: Origin): ReadonlySet<CellKey> {
    const changed = replica.order(epoch, first, items, origin)
    for (const item of items) waiting.resolve(changeId(item))
    return changed
  }

  // ------------------------------------------------------------------ the relay

  const line =
    transport === undefined
      ? undefined
      : lineOver(transport, {
          clock,
          chance,
          agent: AGENT,
          schema: options.schema ?? 0,
          credential: options.credential ?? (() => noCredential),
        })

  function runLink(): void {
    if (line === undefined || link !== undefined || closed || !wanted) return
    link = startLink(line, {
      space,
      basis: () => replica.basis,
      *sendable(): Iterable<Pending> {
        for (const [id, pending] of replica.pending) {
          // What another tab must be able to take over is on this device before it is sent. Without working storage
          // the relay is the only rescue.
          if (!journal.isDurable(id) && journal.failure === undefined && storageError === undefined) return
          yield pending
        }
      },
      onOrder(epoch, first, items, records) {
        replica.flushDocuments()
        const known = replica.basis.relaySeq
        const stored = items.map((item): OrderedRecord => {
          const id = changeId(item)
          const pending = replica.pending.get(id)
          const name = { writer: item.writer, seq: item.seq }
          if (pending !== undefined && journal.isDurable(id)) return name
          return records.get(item) ?? pending?.record() ?? name
        })
        const changed = order(epoch, first, items, 'remote')
        mends = 0
        const news = stored.slice(Math.max(0, known + 1 - first))
        if (news.length > 0) journal.order(epoch, Math.max(first, known + 1), news, fence)
        touchStatus()
        watching.publish(changed, memory.snapshot)
      },
      onRefusal(refusal) {
        journal.write({ kind: 'refused', ...refusal })
        replica.refuse(refusal)
        settleRefusals()
      },
      onPresence: (session, slot, payload) => peers.onRelay(session, slot, payload),
      onReachable: (reachable) => peers.onReachable(reachable),
      onClockOffset(ms) {
        offsetMs = ms
      },
      onState(state) {
        showLink(state)
        tabs.tell({ type: 'link', state, offsetMs })
      },
      nowMs: () => clock.nowMs(),
    })
  }

  function stopLink(): void {
    link?.stop()
    link = undefined
    showLink(OFF)
  }

  function showLink(state: LinkState): void {
    linkState = state
    touchStatus()
  }

  // ------------------------------------------------------------------ refusals

  /** Sorts out what became of refused writers that are ours, or whose tab is dead. */
  function settleRefusals(): void {
    for (const refusal of [...replica.refusals.values()]) {
      if (refusal.writer === writers.current) settleRefusal(refusal)
      else if (link !== undefined) void settleForDead(refusal).catch(onError)
    }
  }

  async function settleForDead(refusal: Refusal): Promise<void> {
    await writers.forDead(refusal.writer, async () => {
      // Its tab may have settled it just before it died.
      await journal.pull()
      if (closed || !replica.refusals.has(refusal.writer)) return
      settleRefusal(refusal)
      await journal.settled()
    })
  }

  function settleRefusal(refusal: Refusal): void {
    replica.flushDocuments()
    const mend = MENDABLE.has(refusal.code) && mends < MOST_MENDS
    if (mend) mends += 1
    if (refusal.writer === writers.current) writers.rotate()
    const { lastSeq, refused, reauthored } = replica.settlement(refusal, writers.current, nowMs(), mend)
    const changed = replica.end(refusal.writer, lastSeq, refused, reauthored.map(({ to }) => to))
    for (const { from, to } of reauthored) {
      renamed.set(from, changeId(to))
      waiting.rename(from, changeId(to))
    }
    journal.write(
      {
        kind: 'ended',
        writer: refusal.writer,
        lastSeq,
        refused: refused.map(({ change, code, message }) => ({ record: encodeChange(change), code, message })),
        reauthored: reauthored.map(({ to }) => replica.pending.get(changeId(to))!.record()),
      },
      reauthored.map(({ to }) => changeId(to)),
    )
    for (const { id, code, message } of refused) waiting.reject(id, refusedError(code, message))
    touchStatus()
    watching.publish(changed, memory.snapshot)
  }

  function reapply(id: ChangeId): Receipt<void> {
    assertOpen()
    const refused = replica.refused.get(id)
    if (refused === undefined) return { value: undefined, change: undefined, durable: done, synced: done }
    replica.flushDocuments()
    const receipt = { value: undefined, ...commit(refused.change.ops, 0, refused.change.meta, false) }
    drop(id)
    return receipt
  }

  function drop(id: ChangeId): void {
    assertOpen()
    if (!replica.refused.has(id)) return
    replica.drop([id])
    journal.write({ kind: 'dropped', changes: [id] })
    touchStatus()
  }

  // ------------------------------------------------------------------ status

  /** Something that the status shows has moved: listeners hear of it once, after the running task. */
  function touchStatus(): void {
    status = undefined
    if (statusDue || statusListeners.size === 0) return
    statusDue = true
    queueMicrotask(() => {
      statusDue = false
      if (closed) return
      for (const listener of [...statusListeners]) {
        try {
          listener(readStatus())
        } catch (error) {
          onError(error)
        }
      }
    })
  }

  function readStatus(): Status {
    const { unsaved, failure } = journal
    const pending = replica.pending.size
    return (status ??= Object.freeze({
      saved: unsaved > 0 || (!isLasting && pending > 0) ? 'memory' : pending > 0 || replica.basis.epoch === null ? 'device' : 'relay',
      unsaved,
      pending,
      refused: replica.refused.size,
      ...linkState,
      storage: !isLasting ? 'memory-only' : failure !== undefined ? 'failed' : 'ok',
      storageError: storageError ?? failure ?? lost,
    }))
  }

  // ------------------------------------------------------------------ tabs

  function onTab(message: TabMessage): void {
    if (closed) return
    switch (message.type) {
      case 'news':
        journal.pull().catch(onError)
        break
      case 'hello':
        if (link !== undefined) tabs.tell({ type: 'link', state: linkState, offsetMs })
        if (!wanted) tabs.tell({ type: 'wanted', wanted })
        peers.onHello(link !== undefined)
        break
      case 'link':
        offsetMs = message.offsetMs
        if (link === undefined) showLink(message.state)
        break
      case 'wanted':
        want(message.wanted)
        break
      case 'presence':
      case 'peer':
        peers.onTab(message)
        break
    }
  }

  function want(next: boolean): void {
    if (wanted === next) return
    wanted = next
    if (!wanted) stopLink()
    else if (elected) runLink()
  }

  // ------------------------------------------------------------------ the store

  function assertOpen(): void {
    if (closed) throw closedError()
  }

  async function syncedAll(signal: AbortSignal | undefined): Promise<void> {
    await Promise.all([...replica.pending.keys()].map((id) => syncedChange(id, signal)))
  }

  let closing: Promise<void> | undefined

  async function close(): Promise<void> {
    replica.flushDocuments()
    presence?.close()
    peers.close()
    closed = true
    campaign?.stop()
    stopLink()
    tabs.close()
    watching.close()
    statusListeners.clear()
    waiting.rejectAll(closedError())
    try {
      await journal.close()
    } finally {
      replica.closeDocuments()
      writers.close()
      stopLosses()
      await log.close()
    }
  }

  const peers = createPeers({
    clock,
    chance,
    tell: (message) => tabs.tell(message),
    send: (slot, payload) => link?.sendPresence(slot, payload),
  })
  let position = 0
  try {
    const end = await log.read(0, (bytes, at) => {
      applyEntry(readEntry(bytes, at, space), 'replay')
      position = at
    })
    position = Math.max(position, end)
  } catch (error) {
    writers.close()
    await log.close()
    throw error
  }
  const journal: Journal = createJournal(log, position, clock, journalEvents)
  const tabs = joinTabs(storage.channels, space, onTab)
  tabs.tell({ type: 'hello' })
  // What the other tabs wrote between our reading and our joining them.
  await journal.pull()
  const stopLosses = log.onLost((error) => {
    lost = error instanceof StoreError ? error : new StoreError('storage-lost', error.message, { cause: error })
    touchStatus()
  })
  const campaign =
    line === undefined
      ? undefined
      : stand(storage.locks, `link ${space}`, {
          async begin() {
            fence = storage.locks === undefined ? undefined : await log.takeFence()
            await journal.pull()
            elected = true
            runLink()
            settleRefusals()
          },
          end() {
            elected = false
            stopLink()
          },
          onError,
        })
  const presence = options.presence?.(peers.port)

  return {
    space,
    get snapshot() {
      assertOpen()
      return memory.snapshot
    },
    get: (readable) => memory.snapshot.get(readable),
    items: (collection) => memory.snapshot.items(collection),
    transact,
    changes(readable, listener) {
      assertOpen()
      return watching.changes(Array.isArray(readable) ? readable : [readable as Readable<unknown>], listener)
    },
    onCommit(listener) {
      assertOpen()
      return watching.onCommit(listener)
    },
    watch(selector, onChange) {
      assertOpen()
      return watching.watch(selector, onChange)
    },
    get status() {
      return readStatus()
    },
    onStatus(listener) {
      assertOpen()
      const own = (next: Status): void => listener(next)
      statusListeners.add(own)
      return () => statusListeners.delete(own)
    },
    durable: () => (closed ? Promise.reject(closedError()) : journal.settled()),
    synced: (how) => (closed ? Promise.reject(closedError()) : syncedAll(how?.signal)),
    refused: { list: () => [...replica.refused.values()], reapply, drop },
    get presence() {
      if (presence !== undefined) return presence
      throw new StoreError('no-presence', 'This store was opened without presence. Pass `presence: yjsPresence()` to openStore().')
    },
    connect() {
      assertOpen()
      tabs.tell({ type: 'wanted', wanted: true })
      want(true)
    },
    disconnect() {
      assertOpen()
      tabs.tell({ type: 'wanted', wanted: false })
      want(false)
    },
    policyOf: (ref) => memory.adopt(ref.policy),
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
}

const OFF: LinkState = { link: 'off', problem: undefined, retryAtMs: undefined }
/** Room for the header and the framing of a Change. */
const CHANGE_OVERHEAD_BYTES = 64 * 1024
const noCredential = new Uint8Array()
const done = (): Promise<void> => Promise.resolve()

/** Opens the log, or one in memory where the storage cannot be used at all. */
async function openLog(
  storage: Storage | undefined,
  space: string,
): Promise<{ storage: Storage; log: Log; storageError: StoreError | undefined }> {
  if (storage !== undefined) {
    try {
      return { storage, log: await storage.openLog(space), storageError: undefined }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'storage-failed')) throw error
      const alone = memoryStorage()
      return { storage: alone, log: await alone.openLog(space), storageError: error as StoreError }
    }
  }
  const alone = memoryStorage()
  return { storage: alone, log: await alone.openLog(space), storageError: undefined }
}

function readEntry(bytes: Uint8Array, position: number, space: string): LogEntry {
  try {
    return decodeEntry(bytes)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    throw error.code === 'newer-version'
      ? new StoreError('storage-newer', `What is stored of "${space}" was written by a newer version of this app. Reload to get it.`, {
          cause: error,
        })
      : new StoreError(
          'storage-damaged',
          `Entry ${position} of "${space}" on this device is damaged: ${error.message} ` +
            'What the relay has can be had again after deleting the local data.',
          { cause: error },
        )
  }
}

function checkSpace(space: string): void {
  if (typeof space === 'string' && space.length > 0 && space.length <= 200 && !/[\u0000-\u001f\u007f\p{Surrogate}]/u.test(space)) return
  throw new StoreError('invalid-space', `${JSON.stringify(space)} cannot name a space. Use 1 to 200 characters without control characters.`)
}

function closedError(): StoreError {
  return new StoreError('closed', 'This store is closed. Open it again with openStore().')
}

function refusedError(code: string, message: string): StoreError {
  return new StoreError(
    'refused',
    `The relay refused this Change (${code}): ${message} It is kept in store.refused, where it can be applied again or dropped.`,
    { refusal: code },
  )
}

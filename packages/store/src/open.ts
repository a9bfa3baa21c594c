import { changeId, type ChangeId } from '@syncline/stm'
import type { LogEntry } from '@syncline/protocol'
import { createAgents } from './agents.ts'
import { stand } from './campaign.ts'
import { createBrowserArbitration } from './browser-commit.ts'
import { createCommitting, nothingChanged } from './committing.ts'
import type { Core } from './core.ts'
import { closedError, StoreError } from './errors.ts'
import { createEnvelopes } from './envelopes.ts'
import { createHandles } from './handles.ts'
import { createIntake } from './intake.ts'
import { createJournal, type Journal, type JournalEvents, type ReadUpTo } from './journal.ts'
import { lineOver } from './line.ts'
import { createLinking } from './linking.ts'
import { openLog, readEntry } from './open-log.ts'
import { checkSpace, type StoreOptions } from './options.ts'
import { createMixedWriter } from './mixed-writer.ts'
import { createPeers } from './peers.ts'
import { createPosting } from './posting.ts'
import { createPulse } from './pulse.ts'
import { createRelayCommit } from './relay-commit.ts'
import { createReplica } from './replica.ts'
import type { ChangesOptions, Report, Selector } from './report.ts'
import { createSettling } from './settling.ts'
import { createStatusBoard } from './status.ts'
import type { Store } from './store.ts'
import { reportToPlatform, systemChance, systemClock } from './system.ts'
import { createTabTurns } from './tab-turns.ts'
import { joinTabs, type TabMessage } from './tabs.ts'
import { createTransacting } from './transacting.ts'
import { createValidity } from './validity.ts'
import { createUndoing } from './undoing.ts'
import { createUnwrittenJournal } from './unwritten.ts'
import { createWaiting } from './waiting.ts'
import { createWatching } from './watching.ts'
import { takeWriter } from './writers.ts'

const AGENT = 'syncline/0'

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
  const { space, transport, clock = systemClock, chance = systemChance } = options
  const onError = neverThrowing(options.onError ?? reportToPlatform)
  checkSpace(space)
  const { storage, log, isLasting, storageError } = await openLog(options.storage, space)

  let closed = false
  let lost: StoreError | undefined
  let unreadable: StoreError | undefined
  let closing: Promise<void> | undefined

  const writers = await takeWriter(storage.locks, chance, onError)
  const validity = createValidity(() => memory.snapshot, onError)
  const replica = createReplica(
    (policy) => committing.bind(policy),
    (from, to) => undoing.onReauthored(from, to),
    validity.rules,
    !isLasting && transport === undefined,
  )
  const { memory } = replica
  const core: Core = {
    space,
    clock,
    chance,
    replica,
    writers,
    get journal() {
      return journal
    },
    waiting: createWaiting(),
    envelopes: createEnvelopes(),
    watching: createWatching({ memory, clock, applied: replica.applied, validity, report: onError }),
    validity,
    get agents() {
      return agents
    },
    get undoing() {
      return undoing
    },
    renamed: new Map<ChangeId, ChangeId>(),
    resettled: new Set<ChangeId>(),
    letGo: () => mixed.tend(),
    get isClosed() {
      return closed
    },
    closing: new Set(),
    development: options.development ?? false,
    durable: (id) => (isLasting ? journal.durable(id) : Promise.reject(noStorage())),
    nowMs: () => clock.nowMs() + linking.offsetMs,
    touchStatus: () => board.touch(),
    onError,
  }
  const { watching, waiting } = core
  const committing = createCommitting(core)
  const turns = createTabTurns(storage.locks, space, clock, () => tabs.tell({ type: 'turns' }), onError)
  const undoing = createUndoing(core, committing, isLasting)
  const mixed = createMixedWriter(replica, storage.locks, chance)
  const posting = createPosting(core, {
    wake: () => linking.link?.wake(),
    tell: (message) => tabs.tell(message),
  })
  const pulse = createPulse(storage.locks, chance)
  const relay = createRelayCommit(core, {
    committing,
    posting,
    pulse,
    isLasting,
    isReachable: () => linking.isReachable,
    onReach: (listener) => linking.onReach(listener),
    wake: () => linking.link?.wake(),
  })
  const transacting = createTransacting(core, committing, {
    browser: createBrowserArbitration(core, committing, mixed, turns, () => {
      board.touch()
      linking.link?.wake()
    }),
    ...(transport !== undefined && { relay }),
  })
  const agents = createAgents(core, committing, transacting)
  const handles = createHandles(core, storage.locks, committing, transacting)
  const settling = createSettling(core)
  const intake = createIntake(core)
  const board = createStatusBoard(() => {
    const { unsaved, failure } = journal
    const pending = replica.pendingCount
    const isOnRelay = pending === 0 && replica.basis.epoch !== null
    return {
      saved: unsaved > 0 || !(isLasting || isOnRelay) ? 'memory' : isOnRelay ? 'relay' : 'device',
      unsaved,
      pending,
      refused: replica.refused.size,
      ...linking.state,
      storage: !isLasting ? 'memory-only' : failure !== undefined || unreadable !== undefined ? 'failed' : 'ok',
      storageError: storageError ?? failure ?? unreadable ?? lost,
    }
  }, onError)
  const peers = createPeers({
    locks: storage.locks,
    clock,
    chance,
    onError,
    tell: (message) => tabs.tell(message),
    send: (slot, payload) => linking.link?.sendPresence(slot, payload),
  })

  const linking = createLinking(core, {
    line:
      transport === undefined
        ? undefined
        : lineOver(transport, {
            clock,
            chance,
            agent: AGENT,
            schema: options.schema ?? 0,
            credential: options.credential ?? (() => noCredential),
          }),
    isLasting,
    intake,
    settling,
    posting,
    peers,
    tell: (message) => tabs.tell(message),
  })

  // What this device has, and the part of it that other tabs go on writing.

  const readUpTo = await replay()
  const events: JournalEvents = {
    pendingOf: (change) => replica.pending.get(changeId(change))!,
    onEntry: (bytes) => hear(readEntry(bytes, space)),
    onDurable() {
      board.touch()
      linking.link?.wake()
    },
    onGrown: () => tabs.tell({ type: 'news' }),
    onUnreadable,
    onOrdered: intake.onStored,
    onFenced() {
      intake.onFenced()
      campaign?.giveWay()
    },
    onFailure() {
      board.touch()
      linking.tend()
      linking.link?.wake()
    },
  }
  const journal: Journal = isLasting ? createJournal(log, readUpTo, clock, events) : createUnwrittenJournal(events)

  /** Another tab has written what we cannot read. It is said once, and shown until the store is opened again. */
  function onUnreadable(error: unknown): void {
    if (closed || unreadable !== undefined) return
    unreadable =
      error instanceof StoreError
        ? error
        : new StoreError('storage-failed', `This device's storage cannot be read: ${String(error)}.`, { cause: error })
    board.touch()
    onError(unreadable)
  }

  async function replay(): Promise<ReadUpTo> {
    try {
      let last = 0
      let newestClaim = 0
      const end = await log.read(0, (bytes, position, claim) => {
        intake.entry(readEntry(bytes, space), 'replay')
        last = position
        newestClaim = claim ?? newestClaim
      })
      return { position: Math.max(last, end), claim: newestClaim }
    } catch (error) {
      await letGo()
      throw error
    }
  }

  async function letGo(): Promise<void> {
    replica.closeDocuments()
    writers.close()
    mixed.close()
    pulse.close()
    turns.close()
    undoing.close()
    await log.close()
  }

  /** Another tab has written an entry. */
  function hear(entry: LogEntry): void {
    replica.flushDocuments()
    const changed = intake.entry(entry, 'remote')
    board.touch()
    watching.publish(changed, memory.snapshot)
    undoing.tell()
    settling.settle(linking.link !== undefined)
    if (linking.link !== undefined) posting.tend()
    linking.link?.wake()
  }

  // The other tabs of this browser.

  function onTab(message: TabMessage): void {
    if (closed) return
    switch (message.type) {
      case 'news':
        journal.pull().catch(onUnreadable)
        break
      case 'hello':
        // A tab that died may have written without a word; this may be the one that comes after it.
        journal.pull().catch(onUnreadable)
        linking.onHello()
        peers.onHello(linking.link !== undefined)
        break
      case 'link':
        linking.onTab(message)
        break
      case 'wanted':
        linking.onWanted(message)
        break
      case 'turns':
        turns.heard()
        break
      case 'unwanted':
        posting.callOff(message.writer)
        break
      case 'presence':
      case 'peer':
        peers.onTab(message)
        break
    }
  }

  const tabs = joinTabs(storage.channels, space, onTab)
  tabs.tell({ type: 'hello' })
  // What the other tabs wrote between our reading and our joining them.
  try {
    await journal.pull()
    await undoing.begin(storage.locks, journal.pull)
  } catch (error) {
    tabs.close()
    await letGo()
    throw error
  }
  const stopLosses = log.onLost((error) => {
    lost = error instanceof StoreError ? error : new StoreError('storage-lost', error.message, { cause: error })
    board.touch()
  })
  const campaign =
    transport === undefined
      ? undefined
      : stand(storage.locks, `link ${space}`, {
          async begin() {
            let fence: number | undefined
            try {
              if (storage.locks !== undefined) fence = await log.takeFence()
              await journal.pull()
            } catch (error) {
              // Without working storage the relay is the only rescue, so the link runs all the same.
              onError(error)
            }
            linking.elect({ fence })
            settling.settle(true)
          },
          end() {
            linking.elect(undefined)
          },
          onError,
        })
  const presence = options.presence?.(peers.port)

  function noStorage(): StoreError {
    if (storageError !== undefined) return storageError
    return new StoreError(
      'storage-failed',
      'This store has no storage. Pass `storage: indexedDb(name)` to openStore().',
    )
  }

  function assertOpen(): void {
    if (closed) throw closedError()
  }

  async function close(): Promise<void> {
    replica.flushDocuments()
    // Whoever is told of the last now may still commit.
    watching.flush()
    presence?.close()
    peers.close()
    closed = true
    campaign?.stop()
    linking.tend()
    watching.close()
    validity.close()
    board.close()
    waiting.rejectAll(closedError())
    for (const end of [...core.closing]) end()
    try {
      await journal.close()
    } finally {
      // Not before: the others hear from us that the log has grown.
      tabs.close()
      stopLosses()
      await letGo()
    }
  }

  // One function behind the two forms of `changes`, which the type of the store tells apart.
  function changes(
    selector: Selector,
    then?: ((report: Report<any>) => void) | ChangesOptions,
    options?: ChangesOptions,
  ): any {
    assertOpen()
    if (typeof then === 'function') return watching.changes(selector, then, options)
    return { [Symbol.asyncIterator]: () => watching.iterate(selector, then) }
  }

  const store: Store = {
    space,
    get snapshot() {
      return memory.snapshot
    },
    get: (readable) => memory.snapshot.get(readable),
    read: (ref) => memory.snapshot.read(ref),
    items: (collection) => memory.snapshot.items(collection),
    transact: committing.transact,
    transactAsync: transacting.transactAsync,
    independent: committing.independent,
    io: committing.io,
    agent: agents.live,
    open: handles.open,
    delete: handles.delete,
    undo: () => undoing.stack('').undo(),
    redo: () => undoing.stack('').redo(),
    undoStack: (scope = '') => undoing.stack(scope),
    changes,
    onViolation(of, listener) {
      assertOpen()
      return validity.onViolation(Array.isArray(of) ? of : [of], listener)
    },
    invariant(name, check, how) {
      assertOpen()
      return validity.invariant(name, check, how)
    },
    get status() {
      return board.read()
    },
    onStatus(listener) {
      assertOpen()
      return board.subscribe(listener)
    },
    durable() {
      if (closed) return Promise.reject(closedError())
      return isLasting ? journal.settled() : Promise.reject(noStorage())
    },
    async synced(how) {
      if (closed) throw closedError()
      await Promise.all(Array.from(replica.pendingIds(), (id) => committing.synced(id, how?.signal)))
    },
    refused: {
      list: () => [...replica.refused.values()],
      reapply(id) {
        assertOpen()
        const refused = replica.refused.get(id)
        if (refused === undefined) return nothingChanged
        const { ops, effects, meta } = refused.change
        validity.judgeOps(ops, memory, committing.context())
        // What it sent to agents they were given when it was committed first; other effects are still to be run.
        const receipt = committing.commit(ops, meta, { effects })
        this.drop(id)
        return receipt
      },
      drop(id) {
        assertOpen()
        if (!replica.refused.has(id)) return
        replica.drop([id])
        journal.write({ kind: 'dropped', changes: [id] }).catch(onError)
        board.touch()
      },
    },
    get presence() {
      if (presence !== undefined) return presence
      throw new StoreError(
        'no-presence',
        'This store was opened without presence. Pass `presence: yjsPresence()` of @syncline/yjs to openStore().',
      )
    },
    connect() {
      assertOpen()
      linking.want(true)
    },
    disconnect() {
      assertOpen()
      linking.want(false)
    },
    policyOf: (ref) => memory.adopt(ref.policy),
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
  // Tools walk over the enumerable properties of an object, and this one may throw.
  return Object.defineProperty(store, 'presence', { enumerable: false })
}

const noCredential = new Uint8Array()

/** An app's callback that throws must not cut short what is being told to others. */
function neverThrowing(report: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    try {
      report(error)
    } catch (second) {
      reportToPlatform(second)
    }
  }
}

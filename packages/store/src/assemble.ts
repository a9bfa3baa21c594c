import { changeId, type CellKey } from '@syncline/stm'
import type { LogEntry } from '@syncline/protocol'
import { noAgents, noCompacting, noLink, noUndoing, noValidity } from './absent.ts'
import { allHere } from './away.ts'
import { createCommitting } from './committing.ts'
import type { Core } from './core.ts'
import { createDamage } from './damage.ts'
import { anewError, closedError, isPassing, partMissing, StoreError, unadopted } from './errors.ts'
import { createEnvelopes } from './envelopes.ts'
import { createIntake, isOfPending } from './intake.ts'
import { createJournal, type Journal, type JournalEvents, type ReadUpTo } from './journal.ts'
import { readEntry, unusable } from './open-log.ts'
import { openAsWriter } from './opening.ts'
import { checkSpace, type StoreOptions } from './options.ts'
import type { MembersOf, Part, PartName, PlainMember } from './part.ts'
import { atOnce, cellsAsBytes, createPauses, SHARE_OF_ROWS, type Pieces } from './pieces.ts'
import { createPlainStore } from './plain-store.ts'
import { readPast } from './reading-past.ts'
import { createReplica } from './replica.ts'
import { createSettling } from './settling.ts'
import type { LinkState } from './link.ts'
import { createStatusBoard, type Problem } from './status.ts'
import { storageState, type Persistence } from './storage-state.ts'
import type { Store } from './store.ts'
import { reportToPlatform, systemChance, systemClock } from './system.ts'
import { createHearing, joinTabs, type TabMessage } from './tabs.ts'
import { createUnwrittenJournal } from './unwritten.ts'
import { createWaiting } from './waiting.ts'
import { createWaking } from './waking.ts'
import { createWatching } from './watching.ts'

/** How long after a gap in the relay's order was told it is told again. */
const ASK_AGAIN_MS = 5000
/** How long after the storage could not be read it is tried again. */
const REREAD_MS = 1000
/** Opens a store that has these parts. What newer code has stored is neither read nor written: then it goes on in memory. */
export async function assemble<P extends readonly Part[]>(
  options: StoreOptions,
  parts: P,
): Promise<Pick<Store, PlainMember | MembersOf<P>>> {
  try {
    return await open(options, parts)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    const { code } = error
    // What was to stay in the log is needed.
    if (code === 'compacted') return open(options, parts, false)
    if (code !== 'storage-newer') throw error
    return open({ ...options, storage: unusable(error) }, parts)
  }
}

async function open<P extends readonly Part[]>(
  options: StoreOptions,
  parts: P,
  leavesAsleep = true,
): Promise<Pick<Store, PlainMember | MembersOf<P>>> {
  const { space, transport, clock = systemClock, chance = systemChance } = options
  const onError = neverThrowing(options.onError ?? reportToPlatform)
  checkSpace(space)
  const names = checkParts(options, parts)
  const { storage, log, isLasting, storageError, writers } = await openAsWriter(options.storage, space, chance, onError)
  const damage = createDamage(space, (error) => {
    board.touch()
    onError(error)
  })
  // Nobody may believe that what this older code shows is all there is.
  if (storageError?.code === 'storage-newer') onError(storageError)
  if (log.cleared !== undefined) onError(log.cleared)

  let closed = false
  let gone: StoreError | undefined
  let unreadable: StoreError | undefined
  let cancelRereading: (() => void) | undefined
  let cancelLooking: (() => void) | undefined
  let cancelGap: (() => void) | undefined
  let closing: Promise<void> | undefined
  let stranded: Problem | undefined
  let persistence: Persistence = 'unknown'
  const onlyHere = new Set<CellKey>()
  /** How many `browser` refs had been stored, when that was cleared. */
  let cleared = 0

  const replica = createReplica(
    (policy) => {
      // What could not be authored again without it, can be when it is known.
      if (replica.refusals.size > 0) queueMicrotask(() => settling.settle(core.link.isRunning()))
      return core.committing.bind(policy)
    },
    (from, to, reworded) => {
      core.renamed.set(changeId(from), changeId(to))
      core.waiting.rename(changeId(from), changeId(to))
      core.undoing.onReauthored(from, to, reworded)
    },
    { judge: (writes, view, context) => core.validity.rules.judge(writes, view, context) },
    () => core.away,
    !isLasting && transport === undefined,
  )
  const { memory } = replica
  const brought = new Map<(core: Core) => unknown, unknown>()
  const listeners = new Map<TabMessage['type'], ((message: TabMessage) => void)[]>()
  const board = createStatusBoard(() => {
    const unsaved = journal.unsaved()
    const pending = replica.pendingCount()
    const refused = replica.refused.size
    const isOnRelay = pending === 0 && replica.basis().epoch !== null
    const isStored = isLasting && gone?.code !== 'storage-evicted'
    // What the relay has refused is on the device, or nowhere.
    const unsent = pending + refused
    const atRisk = isStored ? Math.min(unsaved, unsent) : unsent + onlyHere.size + cleared
    return {
      saved: atRisk > 0 ? 'memory' : isOnRelay ? 'relay' : isStored && unsaved === 0 ? 'device' : 'memory',
      unsaved,
      pending,
      refused,
      atRisk,
      ...(stranded === undefined ? linkState() : { link: 'waiting', problem: stranded, retryAtMs: undefined }),
      ...storageState({
        isLasting,
        unusable: storageError,
        gone,
        failure: journal.failure(),
        unreadable,
        delay: journal.delay(),
        unsaved,
        damage: damage.found(),
        cleared: log.cleared,
      }),
      persistence,
    }
  }, onError)
  const alone = noLink(board.touch)

  function linkState(): LinkState {
    const state = core.link.state()
    return state.problem === undefined && replica.isUnadopted() ? { ...state, problem: unadopted } : state
  }

  const core: Core = {
    space,
    options,
    clock,
    chance,
    locks: storage.locks,
    log,
    replica,
    writers,
    get journal() {
      return journal
    },
    waiting: createWaiting(),
    envelopes: createEnvelopes(),
    get waking() {
      return waking
    },
    get watching() {
      return watching
    },
    get committing() {
      return committing
    },
    get intake() {
      return intake
    },
    get settling() {
      return settling
    },
    agents: noAgents,
    validity: noValidity,
    undoing: noUndoing,
    compacting: noCompacting,
    away: allHere,
    link: alone,
    arbitrations: {},
    letGo: () => undefined,
    renamed: new Map(),
    get isClosed() {
      return closed
    },
    get stranded() {
      return stranded
    },
    get gone() {
      return gone
    },
    strand(problem) {
      if (stranded !== undefined) return
      stranded = problem
      core.link.strand()
      board.touch()
    },
    starting: new Set(),
    parting: new Set(),
    closing: new Set(),
    losing: new Set(),
    leaving: new Set(),
    development: options.development ?? false,
    isLasting,
    onlyHere,
    leavesAsleep,
    parts: names,
    use<T>(bring: (core: Core) => T): T {
      if (!brought.has(bring)) brought.set(bring, bring(core))
      // It is what this very function has given.
      return brought.get(bring) as T
    },
    tell: (message) => tabs.tell(message),
    on(type, listener) {
      // Called with messages of this type only.
      const one = listener as (message: TabMessage) => void
      listeners.set(type, [...(listeners.get(type) ?? []), one])
    },
    takeFence: () => log.takeFence(),
    readNews,
    durable(id) {
      if (!isLasting) return Promise.reject(noStorage())
      return id === undefined ? journal.settled() : journal.durable(id)
    },
    nowMs: () => clock.nowMs() + core.link.offsetMs(),
    touchStatus: board.touch,
    onError,
    onDamage: damage.tell,
  }
  const committing = createCommitting(core)
  const settling = createSettling(core)
  const waking = createWaking(core, show)
  const intake = createIntake(core)
  // A tab that died may have written without a word; one that has come may be the one that comes after it.
  for (const type of ['news', 'hello', 'leaving'] as const) core.on(type, readNews)
  core.on('leaving', () => {
    cancelLooking?.()
    cancelLooking = clock.setTimer(REREAD_MS, readNews)
  })
  core.on('signedOut', () => core.strand(signedOut))
  const members = parts.map((part) => core.use(part.bring))
  if (core.link === alone) {
    const counts = createHearing()
    core.on('link', (message) => counts(message) && alone.hear(message.state, message.offsetMs))
  }
  const watching = createWatching({ memory, clock, applied: replica.applied, validity: core.validity, report: onError })

  // What this device has, and the part of it that other tabs go on writing.

  const readUpTo = await replay()
  const events: JournalEvents = {
    pendingOf: (change) => replica.awake(change)!,
    onEntry: (bytes, position) => damage.unless(position, () => hear(seen(bytes))),
    onAnew: waking.wakeForReading,
    onBad: damage.note,
    onRead() {
      const changed = atOnce(intake.onRead())
      // Whoever is told may read again.
      if (changed !== undefined) show(changed)
      void damage.setAside(log)
      lookForGap()
    },
    onDurable() {
      board.touch()
      core.link.wake()
    },
    onGrown(bytes) {
      tabs.tell({ type: 'news' })
      core.compacting.grew(bytes)
    },
    onUnreadable,
    onOrdered: intake.onWritten,
    onFenced() {
      intake.onFenced()
      core.link.onFenced()
    },
    onDelay() {
      board.touch()
      core.link.tend()
      core.link.wake()
    },
    hasOrder: (relaySeq) => core.stranded !== undefined || relaySeq <= intake.loggedSeq(),
    onFailure() {
      board.touch()
      core.link.tend()
      if (replica.refusals.size > 0) settling.settle(core.link.isRunning())
      core.link.wake()
    },
  }
  const journal: Journal = isLasting
    ? createJournal({ append: log.append, read: (...how) => core.away.read(log, ...how) }, readUpTo, clock, events)
    : createUnwrittenJournal(events)

  function readNews(): void {
    journal.pull().then(() => {
      if (cancelRereading === undefined) return
      cancelRereading()
      cancelRereading = unreadable = undefined
      board.touch()
    }, onUnreadable)
  }

  /** The tab that runs the link may have read what is damaged now, before it was: it is told to ask the relay for it again, and to write it. */
  function lookForGap(): void {
    const after = intake.gap()
    if (cancelGap !== undefined || after === undefined || closed) return
    tabs.tell({ type: 'gap', after })
    cancelGap = clock.setTimer(ASK_AGAIN_MS, () => {
      cancelGap = undefined
      lookForGap()
    })
  }

  /**
   * Another tab has written what we cannot read. It is said once, and shown until the store is opened again; or until the storage can be read
   * again, when it was that.
   */
  function onUnreadable(error: unknown): void {
    // That the log is gone is in the status; and what is of another log of the relay is said where the link is.
    if (closed || gone !== undefined || (error instanceof StoreError && error.code === 'other-log')) return
    if (isPassing(error)) {
      cancelRereading?.()
      cancelRereading = clock.setTimer(REREAD_MS, readNews)
    }
    if (unreadable !== undefined) return
    unreadable =
      error instanceof StoreError
        ? error
        : new StoreError('storage-failed', `This device's storage cannot be read: ${String(error)}.`, { cause: error })
    board.touch()
    onError(unreadable)
  }

  /** Nobody knows of this store yet, so the page may have its turn whenever enough was done. */
  async function replay(): Promise<ReadUpTo> {
    const pauses = createPauses(clock)
    let last = 0
    let newestClaim = 0

    function* taken(bytes: Uint8Array): Pieces<void> {
      const entry = seen(bytes)
      yield entry.kind === 'rows' ? bytes.length * SHARE_OF_ROWS : bytes.length
      yield* intake.entry(entry, 'replay')
    }

    try {
      const { ready = [] } = options
      for (const readable of ready) memory.expect(readable)
      const end = await readPast(
        log,
        intake.choice,
        0,
        (bytes, position, claim) => {
          last = position
          newestClaim = claim ?? newestClaim
          return pauses.through(damage.unlessInPieces(position, () => taken(bytes)))
        },
        damage.note,
      )
      await pauses.through(intake.onRead())
      for (const readable of ready) await pauses.through(cellsAsBytes(memory.ready(readable)))
      await damage.setAside(log)
      return { position: Math.max(last, end), claim: newestClaim }
    } catch (error) {
      await letGo()
      throw error
    }
  }

  async function letGo(): Promise<void> {
    cancelGap?.()
    replica.closeDocuments()
    writers.close()
    for (const leave of core.leaving) leave()
    core.undoing.close()
    await log.close()
  }

  function seen(bytes: Uint8Array): LogEntry {
    const entry = readEntry(bytes, space)
    if (replica.asleep().length > 0 && isOfPending(entry)) throw anewError()
    core.compacting.saw(entry, bytes.length)
    return entry
  }

  /** Another tab has written an entry. */
  function hear(entry: LogEntry): void {
    replica.flushDocuments()
    const known = replica.basis().relaySeq
    const changed = atOnce(intake.entry(entry, 'remote'))
    // The tab that runs the link gets on, and what it sends of ours with it.
    if (replica.basis().relaySeq > known) settling.onProgress()
    show(changed)
  }

  function show(changed: ReadonlySet<CellKey>): void {
    board.touch()
    watching.publish(changed, memory.snapshot)
    core.undoing.tell()
    settling.settle(core.link.isRunning())
    core.link.onEntry()
  }

  const tabs = joinTabs(storage.channels, space, (message) => {
    if (closed) return
    for (const listen of listeners.get(message.type) ?? []) listen(message)
  })
  tabs.tell({ type: 'hello' })
  // What the other tabs wrote between our reading and our joining them.
  try {
    await core.undoing.begin(storage.locks, journal.pull)
  } catch (error) {
    tabs.close()
    await letGo()
    throw error
  }
  const stopLosses = log.onLost((error) => {
    gone = error instanceof StoreError ? error : new StoreError('storage-evicted', error.message, { cause: error })
    if (gone.code === 'storage-evicted') cleared = replica.browserRefs()
    // The others go on with what is there now, and need somebody who reads it.
    core.link.strand()
    board.touch()
    for (const tell of [...core.losing]) tell(gone)
  })
  const stopPersistence = storage.onPersistence?.((next) => {
    if (next === persistence) return
    persistence = next
    board.touch()
  })
  const stopLeaving = storage.onLeaving?.(() => {
    replica.flushDocuments()
    journal.flush()
    if (journal.unsaved() > 0) tabs.tell({ type: 'leaving' })
  })
  for (const start of core.starting) start()

  function noStorage(): StoreError {
    if (storageError !== undefined) return storageError
    return new StoreError(
      'storage-failed',
      'This store has no storage. Pass `storage: indexedDb(name)` to openStore().',
    )
  }

  async function close(): Promise<void> {
    replica.flushDocuments()
    // Whoever is told of the last now may still commit.
    watching.flush()
    for (const part of [...core.parting].reverse()) part()
    closed = true
    cancelRereading?.()
    cancelLooking?.()
    core.link.end()
    watching.close()
    core.validity.close()
    board.close()
    core.waiting.rejectAll(closedError())
    for (const end of [...core.closing]) end()
    try {
      await journal.close()
    } finally {
      // Not before: the others hear from us that the log has grown.
      tabs.close()
      stopLosses()
      stopLeaving?.()
      stopPersistence?.()
      await letGo()
    }
  }

  const store = createPlainStore(core, board, () => (closing ??= committing.outside(close)))
  for (const some of members) Object.defineProperties(store, descriptorsOf(some))
  // Together they are what the parts add.
  return store as Pick<Store, PlainMember | MembersOf<P>>
}

/** Shown by the tabs of somebody who has signed out. */
const signedOut: Problem = {
  code: 'signed-out',
  message: 'You have signed out in this browser. What you do here is not synced any more. Load the page anew.',
}

/** The names of parts. Throws `invalid-parts` for what are none, and `part-missing` for options that nobody would heed. */
function checkParts({ transport, presence, onDemand }: StoreOptions, parts: readonly Part[]): ReadonlySet<PartName> {
  // Who writes JavaScript may name a part by its name, or none.
  if (!Array.isArray(parts) || !parts.every(isPart)) {
    throw new StoreError(
      'invalid-parts',
      '`parts` is no list of parts. Import them from @syncline/store/lean: openLean({ space, parts: [link, undo] }).',
    )
  }
  const names = new Set(parts.map(({ name }) => name))
  if (transport !== undefined && !names.has('link') && !names.has('relayRefs')) {
    throw partMissing('link', 'The option `transport`')
  }
  if (onDemand !== undefined && !names.has('onDemand')) throw partMissing('onDemand', 'The option `onDemand`')
  if (presence !== undefined && !names.has('presence')) throw partMissing('presence', 'The option `presence`')
  return names
}

function isPart(part: unknown): boolean {
  return typeof part === 'object' && part !== null && 'bring' in part
}

/** The properties of a part's members. Tools walk over the enumerable ones of an object, and a getter may throw. */
function descriptorsOf(members: object): PropertyDescriptorMap {
  const descriptors = Object.getOwnPropertyDescriptors(members)
  for (const descriptor of Object.values(descriptors)) if (descriptor.get !== undefined) descriptor.enumerable = false
  return descriptors
}

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

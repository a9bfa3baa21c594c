import {
  bringBack,
  arbiterOf,
  cellKey,
  cellKeyOf,
  foldedOf,
  policyOf,
  portionIn,
  portionOf,
  portionOfOp,
  sendAway,
  type DistilledCell,
  type Op,
  type Policy,
  type Portion,
  type Readable,
  type Stamp,
  type States,
} from '@syncline/stm'
import type { Away, HeldAway } from './away.ts'
import type { Core } from './core.ts'
import { assertOpen, closedError, StoreError } from './errors.ts'
import { cellsAsBytes, createPauses } from './pieces.ts'
import { readPortion, type ReadPortion } from './portion-reading.ts'
import { readPast } from './reading-past.ts'
import type { Replica } from './replica.ts'

/** Something that is in the memory as long as it is held. */
export interface Loaded {
  /** Lets go of it. What nobody holds goes out of the memory when all of it is in this device's log. Twice is once. */
  release(): void
  [Symbol.dispose](): void
}

/** What comes into the memory of a store when it is asked for. */
export interface OnDemand {
  load(readable: Readable<unknown>): Promise<Loaded>
  isLoaded(readable: Readable<unknown>): boolean
}

/** A portion that is declared to be on demand. */
interface Declared {
  readonly portion: Portion
  readonly policy: Policy
  readonly readable: Readable<unknown>
  isAway: boolean
  holders: number
  /** While it is on its way. */
  coming: Promise<void> | undefined
}

/** What a Change that the relay has placed has done to what is away. */
interface Placed {
  readonly relaySeq: number
  readonly stamp: Stamp
  readonly ops: readonly Op[]
}

/** How often and after how long the log is read again when it does not say what the memory shows. */
const MOST_ATTEMPTS = 10
const AGAIN_MS = 1000

/**
 * Keeps portions of a space out of memory that nobody has asked for.
 *
 * What the relay has ordered is the same wherever it is read, so a portion is what the log says of it up to some place in that order, what has come since, and over
 * that what is pending. The first can be read at any time. The second is kept here until the log has it, the third by the replica, as ever.
 */
export function createOnDemand(core: Core): OnDemand {
  const { replica, clock } = core
  const { memory } = replica
  const declared = declaredIn(core)
  /** What has been ordered after `storedUpTo`, of what is away. */
  let news: Placed[] = []
  let storedUpTo = 0
  /** How many are reading the log: what it had when they began to, they need not have read. */
  let readers = 0

  function isAway(place: Parameters<Away['apart']>[0]): boolean {
    return declared.get(portionOfOp(place))?.isAway === true
  }

  function trim(): void {
    const storedSeq = core.intake.storedSeq()
    if (readers > 0 || storedSeq <= storedUpTo) return
    storedUpTo = storedSeq
    if (news.length > 0) news = news.filter(({ relaySeq }) => relaySeq > storedUpTo)
  }

  /** Lets what is behind the work go on being what it is. */
  async function reading<T>(work: () => Promise<T>): Promise<T> {
    readers += 1
    try {
      return await work()
    } finally {
      readers -= 1
      tend()
    }
  }

  /** Reads a portion, and puts together what it says. */
  async function read(
    { portion, policy: declaredPolicy }: Declared,
    upTo: number,
  ): Promise<{ readonly found: ReadPortion; readonly policy: Policy; readonly states: States }> {
    const found = await readPortion(core, portion, upTo, core.onDamage)
    if (found.isPartial) askAgain()
    const policy = memory.adopt(declaredPolicy)
    const states: States = new Map()
    await createPauses(clock).through(cellsAsBytes(foldedOf(policy, found.cells, states)))
    return { found, policy, states }
  }

  /** What this tab has passed over is damaged: all is asked of the relay again, as who opens the space with it would. */
  function askAgain(): void {
    core.intake.onDamagedBase()
    core.link.onGap(0)
    core.tell({ type: 'gap', after: 0 })
  }

  /** Adds what has been ordered since; false when it is not known here what that was. */
  function addNews(
    { portion }: Declared,
    { found, policy, states }: Awaited<ReturnType<typeof read>>,
    upTo: number,
  ): boolean {
    const { relaySeq, epoch } = found
    if (relaySeq > upTo || relaySeq < storedUpTo || replica.epochAt(relaySeq) !== epoch) return false
    for (const { ops, stamp, relaySeq: place } of news) {
      if (place <= relaySeq || place > upTo) continue
      for (const op of ops) {
        if (portionOfOp(op) !== portion) continue
        const key = cellKeyOf(op)
        states.set(key, policy.apply(states.get(key), op.payload, stamp))
      }
    }
    return true
  }

  async function bring(one: Declared): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const known = await read(one, Infinity)
      // Another tab may have written more than this one has read.
      if (known.found.relaySeq > replica.basis().relaySeq) await core.journal.pull()
      if (core.isClosed) throw closedError()
      replica.flushDocuments()
      // Of a checkpoint that is being read this tab has left out what was away.
      if (!core.intake.isReading() && addNews(one, known, replica.basis().relaySeq)) {
        surface(replica, one.portion, known.states)
        bringBack(memory, one.portion, known.states)
        one.isAway = false
        return
      }
      if (attempt === MOST_ATTEMPTS) throw notSaid(one.portion)
      if (known.found.relaySeq < storedUpTo) {
        core.link.onGap(known.found.relaySeq)
        core.tell({ type: 'gap', after: known.found.relaySeq })
      }
      await new Promise<void>((resolve) => clock.setTimer(AGAIN_MS, resolve))
    }
  }

  /** Sends away what nobody holds, if it can be had again. */
  function tend(): void {
    if (core.isClosed) return
    trim()
    const { storedSeq, gap, isReading } = core.intake
    if (isReading() || gap() !== undefined || readers > 0 || storedSeq() < replica.basis().relaySeq) return
    for (const one of declared.values()) {
      if (one.isAway || one.holders > 0 || isAsked(one) || !submerge(replica, one.portion)) continue
      sendAway(memory, one.portion)
      one.isAway = true
    }
  }

  /** Whether the relay is asked about it: what is there before it has to be known when that is decided. */
  function isAsked({ portion }: Declared): boolean {
    for (const { change } of replica.envelopes.values()) {
      if (change.ops.some((op) => portionOfOp(op) === portion)) return true
    }
    return false
  }

  function hold(): HeldAway {
    const gone = [...declared.values()].filter((one) => one.isAway)
    const { relaySeq } = replica.basis()
    readers += 1
    return {
      async cells() {
        const cells: DistilledCell[] = []
        for (const one of gone) {
          const known = await read(one, relaySeq)
          if (known.found.isPartial || !addNews(one, known, relaySeq)) return undefined
          cells.push(...distilledOf(known.policy, known.states))
        }
        return cells
      },
      letGo() {
        readers -= 1
        tend()
      },
    }
  }

  if (declared.size > 0) {
    for (const { portion } of declared.values()) sendAway(memory, portion)
    const away: Away = {
      present: (items) => (items.some(isAway) ? items.filter((item) => !isAway(item)) : items),
      ordered(relaySeq, { at, writer, ops }) {
        const gone = ops.filter(isAway)
        if (gone.length > 0) news.push({ relaySeq, stamp: { at, writer }, ops: gone })
      },
      onStored: tend,
      onOrderForgotten() {
        news = []
        storedUpTo = 0
      },
      wants: () => (portion) => portion === undefined || declared.get(portion)?.isAway !== true,
      read: (log, ...how) => readPast(log, core.intake.choice, ...how),
      apart(place) {
        const portion = portionOfOp(place)
        return declared.has(portion) ? portion : undefined
      },
      portions: [...declared.keys()],
      hold,
    }
    core.away = away
  }

  return {
    async load(readable) {
      assertOpen(core)
      const one = declared.get(portionOf(readable))
      if (one !== undefined) {
        one.holders += 1
        try {
          if (one.isAway) await (one.coming ??= reading(() => bring(one)).finally(() => (one.coming = undefined)))
        } catch (error) {
          one.holders -= 1
          throw error
        }
      }
      let isHeld = one !== undefined
      const release = (): void => {
        if (!isHeld) return
        isHeld = false
        one!.holders -= 1
        tend()
      }
      return { release, [Symbol.dispose]: release }
    },
    isLoaded: (readable) => declared.get(portionOf(readable))?.isAway !== true,
  }
}

/** What is pending lies over acknowledged states of a portion that come back: `states` become those with it. */
function surface({ pending, overlaid, memory }: Replica, portion: Portion, states: States): void {
  for (const { change } of pending.values()) {
    for (const op of change.ops) {
      if (portionOfOp(op) !== portion) continue
      const key = cellKeyOf(op)
      const state = states.get(key)
      const cell = overlaid.get(key)
      if (cell === undefined) overlaid.set(key, { operations: 1, acknowledged: state })
      else cell.operations += 1
      // It is known: its states were put together by it.
      states.set(key, memory.policy(op.tag)!.apply(state, op.payload, { at: change.at, writer: change.writer }))
    }
  }
}

/** A portion goes away. False when a live document in it is in use, and nothing has happened. */
function submerge({ bound, overlaid }: Replica, portion: Portion): boolean {
  for (const { tag, leave } of bound) {
    if (leave?.((address) => portionIn(cellKey(tag, address)) === portion) === false) return false
  }
  for (const key of overlaid.keys()) if (portionIn(key) === portion) overlaid.delete(key)
  return true
}

/** The portions that the options declare. Throws `invalid-options` for what cannot be on demand. */
function declaredIn({ options, isLasting }: Core): ReadonlyMap<Portion, Declared> {
  const declared = new Map<Portion, Declared>()
  for (const readable of options.onDemand ?? []) {
    const portion = portionOf(readable)
    if (readable.kind === 'list' || readable.kind === 'range') {
      throw notOnDemand(readable.key, 'only a part of a collection. Name the collection')
    }
    if (arbiterOf(readable) !== 'local') throw notOnDemand(readable.key, 'decided about by others')
    if (options.ready?.some((other) => portionOf(other) === portion) === true) {
      throw notOnDemand(readable.key, 'in `ready` too')
    }
    // Without a log it could not be had again.
    if (!isLasting) continue
    declared.set(portion, {
      portion,
      readable,
      policy: policyOf(readable),
      isAway: true,
      holders: 0,
      coming: undefined,
    })
  }
  return declared
}

function notOnDemand(key: string, why: string): StoreError {
  return new StoreError('invalid-on-demand', `${JSON.stringify(key)} cannot be loaded on demand: it is ${why}.`)
}

function notSaid(portion: Portion): StoreError {
  return new StoreError(
    'load-failed',
    `${JSON.stringify(portion)} cannot be loaded: this device's log does not say what it is. Try again when store.status.link is "online".`,
  )
}

function* distilledOf(policy: Policy, states: States): Iterable<DistilledCell> {
  for (const [key, state] of states) {
    if (state === undefined) continue
    const space = key.indexOf(' ')
    // Only `local` refs are on demand, so what stands before the space is the tag.
    yield { tag: key.slice(0, space), address: key.slice(space + 1), arbiter: 'local', ops: policy.distill!(state) }
  }
}

import { decodeChange, encodeChange } from '@syncline/protocol'
import {
  begin,
  cellKeyOf,
  createMemory,
  emptyBasis,
  isThenable,
  layered,
  sealPure,
  type Basis,
  type CellKey,
  type Change,
  type Memory,
  type Op,
  type Readable,
  type Snapshot,
  type View,
} from '@syncline/stm'
import { SimulationError } from './errors.ts'
import { chanceOf, type LocalBody } from './explored-app.ts'
import { imageFor, imageOfData, type Images } from './image.ts'

/** The number of a state that a replica can be in. Equal numbers: nobody can ever tell the replicas apart. */
export type StateId = number

/** The number of what a Change does to replicas, whenever it was made. */
export type EffectId = number

/** A transaction as it was performed. */
export interface Performed {
  readonly effect: EffectId
  /** Where its author is then. */
  readonly after: StateId
  /** When it was stamped; undefined when it wrote nothing, and so is no Change. */
  readonly at: number | undefined
}

/** A transaction that is to be performed. */
interface Plan {
  readonly who: number
  readonly seq: number
  /** The stamp that it gets if it writes something. */
  readonly at: number
  readonly action: LocalBody
  /** By which lot it chooses: a transaction that is performed twice by the same. */
  readonly lot: string
  /** How many Changes of each replica its author has seen. */
  readonly seen: readonly number[]
}

/**
 * The states that replicas of an app can be in, each once, and how Changes lead from one to the next. Each step is taken once by the policies
 * themselves; what leads from the same state by the same Change is known then.
 */
export interface ReplicaStates {
  readonly empty: StateId
  readonly size: number
  /** Steps that were taken by policies. */
  readonly steps: number
  /** Where a replica is after a transaction of its own. Throws what the action throws. */
  perform(state: StateId, plan: Plan): Performed
  /** Where a replica is when the Change of somebody else has come. */
  deliver(state: StateId, effect: EffectId): StateId
  change(effect: EffectId): Change
  snapshot(state: StateId): Snapshot
  /** What there is in a state, as text by cell. */
  cells(state: StateId): ReadonlyMap<CellKey, string>
}

/** The writer of a replica: ids ascend as replicas do. */
export function writerOf(who: number): string {
  return (who + 10).toString(16).padStart(2, '0').repeat(16)
}

interface Held {
  readonly view: View
  /** The number of the image of each cell that is not empty, by key. */
  readonly cells: ReadonlyMap<CellKey, number>
  /** Where Changes lead from here. */
  readonly after: Map<EffectId, StateId>
  /** What came of the transactions that were performed here, by who performs which of theirs, and its stamp. */
  readonly performed: Map<string, Performed>
}

/**
 * No states but the empty one are there yet. A state that cannot be seen into throws, or is known by its `history`: what was applied to it, in
 * this order.
 */
export function createReplicaStates(
  refs: readonly Readable<unknown>[],
  images: Images,
  seed: number,
  unseen: 'throws' | 'history' = 'throws',
): ReplicaStates {
  const memory = createMemory()
  const held: Held[] = []
  const idByText = new Map<string, StateId>()
  const effects: { readonly change: Change; readonly received: readonly Op[] }[] = []
  const effectByText = new Map<string, EffectId>()
  const imageByState = new WeakMap<object, number>()
  const imageTexts: string[] = []
  const imageByText = new Map<string, number>()
  let steps = 0
  for (const readable of refs) if (readable.kind === 'ref') adopt(memory, readable)

  function idOf(view: View, cells: ReadonlyMap<CellKey, number>): StateId {
    const entries = Array.from(cells, ([key, image]) => `${key}=${image}`)
    const text = entries.length > 1 ? entries.sort().join('\n') : entries.join()
    let id = idByText.get(text)
    if (id === undefined) {
      id = held.push({ view, cells, after: new Map(), performed: new Map() }) - 1
      idByText.set(text, id)
    }
    return id
  }

  function imageOf(op: Op, state: unknown, before: number | undefined, { at, writer }: Change): number {
    const known = typeof state === 'object' && state !== null ? imageByState.get(state) : undefined
    if (known !== undefined) return known
    let text: string
    try {
      text = imageFor(op.tag, images)(state)
    } catch (error) {
      if (unseen === 'throws') throw error
      text = `after ${before ?? 'nothing'}: ${imageOfData([op.payload, at, writer])}`
    }
    let image = imageByText.get(text)
    if (image === undefined) imageByText.set(text, (image = imageTexts.push(text) - 1))
    if (typeof state === 'object' && state !== null) imageByState.set(state, image)
    return image
  }

  function apply(state: StateId, change: Change, ops: readonly Op[]): StateId {
    steps += 1
    const { view, cells } = held[state]!
    const after = layered(view, ops, { at: change.at, writer: change.writer }, memory.policy)
    const now = new Map(cells)
    for (const op of ops) {
      const key = cellKeyOf(op)
      const written = after.state(key)
      if (written === undefined) now.delete(key)
      else now.set(key, imageOf(op, written, cells.get(key), change))
    }
    return idOf(after, now)
  }

  function deliver(state: StateId, effect: EffectId): StateId {
    const { after: known } = held[state]!
    let after = known.get(effect)
    if (after === undefined) {
      const { change, received } = effects[effect]!
      after = received.length === 0 ? state : apply(state, change, received)
      known.set(effect, after)
    }
    return after
  }

  function perform(state: StateId, plan: Plan): Performed {
    const { performed } = held[state]!
    const key = `${plan.who} ${plan.seq} ${plan.at}`
    let known = performed.get(key)
    if (known === undefined) performed.set(key, (known = run(state, plan)))
    return known
  }

  function run(state: StateId, { who, seq, at, lot, action, seen }: Plan): Performed {
    const writer = writerOf(who)
    const context = { stamp: { at, writer }, seed: `${nameOf(who).toLowerCase()}${seq}` }
    const { view } = held[state]!
    const attempt = begin<'local'>(memory, context, new Map(), view)
    try {
      refuseToWait(lot, action(attempt.tx, chanceOf(seed, lot)))
    } finally {
      attempt.finish()
    }
    const checked = attempt.check('serializable', view)
    // An action that waits for something that is not there does nothing for now.
    const ops = checked.kind === 'ready' ? sealPure(checked.writes, context) : []
    const change: Change = { writer, seq, deps: depsOf(seen, who), at, ops, effects: [], meta: null }
    const effect = effectOf(change)
    if (ops.length === 0) return { effect, after: state, at: undefined }
    return { effect, after: apply(state, change, ops), at }
  }

  /** What travels is bytes; and Changes of which these say the same do the same. */
  function effectOf(change: Change): EffectId {
    const text = latin1Of(encodeChange({ ...change, deps: emptyBasis }))
    let effect = effectByText.get(text)
    if (effect === undefined) {
      effect = effects.push({ change, received: decodeChange(encodeChange(change)).ops }) - 1
      effectByText.set(text, effect)
    }
    return effect
  }

  const empty = idOf(memory.view, new Map())
  return {
    empty,
    get size() {
      return held.length
    },
    get steps() {
      return steps
    },
    perform,
    deliver,
    change: (effect) => effects[effect]!.change,
    snapshot: (state) => held[state]!.view.snapshot,
    cells: (state) => new Map(Array.from(held[state]!.cells, ([key, image]) => [key, imageTexts[image]!])),
  }
}

/** Where replicas only exchange Changes, nobody waits. */
function refuseToWait(lot: string, given: unknown): void {
  if (!isThenable(given)) return
  given.then(undefined, () => {})
  throw new SimulationError(
    'invalid-simulation',
    `The action of ${lot} awaits, and where replicas only exchange Changes there is nothing to wait for. Write it without, or run schedules.`,
  )
}

/** By which lot a replica chooses in one of its actions. */
export function lotOf(who: number, seq: number, name: string): string {
  return `${nameOf(who)}${seq} ${name}`
}

/** What people call a replica. */
export function nameOf(who: number): string {
  return who < 26 ? String.fromCharCode(65 + who) : `R${who + 1}`
}

function depsOf(seen: readonly number[], who: number): Basis {
  const others = seen.flatMap((count, of) => (of === who || count === 0 ? [] : [[writerOf(of), count] as const]))
  return { ...emptyBasis, writers: new Map(others) }
}

function adopt(memory: Memory, readable: Readable<unknown>): void {
  memory.snapshot.get(readable)
}

function latin1Of(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

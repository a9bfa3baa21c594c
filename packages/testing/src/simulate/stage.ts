import { tick, witness } from '@syncline/merge'
import { decodeChange, encodeChange } from '@syncline/protocol'
import {
  cellKeyOf,
  createMemory,
  draft,
  emptyBasis,
  sealPure,
  type CellKey,
  type Change,
  type Memory,
  type Op,
} from '@syncline/stm'
import type { SimulatedApp } from './app.ts'
import { brokenInvariant, chanceOf, localBodyOf, readablesOf } from './explored-app.ts'
import type { Finding } from './counterexample.ts'
import type { Drawing, Mark } from './diagram.ts'
import { imageFor, imageOfData, type Images } from './image.ts'
import { lotOf, nameOf, writerOf } from './replica-states.ts'

/** One thing that happens between replicas that exchange Changes. */
export type Step =
  /** A replica performs an action; `id` names the Change that comes of it. */
  | { readonly kind: 'perform'; readonly who: number; readonly action: string; readonly id: string }
  /** A replica receives the Change of another. */
  | { readonly kind: 'deliver'; readonly id: string; readonly to: number }

/** Where and when steps happen. */
export interface Stage {
  readonly app: SimulatedApp
  readonly replicas: number
  /** How far the clock of each replica is ahead, in milliseconds. */
  readonly clocks: readonly number[]
  readonly images: Images
  readonly seed: number
}

/** One replica on the stage: a memory of its own. */
interface Actor {
  readonly memory: Memory
  readonly seen: number[]
  readonly cells: Map<CellKey, string>
  clock: number
}

/**
 * Lets steps happen on memories of their own, one for each replica, and tells what the first check found that failed. Steps that cannot happen
 * (a Change that nobody has made, or that comes before one that its author had seen) do not.
 */
export function play(stage: Stage, steps: readonly Step[]): Finding | undefined {
  const { app, replicas, clocks, images, seed } = stage
  const actors = Array.from({ length: replicas }, (): Actor => {
    const memory = createMemory()
    for (const readable of readablesOf(app)) memory.snapshot.get(readable)
    return { memory, seen: Array.from({ length: replicas }, () => 0), cells: new Map(), clock: 0 }
  })
  const made = new Map<string, { readonly who: number; readonly change: Change; readonly seen: readonly number[] }>()

  function take(actor: Actor, { ops, at, writer }: Change): void {
    actor.memory.apply(ops, { at, writer }, emptyBasis)
    for (const op of ops) actor.cells.set(cellKeyOf(op), imageOfCell(actor.memory, op, images))
  }

  function perform(who: number, name: string, id: string): Finding | undefined {
    const actor = actors[who]!
    const seq = actor.seen[who]! + 1
    const at = tick(actor.clock, clocks[who] ?? 0)
    const [writer, lot] = [writerOf(who), lotOf(who, seq, name)]
    const context = { stamp: { at, writer }, seed: `${nameOf(who).toLowerCase()}${seq}` }
    let ops: readonly Op[]
    try {
      ops = sealPure(
        draft(actor.memory, (tx) => localBodyOf(app, name)(tx, chanceOf(seed, lot)), context).writes,
        context,
      )
    } catch (error) {
      return { check: 'error', what: `${nameOf(who)} performs ${name}, which throws: ${String(error)}` }
    }
    const writers = new Map(actor.seen.flatMap((n, of) => (of === who || n === 0 ? [] : [[writerOf(of), n] as const])))
    const change: Change = { writer, seq, deps: { ...emptyBasis, writers }, at, ops, effects: [], meta: null }
    made.set(id, { who, change: decodeChange(encodeChange(change)), seen: [...actor.seen] })
    if (ops.length > 0) actor.clock = at
    actor.seen[who] = seq
    take(actor, change)
    return broken(who)
  }

  function deliver(id: string, to: number): Finding | undefined {
    const sent = made.get(id)
    const actor = actors[to]!
    if (sent === undefined || sent.who === to || sent.change.seq !== actor.seen[sent.who]! + 1) return undefined
    if (sent.seen.some((count, of) => of !== sent.who && count > actor.seen[of]!)) return undefined
    if (sent.change.ops.length > 0) actor.clock = witness(actor.clock, sent.change.at)
    actor.seen[sent.who] = sent.change.seq
    take(actor, sent.change)
    return broken(to)
  }

  function broken(who: number): Finding | undefined {
    const { snapshot } = actors[who]!.memory
    const what = brokenInvariant(app, snapshot)
    if (what === undefined) return undefined
    const read = readablesOf(app).map((readable) => `${readable.key} reads ${said(snapshot.get(readable))}`)
    return { check: 'invariant', what: [`At ${nameOf(who)} ${what}`, ...read].join('\n  ') }
  }

  function apart(): Finding | undefined {
    for (let a = 0; a < replicas; a++) {
      for (let b = a + 1; b < replicas; b++) {
        const [first, second] = [actors[a]!, actors[b]!]
        if (first.seen.some((count, of) => count !== second.seen[of])) continue
        const what = differenceOf(app, first, second, nameOf(a), nameOf(b))
        if (what !== undefined) return { check: 'convergence', what }
      }
    }
    return undefined
  }

  for (const step of steps) {
    const found = step.kind === 'perform' ? perform(step.who, step.action, step.id) : deliver(step.id, step.to)
    if (found !== undefined) return found
  }
  return apart()
}

/** What a cell holds as far as anybody can tell: all of it, or where that cannot be seen, what it says itself that it holds. */
function imageOfCell(memory: Memory, op: Op, images: Images): string {
  const state = memory.state(cellKeyOf(op))
  try {
    return imageFor(op.tag, images)(state)
  } catch {
    return imageOfData(memory.policy(op.tag)?.content?.(state))
  }
}

function differenceOf(app: SimulatedApp, a: Actor, b: Actor, nameA: string, nameB: string): string | undefined {
  for (const readable of readablesOf(app)) {
    const [atA, atB] = [a.memory.snapshot.get(readable), b.memory.snapshot.get(readable)]
    if (imageOfData(atA) !== imageOfData(atB)) {
      return `${nameA} and ${nameB} have received the same, and ${readable.key} reads ${said(atA)} at ${nameA} and ${said(atB)} at ${nameB}.`
    }
  }
  for (const key of new Set([...a.cells.keys(), ...b.cells.keys()])) {
    const [atA, atB] = [a.cells.get(key), b.cells.get(key)]
    if (atA !== atB) {
      return `${nameA} and ${nameB} have received the same, and what they keep of ${key} is ${atA ?? 'nothing'} at ${nameA} and ${atB ?? 'nothing'} at ${nameB}.`
    }
  }
  return undefined
}

/** A value in a message. */
export function said(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

/** The names of so many replicas. */
export function partiesOf(replicas: number): readonly string[] {
  return Array.from({ length: replicas }, (_, who) => nameOf(who))
}

/** What some steps look like in a diagram. */
export function marksOf(parties: readonly string[], steps: readonly Step[]): readonly Mark[] {
  const makers = new Map<string, number>()
  return steps.map((step): Mark => {
    if (step.kind === 'perform') {
      makers.set(step.id, step.who)
      return { kind: 'act', at: parties[step.who]!, label: `${step.id}: ${step.action}` }
    }
    return { kind: 'message', from: parties[makers.get(step.id)!]!, to: parties[step.to]!, label: step.id }
  })
}

/** The diagram of some steps. */
export function drawingOf(replicas: number, steps: readonly Step[]): Drawing {
  const parties = partiesOf(replicas)
  return { parties, marks: marksOf(parties, steps) }
}

import { Cell, GONE, type Portion } from './cells.ts'
import type { DistilledCell } from './distilled.ts'
import { StmError } from './errors.ts'
import { collectionOf, familyIn, memberPrefix, type Group } from './family.ts'
import type { Inside, Memory } from './memory.ts'
import type { Policy } from './policy.ts'
import { cellKey, listKey, membersKey, prefixIn, type AnyRef, type CellKey, type Readable } from './ref.ts'
import type { Op } from './change.ts'

/** States by the keys of their cells, as they are put together of operations. */
export type States = Map<CellKey, unknown>

/**
 * The portion that a readable is in: the whole collection of a member, a list or a range; any other ref by itself.
 *
 * @example
 * import { portionOf } from '@syncline/stm'
 *
 * const cards = cardsOf('cards')
 * expect(portionOf(cards.at('a'))).toBe(portionOf(cards.list('todo')))
 * expect(portionOf(register('title', ''))).toBe('register title')
 */
export function portionOf(readable: Readable<unknown>): Portion {
  // The kind tells which of the readables it is.
  if (readable.kind === 'ref') return portionIn((readable as AnyRef).key)
  return memberPrefix(collectionOf(familyIn(readable as Group)))
}

/**
 * The portion that an operation is on.
 *
 * @example
 * import { portionOfOp } from '@syncline/stm'
 *
 * expect(portionOfOp({ tag: 'record', address: 'cards/a', arbiter: 'local' })).toBe('record cards/')
 */
export function portionOfOp(op: Pick<Op, 'tag' | 'address' | 'arbiter'>): Portion {
  return portionIn(cellKey(op.tag, op.address, op.arbiter))
}

/**
 * The portion that a cell is in.
 *
 * @example
 * import { portionIn } from '@syncline/stm'
 *
 * expect([portionIn('record cards/a'), portionIn('register title')]).toEqual(['record cards/', 'register title'])
 */
export function portionIn(key: CellKey): Portion {
  return prefixIn(key) || key
}

/**
 * Takes a portion out of a memory: to read or write it is refused with `not-loaded` until it comes back, in all Snapshots. Who calls this sees to it that
 * nothing is applied to it meanwhile. Cost: what the portion holds.
 *
 * @example
 * import { bringBack, createMemory, portionOf, sendAway } from '@syncline/stm'
 *
 * const [memory, title] = [createMemory(), register('title', '')]
 * sendAway(memory, portionOf(title))
 * expect(() => memory.snapshot.get(title)).toThrow('"register title" is not loaded.')
 * bringBack(memory, portionOf(title), new Map())
 * expect(memory.snapshot.get(title)).toBe('')
 */
export function sendAway(memory: Memory, portion: Portion): void {
  memory.inside((inside) => {
    forgetSorted(inside, portion)
    takeAway(inside, portion, () => {
      throw new StmError(
        'not-loaded',
        `${JSON.stringify(portion)} is not loaded. Call store.load() first, and keep what that gives while you need it.`,
        { refs: [portion] },
      )
    })
  })
}

/** In place of the cells of a family that is away: nobody finds out that there are none. */
class NoCells extends Map<string, Cell> {
  readonly #refuse: () => never

  constructor(refuse: () => never) {
    super()
    this.#refuse = refuse
  }

  override get(): never {
    return this.#refuse()
  }

  override values(): never {
    return this.#refuse()
  }
}

/** Takes away the cells of a family, or one that is in none: who looks for them meets what `refuse` throws. */
function takeAway({ versions: { cells } }: Inside, portion: Portion, refuse: () => never): void {
  const prefix = prefixIn(portion)
  const family = cells.makeFamily(prefix)
  const left = prefix === '' ? [family.cells.get(portion)] : family.cells.values()
  for (const cell of left) {
    if (cell === undefined) continue
    cell.place = GONE
    // A ref that somebody keeps remembers its cell.
    cell.state = undefined
  }
  if (prefix !== '') {
    family.replace(new NoCells(refuse))
    return
  }
  const cell = new Cell(family, portion)
  cell.place = GONE
  Object.defineProperty(cell, 'state', { get: refuse })
  family.cells.set(portion, cell)
}

/** What follows from the members of a collection goes with them: as if nobody had asked for it. */
function forgetSorted({ versions, indexes }: Inside, portion: Portion): void {
  const index = indexes?.byPrefix.get(portion)
  if (index === undefined) return
  indexes!.byPrefix.delete(portion)
  const { tag, name, arbiter } = index.family
  const members = membersKey(tag, name, arbiter)
  const lists = Array.from(index.since.keys(), (kept) => listKey(tag, name, kept.slice(1), '', arbiter))
  for (const { key } of [...versions.cells]) {
    if (key === members || lists.some((list) => key.startsWith(list))) versions.derive(key, undefined)
  }
}

/**
 * Brings a portion back: these states were there all the time, but a Snapshot of an older version than the one that is shown has nothing of it any more. Cost: that of
 * the states.
 *
 * @example
 * import { bringBack, createMemory, portionOf, sendAway } from '@syncline/stm'
 *
 * const [memory, votes] = [createMemory(), tally('votes')]
 * sendAway(memory, portionOf(votes))
 * bringBack(memory, portionOf(votes), new Map([[votes.key, 3]]))
 * expect(memory.snapshot.get(votes)).toBe(3)
 */
export function bringBack(memory: Memory, portion: Portion, states: ReadonlyMap<CellKey, unknown>): void {
  memory.inside((inside) => {
    const { versions, keepView } = inside
    const number = keepView()
    const prefix = prefixIn(portion)
    const family = versions.cells.makeFamily(prefix)
    if (prefix === '') family.cells.delete(portion)
    else family.replace(new Map())
    for (const [key, state] of states) {
      if (state === undefined) continue
      const cell = versions.cells.make(key)
      cell.state = state
      cell.writtenIn = number
    }
    noteBack(inside, portion, number)
  })
}

/** By memory, since which version a portion is there. */
const sinces = new WeakMap<Inside['versions'], Map<Portion, number>>()

function noteBack({ versions }: Inside, portion: Portion, number: number): void {
  let since = sinces.get(versions)
  if (since === undefined) {
    const known = new Map<Portion, number>()
    sinces.set(versions, (since = known))
    versions.assertHas = (version, key) => {
      const one = portionIn(key)
      if (version.number >= (known.get(one) ?? 0)) return
      throw new StmError(
        'not-loaded',
        `${JSON.stringify(one)} was not loaded all the time since this Snapshot. Read it from a newer one.`,
        { refs: [one] },
      )
    }
  }
  since.set(portion, number)
}

/**
 * Puts states together of what was distilled, in order, into `states`. Each step that is asked for is one cell, and gives how many operations that were.
 *
 * @example
 * import { foldedOf, type States } from '@syncline/stm'
 *
 * const { policy, address, arbiter, key } = tally('votes')
 * const ops = [1, 2].map((payload) => ({ payload, stamp: { at: payload, writer: 'w' } }))
 * const states: States = new Map()
 * for (const _ of foldedOf(policy, [{ tag: policy.tag, address, arbiter, ops }], states));
 * expect(states.get(key)).toBe(3)
 */
export function* foldedOf(policy: Policy, cells: Iterable<DistilledCell>, states: States): Iterable<number> {
  for (const { tag, address, arbiter, ops } of cells) {
    const key = cellKey(tag, address, arbiter)
    let state = states.get(key)
    for (const { payload, stamp } of ops) state = policy.apply(state, payload, stamp)
    states.set(key, state)
    yield ops.length
  }
}

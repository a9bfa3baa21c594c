import {
  driveAtOnce,
  interpret,
  thrown,
  type Machine,
  type Note,
  type Program,
  type Query,
  type Write,
} from './program.ts'

/** All data there is, as plain as can be. */
export interface World {
  x: number
  y: number
  votes: number
  steps: number[]
  cards: Record<string, { title: string; likes: number }>
  lists: Record<string, string[]>
  /** How often each card was put somewhere: its value says where it stands, though not in words that a model could foretell. */
  moves: Record<string, number>
}

export const emptyWorld: World = {
  x: 0,
  y: 0,
  votes: 0,
  steps: [],
  cards: {},
  lists: { todo: [], done: [] },
  moves: {},
}

/** What a query gives in a world. */
export function ask(world: World, what: Query): unknown {
  if (what === 'cards') return Object.keys(world.cards).toSorted()
  if (typeof what === 'string') return world[what]
  if ('card' in what) return world.cards[what.card]
  if ('list' in what) return world.lists[what.list]!.slice(...('slice' in what ? what.slice : []))
  const ids = Object.keys(world.cards).toSorted()
  return ids.filter((id) => ('prefix' in what ? id.startsWith(what.prefix) : id >= what.from && id < what.to))
}

/** Whether a query gives something else in another world. */
export function differs(what: Query, a: World, b: World): boolean {
  const all = (world: World): unknown =>
    typeof what === 'object' && 'card' in what ? [ask(world, what), world.moves[what.card]] : ask(world, what)
  return JSON.stringify(all(a)) !== JSON.stringify(all(b))
}

/** What came of a program. */
export interface ModelRun {
  readonly outcome: 'commit' | 'throw' | 'retry'
  /** Whether it threw an error of its own, also after it had come to `retry`. */
  readonly threw: boolean
  readonly notes: readonly Note[]
  readonly world: World
  readonly effects: readonly number[]
  /** What it read, in every way it tried. */
  readonly reads: readonly Query[]
}

/** The state of one transaction, of which a savepoint keeps a whole copy. */
interface Scope {
  world: World
  effects: number[]
  /** What was only commuted: it takes no other write. */
  commuted: Set<string>
  written: Set<string>
}

const retrying = new Error('retry')

/** Runs a program on a copy of the world, alone under a global lock. */
export function runModel(program: Program, world: World, once: ReadonlyMap<string, unknown>): ModelRun {
  const notes: Note[] = []
  const reads: Query[] = []
  let scope: Scope = { world, effects: [], commuted: new Set(), written: new Set() }
  scope = structuredClone(scope)
  let asks = false
  let outcome: ModelRun['outcome'] = 'commit'
  let threw = false
  try {
    driveAtOnce(interpret(program, machine(), notes, driveAtOnce))
  } catch (error) {
    if (error !== thrown && error !== retrying) throw error
    outcome = 'throw'
    threw = error === thrown
  }
  if (asks) outcome = 'retry'
  const { world: after, effects } = scope
  return { outcome, threw, notes, world: outcome === 'commit' ? after : world, effects, reads }

  function machine(): Machine {
    return {
      read(what) {
        reads.push(what)
        return structuredClone(ask(scope.world, what))
      },
      peek: (what) => structuredClone(ask(scope.world, what)),
      ensure: () => undefined,
      write: (write) => apply(write, scope, reads),
      effect: (input) => void scope.effects.push(input),
      once: (key) => once.get(key),
      savepoint: (body) => nest(body, undefined),
      orElse: (left, right) => nest(left, () => nest(right, undefined)),
      retry() {
        asks = true
        throw retrying
      },
    }
  }

  /** Runs a part; when it throws, everything is as it was. Whether it came to `retry` is known, whatever it did about that. */
  function nest<T>(body: (inner: Machine) => T, otherwise: (() => T) | undefined): T {
    const before = structuredClone(scope)
    const askedAround = asks
    asks = false
    let failure: { readonly error: unknown } | undefined
    let value: T | undefined
    try {
      value = body(machine())
    } catch (error) {
      failure = { error }
    }
    if (!asks) {
      asks = askedAround
      if (failure === undefined) return value as T
      scope = before
      throw failure.error
    }
    scope = before
    asks = askedAround || otherwise === undefined
    if (otherwise !== undefined) return otherwise()
    throw retrying
  }
}

function apply(write: Write, scope: Scope, reads: Query[]): string | undefined {
  const { world, commuted, written } = scope
  const key = keyOf(write)
  const isCommute = 'commute' in write || 'commuteVotes' in write || 'commuteStep' in write
  if ('bump' in write) reads.push(write.bump)
  if ('move' in write && world.cards[write.move] !== undefined) reads.push({ list: write.list })
  if (!isCommute && commuted.has(key)) return 'commuted'
  const before = JSON.stringify(world)
  const refusal = change(write, world)
  if (refusal !== undefined) {
    // It says that a member is there, or how long a list is.
    reads.push(key === 'steps' ? key : { card: key })
    return refusal
  }
  if (isCommute && !written.has(key)) commuted.add(key)
  // Of what changes nothing nothing is kept.
  else if (before !== JSON.stringify(world)) written.add(key)
  return undefined
}

function keyOf(write: Write): string {
  if ('set' in write) return write.set
  if ('bump' in write) return write.bump
  if ('commute' in write) return write.commute
  if ('add' in write || 'commuteVotes' in write) return 'votes'
  if ('insert' in write || 'remove' in write || 'commuteStep' in write) return 'steps'
  if ('create' in write) return write.create
  if ('delete' in write) return write.delete
  if ('rename' in write) return write.rename
  return 'like' in write ? write.like : write.move
}

/** Makes a write in a world, or says why not. */
function change(write: Write, world: World): string | undefined {
  const { cards, lists, steps } = world
  if ('set' in write) world[write.set] = write.to
  else if ('bump' in write) world[write.bump] += 1
  else if ('commute' in write) world[write.commute] += write.by
  else if ('add' in write) world.votes += write.add
  else if ('commuteVotes' in write) world.votes += write.commuteVotes
  else if ('insert' in write) {
    if (write.at > steps.length) return 'invalid-value'
    steps.splice(write.at, 0, write.insert)
  } else if ('commuteStep' in write)
    steps.splice(Math.min(write.at ?? steps.length, steps.length), 0, write.commuteStep)
  else if ('remove' in write) {
    if (write.remove >= steps.length) return 'invalid-value'
    steps.splice(write.remove, 1)
  } else if ('create' in write) {
    if (cards[write.create] !== undefined) return 'member-exists'
    cards[write.create] = { title: write.title, likes: 0 }
  } else if ('delete' in write) {
    delete cards[write.delete]
    for (const list of Object.values(lists)) if (list.includes(write.delete)) list.splice(list.indexOf(write.delete), 1)
  } else if ('rename' in write) {
    if (cards[write.rename] === undefined) return 'missing-member'
    cards[write.rename]!.title = write.title
  } else if ('like' in write) {
    if (cards[write.like] === undefined) return 'missing-member'
    cards[write.like]!.likes += 1
  } else {
    if (cards[write.move] === undefined) return 'missing-member'
    const others = lists[write.list]!.filter((id) => id !== write.move)
    if (write.index > others.length) return 'invalid-value'
    for (const [name, list] of Object.entries(lists)) lists[name] = list.filter((id) => id !== write.move)
    lists[write.list]!.splice(write.index, 0, write.move)
    world.moves[write.move] = (world.moves[write.move] ?? 0) + 1
  }
  return undefined
}

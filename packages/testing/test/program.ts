import fc from 'fast-check'

/** Something that can be read. */
export type Query =
  | 'x'
  | 'y'
  | 'votes'
  | 'steps'
  | 'cards'
  | { readonly card: string }
  | { readonly list: string }
  | { readonly prefix: string }
  | { readonly from: string; readonly to: string }
  | { readonly list: string; readonly slice: readonly [number, number] }

/** One write. */
export type Write =
  | { readonly set: 'x' | 'y'; readonly to: number }
  | { readonly bump: 'x' | 'y' }
  | { readonly add: number }
  | { readonly create: string; readonly title: string }
  | { readonly delete: string }
  | { readonly rename: string; readonly title: string }
  | { readonly like: string }
  | { readonly move: string; readonly list: string; readonly index: number }
  | { readonly insert: number; readonly at: number }
  | { readonly remove: number }
  | { readonly commute: 'x' | 'y'; readonly by: number }
  | { readonly commuteVotes: number }
  | { readonly commuteStep: number; readonly at?: number }

/** Whether what was read last has this rest by three. */
export interface When {
  readonly read: 'x' | 'y' | 'votes'
  readonly rest: number
}

/** One instruction of a body. */
export type Instruction =
  | { readonly kind: 'read' | 'peek' | 'ensure'; readonly what: Query }
  | { readonly kind: 'write'; readonly write: Write }
  | { readonly kind: 'effect'; readonly input: number }
  | { readonly kind: 'once'; readonly key: string }
  | { readonly kind: 'pause' }
  | { readonly kind: 'throw'; readonly when: When }
  | { readonly kind: 'retry'; readonly when: When; readonly swallow: boolean }
  | { readonly kind: 'savepoint'; readonly body: Program; readonly catches: boolean }
  | { readonly kind: 'orElse'; readonly left: Program; readonly right: Program }

export type Program = readonly Instruction[]

/** A transaction to run: what it does, and how. */
export interface Job {
  readonly program: Program
  readonly isSync: boolean
}

const ids = ['a1', 'a2', 'b1'] as const
const lists = ['todo', 'done'] as const
const number = fc.integer({ min: -3, max: 3 })
const cell = fc.constantFrom('x' as const, 'y' as const)
const id = fc.constantFrom(...ids)
const listName = fc.constantFrom(...lists)

/** Everything that can be asked. */
export const queries: readonly Query[] = [
  'x',
  'y',
  'votes',
  'steps',
  'cards',
  ...ids.map((card) => ({ card })),
  ...lists.map((list) => ({ list })),
  { prefix: 'a' },
  { from: 'a2', to: 'b1' },
  ...lists.map((list) => ({ list, slice: [1, 2] as const })),
]

const query = fc.constantFrom(...queries)
const title = fc.constantFrom('one', 'two', 'three')
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ set: cell, to: number }),
  fc.record({ bump: cell }),
  fc.record({ add: number }),
  fc.record({ create: id, title }),
  fc.record({ create: id, title }),
  fc.record({ delete: id }),
  fc.record({ rename: id, title }),
  fc.record({ like: id }),
  fc.record({ move: id, list: listName, index: fc.nat(2) }),
  fc.record({ move: id, list: listName, index: fc.nat(2) }),
  fc.record({ insert: number, at: fc.nat(2) }),
  fc.record({ remove: fc.nat(1) }),
  fc.record({ commute: cell, by: number }),
  fc.record({ commuteVotes: number }),
  fc.record({ commuteStep: number, at: fc.option(fc.nat(2), { nil: undefined }) }),
)
const when: fc.Arbitrary<When> = fc.record({ read: fc.constantFrom('x', 'y', 'votes'), rest: fc.nat(2) })

const { instruction } = fc.letrec<{ program: Program; instruction: Instruction }>((tie) => ({
  program: fc.array(tie('instruction'), { maxLength: 6, size: 'max', depthIdentifier: 'program' }),
  instruction: fc.oneof(
    { depthIdentifier: 'program', maxDepth: 3 },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('write'), write }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('read'), what: query }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('peek', 'ensure'), what: query }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('effect'), input: number }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('once'), key: fc.constantFrom('k', 'l') }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('pause') }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('throw'), when }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('retry'), when, swallow: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('savepoint'), body: tie('program'), catches: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('orElse'), left: tie('program'), right: tie('program') }) },
  ) as fc.Arbitrary<Instruction>,
}))

/** Several transactions at the same time. */
export function jobs(most: number): fc.Arbitrary<Job[]> {
  const program = fc.array(instruction, { minLength: 2, maxLength: 9, size: 'max' })
  const job = fc.record({ program, isSync: fc.integer({ min: 0, max: 3 }).map((n) => n === 0) })
  return fc.array(job, { minLength: 2, maxLength: most, size: 'max' })
}

/** What a program runs on: a transaction, or a model of one. `savepoint` and `orElse` give what their bodies give. */
export interface Machine {
  read(what: Query): unknown
  peek(what: Query): unknown
  ensure(what: Query): void
  /** Undefined when it was written, else the code of the refusal. */
  write(write: Write): string | undefined
  effect(input: number): void
  once(key: string): unknown
  savepoint<T>(body: (inner: Machine) => T): T
  orElse<T>(left: (inner: Machine) => T, right: (inner: Machine) => T): T
  retry(): never
}

/** What a body noticed. Only what is `counted` must be the same where the transaction commits: what was peeked at may have moved. */
export interface Note {
  readonly at: string
  readonly value: unknown
  readonly counted: boolean
}

/** What programs throw. One for all: a stack for each would take longer than the transactions. */
export const thrown = new Error('thrown by a program')

/**
 * Runs a program on a machine, with a note of everything it noticed. It yields where it pauses, and where a part of it runs inside of a
 * savepoint: whoever drives it awaits there, or does not.
 */
export function* interpret(program: Program, machine: Machine, notes: Note[], drive: Drive): Generator<unknown, void> {
  const note = (at: string, value: unknown, counted = true): void => void notes.push({ at, value, counted })
  const holds = ({ read, rest }: When): boolean => {
    const value = machine.read(read)
    note(read, value)
    return Math.abs(Number(value)) % 3 === rest
  }
  for (const instruction of program) {
    switch (instruction.kind) {
      case 'read':
        note(JSON.stringify(instruction.what), machine.read(instruction.what))
        break
      case 'peek':
        note(JSON.stringify(instruction.what), machine.peek(instruction.what), false)
        break
      case 'ensure':
        machine.ensure(instruction.what)
        break
      case 'write':
        note(JSON.stringify(instruction.write), machine.write(instruction.write))
        break
      case 'effect':
        machine.effect(instruction.input)
        break
      case 'once':
        note(instruction.key, machine.once(instruction.key))
        break
      case 'pause':
        yield undefined
        break
      case 'throw':
        if (holds(instruction.when)) throw thrown
        break
      case 'retry':
        if (!holds(instruction.when)) break
        try {
          machine.retry()
        } catch (error) {
          if (!instruction.swallow) throw error
        }
        break
      case 'savepoint': {
        const { body, catches } = instruction
        try {
          yield machine.savepoint((inner) => drive(interpret(body, inner, notes, drive)))
          note('savepoint', 'kept')
        } catch (error) {
          note('savepoint', 'undone')
          if (!catches) throw error
        }
        break
      }
      case 'orElse': {
        const { left, right } = instruction
        yield machine.orElse(
          (inner) => drive(interpret(left, inner, notes, drive)),
          (inner) => drive(interpret(right, inner, notes, drive)),
        )
        break
      }
    }
  }
}

/** Runs what a program does to its end: at once, or with pauses. */
export type Drive = (steps: Generator<unknown, void>) => unknown

export const driveAtOnce: Drive = (steps) => {
  for (;;) if (steps.next().done === true) return undefined
}

/** Awaits what the program yields, which may fail inside of it, and pauses where it yields nothing. */
export function driveWith(pause: () => Promise<void>): Drive {
  return async (steps) => {
    let step = steps.next()
    while (step.done !== true) {
      const failure = await Promise.resolve(step.value ?? pause()).then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      step = failure === undefined ? steps.next() : steps.throw(failure.error)
    }
  }
}

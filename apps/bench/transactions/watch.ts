import type { Contender, Hear } from './contender.ts'
import type { Workload } from './page.ts'

interface Places {
  readonly contender: Contender
  readonly entities: number
  readonly subscribers: number
  readonly many: number
}

/** What one sample will write. */
export interface Plan {
  readonly transactions: number
  readonly firstValue: number
  /** The entities of single writes, in order. */
  readonly entities: readonly number[]
  /** The entities of each large transaction: evenly spread, so that every subscriber is among them. */
  readonly large: readonly number[]
}

/** Knows who subscribes to what, plans writes, counts who was called, and checks it afterwards. */
export function createWatch({ contender, entities, subscribers, many }: Places): {
  readonly entityOf: (subscriber: number) => number
  readonly hear: Hear
  plan(workload: Workload, transactions: number, firstValue: number): Plan
  begin(): void
  verify(workload: Workload, plan: Plan, read: (entity: number) => number): void
} {
  const stride = entities / subscribers
  const largeStride = entities / many
  const calls = new Uint32Array(subscribers)
  const heard = new Float64Array(subscribers)
  const current = new Float64Array(entities)
  const entityOf = (subscriber: number): number => subscriber * stride
  let next = 0

  function fail(what: string): never {
    throw new Error(`${contender.name}: ${what}`)
  }

  return {
    entityOf,
    hear(subscriber, value) {
      calls[subscriber] = calls[subscriber]! + 1
      heard[subscriber] = value
    },
    plan(workload, transactions, firstValue) {
      const plan: number[] = []
      if (workload === 'write') {
        // Another subscriber each time, in an order that is no order to a cache.
        for (let i = 0; i < transactions; i++) plan.push(entityOf((next = (next + 7919) % subscribers)))
      }
      const large = Array.from({ length: many }, (_, i) => i * largeStride)
      return { transactions, firstValue, entities: plan, large }
    },
    begin() {
      calls.fill(0)
    },
    verify(workload, { transactions, firstValue, entities: written, large }, read) {
      const expected = new Uint32Array(entities)
      const before = current.slice()
      written.forEach((entity, i) => {
        expected[entity] = expected[entity]! + 1
        current[entity] = firstValue + i
      })
      if (workload === 'writeMany') {
        for (const entity of large) {
          expected[entity] = transactions
          if (transactions > 0) current[entity] = firstValue + transactions - 1
        }
      }
      for (let entity = 0; entity < entities; entity++) {
        const is = read(entity)
        if (is !== current[entity]) fail(`entity ${entity} reads ${is} and should read ${current[entity]}.`)
      }
      let affected = 0
      for (let s = 0; s < subscribers; s++) {
        const entity = entityOf(s)
        if (workload === 'giveUp' && contender.showsWhatIsGivenUp && calls[s]! > 0) {
          if (calls[s] !== 2 * transactions || heard[s] !== current[entity]) fail('a rollback was not told to the end.')
          continue
        }
        if (calls[s] !== expected[entity]) {
          fail(`subscriber ${s} was called ${calls[s]} times, not ${expected[entity]}.`)
        }
        if (expected[entity] === 0) continue
        affected += 1
        if (heard[s] !== current[entity]) fail(`subscriber ${s} heard ${heard[s]}, not ${current[entity]}.`)
      }
      if (workload !== 'giveUp' && transactions > 0 && affected === 0)
        fail('no subscriber was affected, so nothing was measured.')
      if (workload === 'giveUp' && before.some((value, entity) => value !== current[entity])) fail('a rollback wrote.')
    },
  }
}

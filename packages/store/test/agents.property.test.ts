import { lww } from '@syncline/merge'
import { agent } from '@syncline/stm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStorage, openStore, type Receipt, type Sent } from '../src/index.ts'
import { seededChance, virtualClock } from './world.ts'

const trail = lww<readonly string[]>('trail', [])

type Step =
  | { readonly kind: 'send'; readonly how: How; readonly inTransaction: 'no' | 'commits' | 'throws' }
  /** Lets some promises have their turn. */
  | { readonly kind: 'turns'; readonly count: number }
  | { readonly kind: 'restart'; readonly clear: boolean }
  /** Somebody else writes the ref. */
  | { readonly kind: 'write' }

type How = 'now' | 'later' | 'fails' | 'failsLater'

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      how: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom<How>('now', 'later') },
        { weight: 1, arbitrary: fc.constantFrom<How>('fails', 'failsLater') },
      ),
      inTransaction: fc.constantFrom('no' as const, 'commits' as const, 'throws' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const), clear: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('write' as const) }) },
)

/** The slow obvious thing: a queue, done from the front, item by item. */
interface Model {
  readonly queue: { readonly id: string; readonly how: How }[]
  readonly done: string[]
  readonly outcomes: Map<string, 'done' | 'threw' | 'cleared'>
  isFailed: boolean
}

function run(model: Model, isSteady: boolean): void {
  while (!model.isFailed && model.queue.length > 0) {
    const { id, how } = model.queue.shift()!
    if (how === 'now' || how === 'later') model.done.push(id)
    else model.isFailed = !isSteady
    model.outcomes.set(id, how === 'now' || how === 'later' ? 'done' : 'threw')
  }
}

class Thrown extends Error {}

let failures = 0
let restarts = 0
let done = 0

test('[AG1] [AG4] [AG5] [AG8] whatever is sent, when, and however it fails, an agent does what a queue would', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.boolean(),
      fc.nat(),
      async (steps, isSteady, seed) => {
        const clock = virtualClock()
        const chance = seededChance(seed)
        const storage = memoryStorage()
        const store = await openStore({ space: 'board', storage, clock, chance, onError: () => undefined })
        let acting = 0
        const alone = async <T>(part: () => T | Promise<T>): Promise<T> => {
          acting += 1
          expect(acting).toBe(1)
          try {
            return await part()
          } finally {
            acting -= 1
          }
        }
        const walker = agent('walker', trail, {
          onError: isSteady ? 'continue' : 'fail',
          actions: {
            now: (state, id: string) => [...state, id],
            later: (state, id: string) =>
              alone(async () => {
                for (let turns = Math.floor(chance.fraction() * 5); turns >= 0; turns--) await Promise.resolve()
                return [...state, id]
              }),
            fails: (state, id: string) => {
              if (id !== '') throw new Error(id)
              return state
            },
            failsLater: (state, id: string) =>
              alone(async () => {
                await Promise.resolve()
                if (id !== '') throw new Error(id)
                return state
              }),
          },
        })
        const live = store.agent(walker)
        const model: Model = { queue: [], done: [], outcomes: new Map(), isFailed: false }
        const sent = new Map<string, Promise<string>>()
        const outcomeOf = (one: Sent<readonly string[]>): Promise<string> =>
          one.committed().then(
            ({ value }: Receipt<readonly string[]>) => (value.length > 0 ? 'done' : 'nothing'),
            (error: { readonly code?: string }) => (error.code === 'agent-failed' ? 'cleared' : 'threw'),
          )
        let isWritten = false

        for (const [i, one] of steps.entries()) {
          if (one.kind === 'turns') for (let turns = 0; turns < one.count; turns++) await Promise.resolve()
          if (one.kind === 'restart') for (let turns = 0; turns < 60; turns++) await Promise.resolve()
          if (one.kind === 'write') {
            isWritten = true
            store.transact((tx) => tx.update(trail, (state) => [...state, `written ${i}`]))
          }
          if (one.kind === 'restart' && live.status === 'failed') {
            run(model, isSteady)
            if (!model.isFailed) throw new Error('The agent has failed, and the queue has not.')
            restarts += 1
            await live.restart(store.get(trail), { clear: one.clear })
            model.isFailed = false
            if (one.clear) for (const { id } of model.queue.splice(0)) model.outcomes.set(id, 'cleared')
          }
          if (one.kind !== 'send') continue
          const { how, inTransaction } = one
          const id = `${i}`
          const hasFailed = live.status === 'failed'
          let ended: unknown = 'sent'
          try {
            if (inTransaction === 'no') sent.set(id, outcomeOf(live.send(how, id)))
            else {
              store.transact((tx) => {
                tx.send(walker, how, id)
                if (inTransaction === 'throws') throw new Thrown()
              })
            }
            model.queue.push({ id, how })
          } catch (error) {
            ended = error instanceof Thrown ? 'thrown' : (error as { readonly code: unknown }).code
          }
          // What is thrown in the body comes first.
          expect(ended).toBe(inTransaction === 'throws' ? 'thrown' : hasFailed ? 'agent-failed' : 'sent')
        }
        await clock.pass(1000)
        run(model, isSteady)
        expect(live.status).toBe(model.isFailed ? 'failed' : 'idle')
        const seen = store.get(trail).filter((id) => !id.startsWith('written'))
        expect(seen).toEqual(model.done)
        expect(store.get(trail).some((id) => id.startsWith('written'))).toBe(isWritten)
        // What is kept for after a restart has no outcome yet.
        const ended = [...sent.keys()].filter((id) => model.outcomes.has(id))
        expect(await Promise.all(ended.map((id) => sent.get(id)!))).toEqual(ended.map((id) => model.outcomes.get(id)))
        if (model.isFailed) failures += 1
        done += model.done.length
        await store.close()
        expect(clock.timers).toBe(0)
      },
    ),
  )
  expect(Math.min(failures, restarts, done)).toBeGreaterThan(5)
})

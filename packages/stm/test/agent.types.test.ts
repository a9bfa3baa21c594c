import { expect, test } from 'vitest'
import { agent, type Ref, type Tx } from '../src/index.ts'
import { register } from './policies.ts'

// The compiler is the test: each suppressed error must be one. What is not a test is never called.

const count: Ref<number, { set: number }> = register('count', 0)
const page: Ref<string | null, { set: string | null }> = register<string | null>('page', null)
declare const votes: Ref<number, { add: true }>
declare const seat: Ref<string, { set: string }, 'browser'>
declare const card: Ref<{ readonly title: string } | undefined, { set: { readonly title: string } }>
declare const draft: Ref<string, { set: string }, 'browser'>

const counter = agent('counter', count, {
  actions: {
    add: (state, n: number) => state + n,
    reset: () => 0,
    double: (state) => state * 2,
    step: (state, n?: number) => state + (n ?? 1),
    load: async (state, url: string) => state + url.length,
    both(state, from: { readonly low: number; readonly high: number }, tx) {
      tx.set(page, 'both')
      return state + from.high - from.low
    },
  },
})

/** Never called: their refs are declared only. */
const declared = () => ({
  drafts: agent('drafts', draft, {
    actions: {
      take(text, more: string, tx) {
        // An agent of a browser ref works in a transaction of browser refs.
        tx.set(seat, more)
        return text + more
      },
    },
  }),
  titles: agent('titles', card, { actions: { rename: (state, title: string) => ({ ...state, title }) } }),
})
const pages = agent('pages', page, { actions: { go: (_state, to: string | null) => to } })

function sends(tx: Tx): void {
  const { drafts, titles } = declared()
  tx.send(counter, 'add', 1)
  tx.send(counter, 'reset')
  tx.send(counter, 'double')
  tx.send(counter, 'step')
  tx.send(counter, 'step', 2)
  tx.send(counter, 'load', 'https://example.org')
  tx.send(counter, 'both', { low: 1, high: 2 })
  tx.send(drafts, 'take', 'x')
  tx.send(titles, 'rename', 'x')
  tx.send(pages, 'go', null)

  // @ts-expect-error -- no such action
  tx.send(counter, 'subtract', 1)
  // @ts-expect-error -- another input
  tx.send(counter, 'add', '1')
  // @ts-expect-error -- the input is missing
  tx.send(counter, 'add')
  // @ts-expect-error -- this action takes no input
  tx.send(counter, 'reset', 1)
  // @ts-expect-error -- this action takes no input
  tx.send(counter, 'double', 1)
  // @ts-expect-error -- a field is missing
  tx.send(counter, 'both', { low: 1 })
  // @ts-expect-error -- a ref is no agent
  tx.send(count, 'add', 1)
}

function makes(): void {
  // @ts-expect-error -- an action gives the next state
  agent('wrong', count, { actions: { add: (state, n: number) => `${state + n}` } })
  // @ts-expect-error -- an action that awaits gives the next state
  agent('wrong', count, { actions: { add: async (state, n: number) => `${state + n}` } })
  // @ts-expect-error -- a counter has no state that could be replaced
  agent('wrong', votes, { actions: { add: (state: number) => state } })
  // @ts-expect-error -- an agent fails or goes on
  agent('wrong', count, { actions: {}, onError: 'ignore' })
  agent('wrong', count, {
    actions: {
      // @ts-expect-error -- an agent of a local ref writes no browser refs
      take: (state, _input: null, tx) => (tx.set(seat, 'x'), state),
    },
  })
}

test('[TX11] a wrong action or input does not compile', () => {
  expect([typeof sends, typeof makes]).toEqual(['function', 'function'])
})

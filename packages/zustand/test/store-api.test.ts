import { collection, counter, list, lww, place, record, set } from '@syncline/merge'
import { json, lines } from '@syncline/merge/diff'
import { diff3 } from '@syncline/merge/diff3'
import { makeRef, StmError, type EditContext, type Intent, type PolicyRef } from '@syncline/stm'
import { everything, openStore, type Store } from '@syncline/store'
import { afterEach, assert, beforeEach, describe, expect, test, vi } from 'vitest'
import { subscribeWithSelector } from 'zustand/middleware'
import { shallow } from 'zustand/shallow'
import { storeApi, type StateOf } from '../src/index.ts'

const title = lww('title', 'Untitled')
const settings = record('settings', { zoom: 1, dark: false })
const likes = counter('likes')
const cards = collection('cards', { text: '', at: place() })
const shape = { title, settings, likes, cards, todo: cards.list('todo'), first: cards.at('a') }
type State = StateOf<typeof shape>

let store: Store
let errors: unknown[]

beforeEach(async () => {
  errors = []
  store = await openStore({ space: 'board', onError: (error) => errors.push(error) })
})

afterEach(async () => {
  await store.close()
  assert.deepEqual(errors, [])
})

/** How many commits `fn` made, counted by the store itself. */
function commitsOf(fn: () => void): number {
  let commits = 0
  const stop = store.changes(everything, () => (commits += 1))
  try {
    fn()
  } finally {
    stop()
  }
  return commits
}

describe('getState', () => {
  test('is an object of values and ids, the same one until something in the shape changes', () => {
    const api = storeApi(store, shape)
    const state = api.getState()
    expect(state).toEqual({
      title: 'Untitled',
      settings: { zoom: 1, dark: false },
      likes: 0,
      cards: [],
      todo: [],
      first: undefined,
    })
    expect(api.getState()).toBe(state)
    store.transact((tx) => tx.set(lww('elsewhere', 0), 1))
    expect(api.getState()).toBe(state)
    store.transact((tx) => tx.set(title, 'Plan'))
    expect(api.getState()).not.toBe(state)
    expect(api.getState()).toEqual({ ...state, title: 'Plan' })
  })

  test('keeps the identity of the values that did not change', () => {
    const api = storeApi(store, shape)
    store.transact((tx) => tx.create(cards.at('a'), { text: 'One' }))
    const before = api.getState()
    store.transact((tx) => tx.patch(settings, { zoom: 2 }))
    const after = api.getState()
    expect(after.settings).toEqual({ zoom: 2, dark: false })
    expect([after.cards === before.cards, after.todo === before.todo, after.first === before.first]).toEqual([
      true,
      true,
      true,
    ])
  })

  test('follows commits without any listener', () => {
    const api = storeApi(store, shape)
    for (let i = 1; i <= 3; i++) {
      store.transact((tx) => tx.add(likes, 1))
      expect(api.getState().likes).toBe(i)
    }
  })

  test('reads each key once after each commit, however often it is called', () => {
    const api = storeApi(store, shape)
    store.transact((tx) => tx.set(title, 'Plan'))
    const reads = vi.spyOn(store.snapshot, 'get')
    for (let i = 0; i < 5; i++) api.getState()
    expect(reads).toHaveBeenCalledTimes(Object.keys(shape).length)
    reads.mockRestore()
  })

  test('a shape may have nothing, and keys of any name', () => {
    const nothing = storeApi(store, {})
    const state = nothing.getState()
    expect(state).toEqual({})
    store.transact((tx) => tx.add(likes, 1))
    expect(nothing.getState()).toBe(state)
    expect(storeApi(store, { constructor: likes, toString: title }).getState()).toEqual({
      constructor: 1,
      toString: 'Untitled',
    })
  })
})

test('getInitialState is the state at the creation, for ever', () => {
  store.transact((tx) => tx.set(title, 'Before'))
  const api = storeApi(store, shape)
  const initial = api.getInitialState()
  expect(initial).toBe(api.getState())
  api.setState({ title: 'After' })
  expect(api.getInitialState()).toBe(initial)
  expect(initial.title).toBe('Before')
})

describe('setState', () => {
  test('writes the keys that differ, in one transaction', () => {
    const api = storeApi(store, shape)
    const commits = commitsOf(() => api.setState({ title: 'Plan', settings: { zoom: 2, dark: true } }))
    expect(commits).toBe(1)
    expect(store.get(title)).toBe('Plan')
    expect(store.get(settings)).toEqual({ zoom: 2, dark: true })
  })

  test('takes a function of the state', () => {
    const api = storeApi(store, shape)
    api.setState((state) => ({ title: `${state.title}!` }))
    api.setState((state) => ({ ...state, settings: { ...state.settings, zoom: state.settings.zoom + 1 } }))
    expect(api.getState()).toMatchObject({ title: 'Untitled!', settings: { zoom: 2, dark: false } })
  })

  test('of a record writes only the fields that differ', () => {
    const api = storeApi(store, shape)
    const ops: unknown[] = []
    const { transact } = store
    const spied = vi.spyOn(store, 'transact').mockImplementation((body, options) => {
      const receipt = transact.call(store, body, options)
      ops.push(receipt.change?.ops.length, JSON.stringify(receipt.change?.ops[0]?.payload))
      return receipt as never
    })
    api.setState({ settings: { zoom: 3, dark: false } })
    spied.mockRestore()
    expect(ops[0]).toBe(1)
    expect(ops[1]).toContain('zoom')
    expect(ops[1]).not.toContain('dark')
  })

  test('adds to counters, and keeps the items of lists and sets that stay', () => {
    const steps = list<string>('steps')
    const tags = set<string>('tags')
    const api = storeApi(store, { likes, steps, tags })
    api.setState({ likes: 3, steps: ['a', 'b', 'c'], tags: ['x'] })
    const written: unknown[] = []
    const { transact } = store
    const spied = vi.spyOn(store, 'transact').mockImplementation((body, options) => {
      const receipt = transact.call(store, body, options)
      written.push(...receipt.change!.ops)
      return receipt as never
    })
    api.setState((state) => ({
      likes: state.likes + 2,
      steps: ['c', ...state.steps.slice(0, 2)],
      tags: [...state.tags, 'y'],
    }))
    spied.mockRestore()
    expect(api.getState()).toEqual({ likes: 5, steps: ['c', 'a', 'b'], tags: ['x', 'y'] })
    expect(written).toMatchObject([
      { tag: 'counter', payload: [0, 2] },
      // One move, of three parts.
      { tag: 'list', payload: { length: 3 } },
      { tag: 'set', payload: [0, 1, expect.any(String), ['y']] },
    ])
  })

  test('sets what cannot be merged', () => {
    const plain = makeRef<string, { set: string }>(
      {
        ...title.policy,
        tag: 'plain',
        edit(draft: unknown, intent: Intent, ref: PolicyRef, context: EditContext): unknown {
          if (intent.kind !== 'merge') return title.policy.edit(draft, intent, ref, context)
          throw new StmError('invalid-write', `"${ref.address}" has no merge.`)
        },
      },
      'plain',
      title.spec,
    )
    const api = storeApi(store, { plain })
    api.setState({ plain: 'written' })
    expect(api.getState()).toEqual({ plain: 'written' })
  })

  test('of the same object, of equal values and of nothing notifies nobody', () => {
    const api = storeApi(store, shape)
    store.transact((tx) => tx.create(cards.at('a'), { text: 'One' }))
    const listener = vi.fn<() => void>()
    const unsubscribe = api.subscribe(listener)
    const before = api.getState()
    const commits = commitsOf(() => {
      api.setState(api.getState())
      api.setState((state) => state)
      api.setState({ ...api.getState() })
      api.setState({ title: 'Untitled', settings: { dark: false, zoom: 1 } })
      // Equal ids in another array, as after a round through JSON, are no write either.
      api.setState(JSON.parse(JSON.stringify(api.getState())) as object)
      api.setState({})
    })
    unsubscribe()
    expect([commits, listener.mock.calls.length]).toEqual([0, 0])
    expect(api.getState()).toBe(before)
  })

  test('with replace takes the whole state, and nothing less', () => {
    const api = storeApi(store, shape)
    store.transact((tx) => tx.create(cards.at('a'), { text: 'One' }))
    api.setState({ ...api.getState(), title: 'All of it' }, true)
    expect(store.get(title)).toBe('All of it')
    const commits = commitsOf(() => {
      expect(() => api.setState({ title: 'Alone' } as State, true)).toThrow(
        expect.objectContaining({ code: 'missing-key', message: expect.stringContaining('"settings"') }),
      )
    })
    expect([commits, store.get(title)]).toEqual([0, 'All of it'])
  })

  test('refuses unknown keys, ids, and what is no state; then nothing of it is written', () => {
    const api = storeApi(store, shape)
    // What a program without types may do.
    const setState = api.setState as (partial: unknown, replace?: boolean) => void
    const attempts: readonly (readonly [unknown, string])[] = [
      [{ title: 'Half', colour: 'red' }, 'unknown-key'],
      [{ title: 'Half', toString: 'x' }, 'unknown-key'],
      [{ title: 'Half', cards: ['a'] }, 'read-only'],
      [{ title: 'Half', todo: ['a'] }, 'read-only'],
      [null, 'invalid-state'],
      [undefined, 'invalid-state'],
      [7, 'invalid-state'],
      [['title'], 'invalid-state'],
      [() => undefined, 'invalid-state'],
      [async () => ({ title: 'Half' }), 'invalid-state'],
      // These three are the refs' own words.
      [{ title: 'Half', likes: 'three' }, 'invalid-value'],
      [{ title: 7 }, 'invalid-value'],
      [{ title: 'Half', first: { text: 'Nobody created it' } }, 'missing-member'],
    ]
    const commits = commitsOf(() => {
      for (const [partial, code] of attempts) {
        expect(() => setState(partial)).toThrow(expect.objectContaining({ code }))
      }
    })
    expect([commits, store.get(title)]).toEqual([0, 'Untitled'])
  })

  test('a function that throws, or a write inside a transaction, writes nothing', () => {
    const api = storeApi(store, shape)
    expect(() =>
      api.setState(() => {
        throw new Error('No.')
      }),
    ).toThrow('No.')
    expect(() => store.transact(() => api.setState({ title: 'Inside' }))).toThrow(
      expect.objectContaining({ code: 'nested-transaction' }),
    )
    expect(store.get(title)).toBe('Untitled')
  })

  test('writes a member that exists', () => {
    const api = storeApi(store, shape)
    store.transact((tx) => tx.create(cards.at('a'), { text: 'One' }))
    api.setState({ first: { text: 'Two' } })
    expect(store.get(cards.at('a'))).toMatchObject({ text: 'Two' })
  })
})

describe('subscribe', () => {
  test('calls with the state and the one before, once for each commit that changed the shape', () => {
    const api = storeApi(store, shape)
    const calls: (readonly [State, State])[] = []
    const first = api.getState()
    const unsubscribe = api.subscribe((state, previous) => calls.push([state, previous]))
    api.setState({ title: 'Plan' })
    store.transact((tx) => tx.set(lww('elsewhere', 0), 1))
    store.transact((tx) => {
      tx.add(likes, 2)
      tx.create(cards.at('a'), { text: 'One' })
      tx.move(cards.at('a'), cards.list('todo'))
    })
    expect(calls).toHaveLength(2)
    expect(calls[0]![1]).toBe(first)
    expect(calls[1]![1]).toBe(calls[0]![0])
    expect(calls[1]![0]).toBe(api.getState())
    expect(calls[1]![0]).toMatchObject({ title: 'Plan', likes: 2, cards: ['a'], todo: ['a'], first: { text: 'One' } })
    unsubscribe()
    unsubscribe()
    api.setState({ title: 'Nobody hears' })
    expect(calls).toHaveLength(2)
  })

  test('getState in a listener is the state it is told of', () => {
    const api = storeApi(store, shape)
    const seen: boolean[] = []
    const unsubscribe = api.subscribe((state) => seen.push(state === api.getState()))
    api.setState({ title: 'One' })
    store.transact((tx) => tx.add(likes, 1))
    unsubscribe()
    expect(seen).toEqual([true, true])
  })

  test('a listener that writes is told of it after the others were told of the first', () => {
    const api = storeApi(store, shape)
    const told: string[] = []
    const stops = [
      api.subscribe((state, previous) => {
        told.push(`a ${previous.title}→${state.title}`)
        if (state.title === 'One') api.setState({ title: 'Two' })
      }),
      api.subscribe((state, previous) => told.push(`b ${previous.title}→${state.title}`)),
    ]
    api.setState({ title: 'One' })
    for (const stop of stops) stop()
    expect(api.getState().title).toBe('Two')
    // The second listener missed nothing: it heard of both at once, from the state it knew to the newest.
    expect(told).toEqual(['a Untitled→One', 'b Untitled→Two', 'a One→Two'])
  })

  test('a listener that throws harms nobody else', () => {
    const api = storeApi(store, shape)
    const told: string[] = []
    const stops = [
      api.subscribe(() => {
        throw new Error('Broken listener.')
      }),
      api.subscribe(({ title: now }) => told.push(now)),
    ]
    api.setState({ title: 'Plan' })
    for (const stop of stops) stop()
    expect(told).toEqual(['Plan'])
    expect(errors.splice(0)).toEqual([new Error('Broken listener.')])
  })

  test('holds nothing open when the last listener has gone', () => {
    const subscriptions = new Set<() => void>()
    const spied = vi.spyOn(store, 'changes')
    const api = storeApi(store, shape)
    api.getState()
    expect(spied).toHaveBeenCalledTimes(0)
    subscriptions.add(api.subscribe(() => undefined)).add(api.subscribe(() => undefined))
    expect(spied).toHaveBeenCalledTimes(2)
    spied.mockRestore()
    for (const stop of subscriptions) stop()
    const read = vi.spyOn(store, 'snapshot', 'get')
    store.transact((tx) => tx.add(likes, 1))
    expect(read).toHaveBeenCalledTimes(0)
    read.mockRestore()
  })

  test("zustand's subscribeWithSelector can be put on it", () => {
    const api = storeApi(store, shape)
    type Selecting = <U>(
      selector: (state: State) => U,
      listener: (now: U, previous: U) => void,
      options?: { readonly equalityFn?: (a: U, b: U) => boolean; readonly fireImmediately?: boolean },
    ) => () => void
    // The middleware exchanges `subscribe` on the api that it is given; its types want the initializer of a store.
    subscribeWithSelector(() => api.getState())(api.setState as never, api.getState, api as never)
    const subscribe = api.subscribe as unknown as Selecting
    const likesSeen: number[][] = []
    const pairs: unknown[] = []
    const stops = [
      subscribe(
        (state) => state.likes,
        (now, previous) => likesSeen.push([now, previous]),
        { fireImmediately: true },
      ),
      subscribe(
        ({ title: name, likes: count }) => [name, count > 1],
        (now) => pairs.push(now),
        { equalityFn: shallow },
      ),
    ]
    store.transact((tx) => tx.add(likes, 1))
    api.setState({ title: 'Plan' })
    store.transact((tx) => tx.add(likes, 1))
    for (const stop of stops) stop()
    expect(likesSeen).toEqual([
      [0, 0],
      [1, 0],
      [2, 1],
    ])
    expect(pairs).toEqual([
      ['Plan', false],
      ['Plan', true],
    ])
  })
})

describe('a diff3 ref', () => {
  const plan = diff3('plan', { by: lines, initial: 'pack\n\ndrive\n' })
  const shape = { plan, likes }

  test('is written by a value, and merged with what others made of it', () => {
    const api = storeApi(store, shape)
    const stale = api.getState().plan
    expect(stale).toMatchObject({ value: 'pack\n\ndrive\n', conflicts: [] })
    api.setState({ plan: 'pack\n\nfly\n' })
    expect(api.getState().plan).toMatchObject({ value: 'pack\n\nfly\n', conflicts: [] })
    // The function is given what is there now, so only the first line is another one.
    api.setState(({ plan: { value } }) => ({ plan: value.replace('pack', 'pack tents') }))
    expect(store.get(plan)).toMatchObject({ value: 'pack tents\n\nfly\n', conflicts: [] })
  })

  test('a reading that comes back is the value that it reads, and the same one writes nothing', () => {
    const api = storeApi(store, shape)
    const before = api.getState()
    expect(commitsOf(() => api.setState((state) => ({ ...state, likes: 1 }), true))).toBe(1)
    api.setState({ plan: 'walk\n' })
    expect(commitsOf(() => api.setState({ ...api.getState() }))).toBe(0)
    // As somebody does who goes back to a state of before.
    api.setState(before)
    expect(store.get(plan)).toEqual(before.plan)
    expect(store.get(likes)).toBe(0)
  })

  test('a value that looks like a reading is a value', () => {
    const form = diff3<{ readonly value: string }>('form', { by: json(), initial: { value: '' } })
    const api = storeApi(store, { form })
    api.setState({ form: { value: 'typed' } })
    expect(api.getState().form).toMatchObject({ value: { value: 'typed' }, conflicts: [] })
  })
})

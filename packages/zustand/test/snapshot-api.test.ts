import { counter, lww } from '@syncline/merge'
import type { Snapshot } from '@syncline/stm'
import { openStore, type Store } from '@syncline/store'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { snapshotApi } from '../src/index.ts'

const title = lww('title', 'Untitled')
const likes = counter('likes')
let store: Store

beforeEach(async () => {
  store = await openStore({ space: 'board' })
})
afterEach(() => store.close())

test('getState is the newest Snapshot, the same object until something changes', () => {
  const api = snapshotApi(store)
  const state = api.getState()
  expect(state).toBe(store.snapshot)
  expect(api.getState()).toBe(state)
  store.transact((tx) => tx.set(title, 'Untitled'))
  expect(api.getState()).toBe(state)
  store.transact((tx) => tx.set(title, 'Plan'))
  expect(api.getState()).not.toBe(state)
  expect([state.get(title), api.getState().get(title)]).toEqual(['Untitled', 'Plan'])
})

test('getInitialState is the Snapshot at the creation', () => {
  const api = snapshotApi(store)
  const initial = api.getInitialState()
  store.transact((tx) => tx.set(title, 'Plan'))
  expect(api.getInitialState()).toBe(initial)
  expect(initial.get(title)).toBe('Untitled')
})

test('subscribe calls with each Snapshot and the one before', () => {
  const api = snapshotApi(store)
  const told: (readonly [Snapshot, Snapshot])[] = []
  const first = api.getState()
  const unsubscribe = api.subscribe((state, previous) => told.push([state, previous]))
  store.transact((tx) => tx.add(likes, 1))
  store.transact((tx) => tx.add(likes, 0))
  store.transact((tx) => tx.add(likes, 1))
  unsubscribe()
  store.transact((tx) => tx.add(likes, 1))
  expect(told.map(([state, previous]) => [state.get(likes), previous.get(likes)])).toEqual([
    [1, 0],
    [2, 1],
  ])
  expect(told[0]![1]).toBe(first)
  expect(told[1]![1]).toBe(told[0]![0])
})

test('setState says how to write instead', () => {
  // What a program without types may do.
  const setState = snapshotApi(store).setState as unknown as (state: unknown) => void
  expect(() => setState({ title: 'Plan' })).toThrow(
    expect.objectContaining({ code: 'read-only', message: expect.stringContaining('store.transact()') }),
  )
})

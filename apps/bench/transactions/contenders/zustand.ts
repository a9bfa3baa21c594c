import { produce } from 'immer'
import { create } from 'mutative'
import { subscribeWithSelector } from 'zustand/middleware'
import { createStore } from 'zustand/vanilla'
import { expectGivenUp, givenUp, times, type Contender, type Hear, type Opened, type Size } from '../contender.ts'

interface Entity {
  readonly n: number
  readonly title: string
}

interface State {
  readonly entities: Readonly<Record<string, Entity>>
}

/** How a state follows from another: by copying, or by a recipe over a draft. */
type Change = (state: State, entities: readonly number[], value: number, giveUp: boolean) => State

/** A store with one state object, and a selector for each subscriber. */
function openZustand(
  { entities, subscribers }: Size,
  watched: (s: number) => number,
  hear: Hear,
  change: Change,
): Opened {
  const initial: State = {
    entities: Object.fromEntries(times(entities, (i) => [`c${i}`, { n: 0, title: 'Card' }])),
  }
  const store = createStore<State>()(subscribeWithSelector(() => initial))
  for (let s = 0; s < subscribers; s++) {
    const id = `c${watched(s)}`
    store.subscribe(
      (state) => state.entities[id]!.n,
      (value) => hear(s, value),
    )
  }
  return {
    write(entity, value) {
      store.setState((state) => change(state, [entity], value, false))
    },
    writeMany(many, value) {
      store.setState((state) => change(state, many, value, false))
    },
    giveUp(many, value) {
      expectGivenUp(() => store.setState((state) => change(state, many, value, true)))
    },
    read: (entity) => store.getState().entities[`c${entity}`]!.n,
  }
}

function copied(state: State, many: readonly number[], value: number, giveUp: boolean): State {
  const entities: Record<string, Entity> = { ...state.entities }
  for (const entity of many) entities[`c${entity}`] = { ...entities[`c${entity}`]!, n: value }
  if (giveUp) throw givenUp
  return { entities }
}

function drafted(draft: { entities: Record<string, { n: number }> }, many: readonly number[], value: number): void {
  for (const entity of many) draft.entities[`c${entity}`]!.n = value
}

export const zustandCopying: Contender = {
  name: 'zustand',
  canRollBack: true,
  open: (size, watched, hear) => openZustand(size, watched, hear, copied),
}

export const zustandImmer: Contender = {
  name: 'zustand + immer',
  canRollBack: true,
  open: (size, watched, hear) =>
    openZustand(size, watched, hear, (state, many, value, giveUp) =>
      produce(state, (draft) => {
        drafted(draft, many, value)
        if (giveUp) throw givenUp
      }),
    ),
}

export const zustandMutative: Contender = {
  name: 'zustand + mutative',
  canRollBack: true,
  open: (size, watched, hear) =>
    openZustand(size, watched, hear, (state, many, value, giveUp) =>
      create(state, (draft) => {
        drafted(draft, many, value)
        if (giveUp) throw givenUp
      }),
    ),
}

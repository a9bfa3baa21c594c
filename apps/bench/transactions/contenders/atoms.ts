import { createStore, atom as jotaiAtom } from 'jotai/vanilla'
import { observable, reaction, runInAction } from 'mobx'
import { atom as nanoAtom, batch as nanoBatch } from 'nanostores'
import { proxy, subscribe } from 'valtio/vanilla'
import { times, type Contender } from '../contender.ts'

/** One atom for each number. */
export const jotai: Contender = {
  name: 'jotai',
  canRollBack: false,
  open({ entities, subscribers }, watched, hear) {
    const store = createStore()
    const atoms = times(entities, () => jotaiAtom(0))
    const many = jotaiAtom(null, (_get, set, targets: readonly number[], value: number) => {
      for (const entity of targets) set(atoms[entity]!, value)
    })
    for (let s = 0; s < subscribers; s++) {
      const atom = atoms[watched(s)]!
      store.sub(atom, () => hear(s, store.get(atom)))
    }
    return {
      write(entity, value) {
        store.set(atoms[entity]!, value)
      },
      writeMany(targets, value) {
        store.set(many, targets, value)
      },
      read: (entity) => store.get(atoms[entity]!),
    }
  },
}

export const nanostores: Contender = {
  name: 'nanostores',
  canRollBack: false,
  open({ entities, subscribers }, watched, hear) {
    const atoms = times(entities, () => nanoAtom(0))
    for (let s = 0; s < subscribers; s++) atoms[watched(s)]!.listen((value) => hear(s, value))
    return {
      write(entity, value) {
        atoms[entity]!.set(value)
      },
      writeMany(many, value) {
        nanoBatch(() => {
          for (const entity of many) atoms[entity]!.set(value)
        })
      },
      read: (entity) => atoms[entity]!.get(),
    }
  },
}

/** One proxy over all entities; subscribers on the proxies of single ones. Several writes reach a subscriber as one only when it is told later. */
export const valtio: Contender = {
  name: 'valtio',
  canRollBack: false,
  open({ entities, subscribers }, watched, hear, mode) {
    const state = proxy({ entities: times(entities, () => ({ n: 0, title: 'Card' })) })
    for (let s = 0; s < subscribers; s++) {
      const entity = state.entities[watched(s)]!
      subscribe(entity, () => hear(s, entity.n), mode === 'single')
    }
    return {
      write(entity, value) {
        state.entities[entity]!.n = value
      },
      async writeMany(many, value) {
        for (const entity of many) state.entities[entity]!.n = value
        await Promise.resolve()
      },
      read: (entity) => state.entities[entity]!.n,
    }
  },
}

export const mobx: Contender = {
  name: 'mobx',
  canRollBack: false,
  open({ entities, subscribers }, watched, hear) {
    const state = times(entities, () => observable({ n: 0, title: 'Card' }))
    for (let s = 0; s < subscribers; s++) {
      const entity = state[watched(s)]!
      reaction(
        () => entity.n,
        (value) => hear(s, value),
      )
    }
    return {
      write(entity, value) {
        runInAction(() => {
          state[entity]!.n = value
        })
      },
      writeMany(many, value) {
        runInAction(() => {
          for (const entity of many) state[entity]!.n = value
        })
      },
      read: (entity) => state[entity]!.n,
    }
  },
}

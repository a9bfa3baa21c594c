import { collection, lww } from '@syncline/merge'
import { openStore } from '@syncline/store'
import { expectGivenUp, givenUp, times, type Contender } from '../contender.ts'

/** A register for each entity, in a store as an app opens it. */
export const synclineRefs: Contender = {
  name: 'Syncline refs',
  canRollBack: true,
  async open({ entities, subscribers }, watched, hear) {
    const store = await openStore({ space: 'bench' })
    const refs = times(entities, (i) => lww(`n${i}`, 0))
    store.transact((tx) => {
      // Written once, so that every register has a state; the first value cannot be 0, which it reads already.
      for (const ref of refs) tx.set(ref, -1)
    })
    store.transact((tx) => {
      for (const ref of refs) tx.set(ref, 0)
    })
    for (let s = 0; s < subscribers; s++) {
      const ref = refs[watched(s)]!
      store.changes(ref, ({ value }) => hear(s, value))
    }
    return {
      write(entity, value) {
        store.transact((tx) => tx.set(refs[entity]!, value))
      },
      writeMany(many, value) {
        store.transact((tx) => {
          for (const entity of many) tx.set(refs[entity]!, value)
        })
      },
      giveUp(many, value) {
        expectGivenUp(() =>
          store.transact((tx) => {
            for (const entity of many) tx.set(refs[entity]!, value)
            throw givenUp
          }),
        )
      },
      read: (entity) => store.get(refs[entity]!),
    }
  },
}

/** One collection of records, of which one field is written. */
export const synclineRecords: Contender = {
  name: 'Syncline records',
  canRollBack: true,
  async open({ entities, subscribers }, watched, hear) {
    const store = await openStore({ space: 'bench' })
    const cards = collection('cards', { n: 0, title: '' })
    const members = times(entities, (i) => cards.at(`c${i}`))
    for (let from = 0; from < entities; from += 10_000) {
      store.transact((tx) => {
        members.slice(from, from + 10_000).forEach((member) => tx.create(member, { n: 0, title: 'Card' }))
      })
    }
    for (let s = 0; s < subscribers; s++) {
      const member = members[watched(s)]!
      store.changes(member, ({ value }) => hear(s, value!.n))
    }
    return {
      write(entity, value) {
        store.transact((tx) => tx.patch(members[entity]!, { n: value }))
      },
      writeMany(many, value) {
        store.transact((tx) => {
          for (const entity of many) tx.patch(members[entity]!, { n: value })
        })
      },
      giveUp(many, value) {
        expectGivenUp(() =>
          store.transact((tx) => {
            for (const entity of many) tx.patch(members[entity]!, { n: value })
            throw givenUp
          }),
        )
      },
      read: (entity) => store.get(members[entity]!)!.n,
    }
  },
}

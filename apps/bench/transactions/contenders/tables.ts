import { createCollection, createTransaction, eq, localOnlyCollectionOptions } from '@tanstack/db'
import { react, transact, transaction } from '@tldraw/state'
import { createRecordType, Store, StoreSchema, type BaseRecord, type RecordId } from '@tldraw/store'
import { createStore } from 'tinybase/store'
import * as Y from 'yjs'
import { times, type Contender } from '../contender.ts'

export const tinybase: Contender = {
  name: 'tinybase',
  canRollBack: true,
  open({ entities, subscribers }, watched, hear) {
    const store = createStore()
    store.setTable('cards', Object.fromEntries(times(entities, (i) => [`c${i}`, { n: 0, title: 'Card' }])))
    for (let s = 0; s < subscribers; s++) {
      store.addCellListener('cards', `c${watched(s)}`, 'n', (_store, _table, _row, _cell, value) =>
        hear(s, value as number),
      )
    }
    return {
      write(entity, value) {
        store.setCell('cards', `c${entity}`, 'n', value)
      },
      writeMany(many, value) {
        store.transaction(() => {
          for (const entity of many) store.setCell('cards', `c${entity}`, 'n', value)
        })
      },
      giveUp(many, value) {
        store.transaction(
          () => {
            for (const entity of many) store.setCell('cards', `c${entity}`, 'n', value)
          },
          () => true,
        )
      },
      read: (entity) => store.getCell('cards', `c${entity}`, 'n') as number,
    }
  },
}

interface Card extends BaseRecord<'card', RecordId<Card>> {
  readonly n: number
  readonly title: string
}

export const tldraw: Contender = {
  name: 'tldraw store',
  canRollBack: true,
  open({ entities, subscribers }, watched, hear) {
    const cards = createRecordType<Card>('card', { scope: 'document' })
    const store = new Store<Card>({ schema: StoreSchema.create<Card>({ card: cards }), props: undefined })
    const ids = times(entities, (i) => cards.createId(`c${i}`))
    store.put(ids.map((id) => cards.create({ id, n: 0, title: 'Card' })))
    for (let s = 0; s < subscribers; s++) {
      const id = ids[watched(s)]!
      let last = 0
      // A reaction runs again when the record is another, whatever became of the number.
      react('subscriber', () => {
        const { n } = store.get(id)!
        if (n === last) return
        last = n
        hear(s, n)
      })
    }
    const put = (entity: number, value: number): void => {
      store.update(ids[entity]!, (card) => ({ ...card, n: value }))
    }
    return {
      write: put,
      writeMany(many, value) {
        transact(() => {
          for (const entity of many) put(entity, value)
        })
      },
      giveUp(many, value) {
        transaction((rollback) => {
          for (const entity of many) put(entity, value)
          rollback()
        })
      },
      read: (entity) => store.get(ids[entity]!)!.n,
    }
  },
}

/** Its mutations are optimistic and are settled by promises, so each is awaited. */
export const tanstack: Contender = {
  name: 'TanStack DB',
  canRollBack: true,
  showsWhatIsGivenUp: true,
  open({ entities, subscribers }, watched, hear) {
    const cards = createCollection(
      localOnlyCollectionOptions({
        id: 'cards',
        getKey: (card: { id: string; n: number; title: string }) => card.id,
        initialData: times(entities, (i) => ({ id: `c${i}`, n: 0, title: 'Card' })),
      }),
    )
    for (let s = 0; s < subscribers; s++) {
      const id = `c${watched(s)}`
      let last = 0
      cards.subscribeChanges(
        ([change]) => {
          // It tells again when an optimistic value is confirmed.
          if (change === undefined || change.value.n === last) return
          last = change.value.n
          hear(s, last)
        },
        { where: (card) => eq(card.id, id) },
      )
    }
    const writing = (many: readonly number[], value: number) => {
      const made = createTransaction({
        autoCommit: false,
        mutationFn: async ({ transaction: done }) => cards.utils.acceptMutations(done),
      })
      made.mutate(() => {
        cards.update(
          many.map((entity) => `c${entity}`),
          (drafts) => {
            for (const draft of drafts) draft.n = value
          },
        )
      })
      return made
    }
    return {
      async write(entity, value) {
        await cards.update(`c${entity}`, (draft) => {
          draft.n = value
        }).isPersisted.promise
      },
      async writeMany(many, value) {
        await writing(many, value).commit()
      },
      giveUp(many, value) {
        const made = writing(many, value)
        made.isPersisted.promise.catch(() => undefined)
        made.rollback()
      },
      read: (entity) => cards.get(`c${entity}`)!.n,
    }
  },
}

/** A map for each entity, as a Yjs app keeps records. */
export const yjs: Contender = {
  name: 'Yjs',
  canRollBack: false,
  open({ entities, subscribers }, watched, hear) {
    const doc = new Y.Doc()
    const cards = doc.getMap<Y.Map<number | string>>('cards')
    doc.transact(() => {
      for (let i = 0; i < entities; i++)
        cards.set(
          `c${i}`,
          new Y.Map<number | string>([
            ['n', 0],
            ['title', 'Card'],
          ]),
        )
    })
    const maps = times(entities, (i) => cards.get(`c${i}`)!)
    for (let s = 0; s < subscribers; s++) {
      const map = maps[watched(s)]!
      map.observe(() => hear(s, map.get('n') as number))
    }
    return {
      write(entity, value) {
        maps[entity]!.set('n', value)
      },
      writeMany(many, value) {
        doc.transact(() => {
          for (const entity of many) maps[entity]!.set('n', value)
        })
      },
      read: (entity) => maps[entity]!.get('n') as number,
    }
  },
}

import { collection, tick } from '@syncline/merge'
import { decodeChange, encodeChange, encodeValue } from '@syncline/protocol'
import { createMemory, draft, emptyBasis, sealPure, type Change, type Tx, type Value } from '@syncline/stm'
import { memoryStorage, openStore } from '@syncline/store'
import type { Contender, Replica, Update } from '../contender.ts'
import type { Row } from '../rows.ts'

const cells = collection('cells', { value: 0 })
const table = collection('table', {
  title: '',
  owner: '',
  status: '',
  note: '',
  points: 0,
  votes: 0,
  due: 0,
  done: false,
})

type Transact = (body: (tx: Tx) => void) => Update

/** The writes, on whatever runs transactions. Refs are what an app keeps of what it shows. */
function writing(transact: Transact): Pick<Replica, 'setKeys' | 'setKey' | 'insertRows' | 'setCells'> {
  const refs = new Map<string, ReturnType<typeof cells.at>>()
  const members = new Map<string, ReturnType<typeof table.at>>()
  const refOf = (key: string): ReturnType<typeof cells.at> => {
    let ref = refs.get(key)
    if (ref === undefined) refs.set(key, (ref = cells.at(key)))
    return ref
  }
  const memberOf = (id: string): ReturnType<typeof table.at> => {
    let member = members.get(id)
    if (member === undefined) members.set(id, (member = table.at(id)))
    return member
  }
  return {
    setKeys: (entries) =>
      transact((tx) => {
        for (const [key, value] of entries) tx.create(cells.at(key), { value })
      }),
    setKey: (key, value) => transact((tx) => tx.patch(refOf(key), { value })),
    insertRows: (rows) =>
      transact((tx) => {
        for (const { id, ...fields } of rows) tx.create(table.at(id), fields)
      }),
    setCells: (writes) =>
      transact((tx) => {
        for (const { id, column, value } of writes) tx.patch(memberOf(id), { [column]: value })
      }),
  }
}

/** The memory of one replica and the records of its Changes: what a store is made of, without storage and a link. */
function openMemory(number: number): Replica {
  const memory = createMemory()
  const writer = number.toString(16).padStart(32, '0')
  /** The first Change: all that was written, when it was written at once. */
  let first: Uint8Array | undefined
  let [at, seq] = [1_700_000_000_000_000, 0]
  memory.adopt(table.policy)

  function transact(body: (tx: Tx) => void): Update {
    at = tick(at, 1_700_000_000_000)
    const stamp = { at, writer }
    const context = { stamp, seed: `${number}.${at}` }
    const ops = sealPure(draft(memory, body, context).writes, context)
    seq += 1
    const change: Change = { writer, seq, deps: emptyBasis, at, ops, effects: [], meta: null }
    const record = encodeChange(change)
    memory.apply(ops, stamp, emptyBasis)
    first ??= record
    return record
  }

  return {
    ...writing(transact),
    eachKey: (visit) => {
      for (const [key, { value }] of memory.snapshot.items(cells)) visit(key, value)
    },
    eachRow: (visit) => {
      for (const [id, row] of memory.snapshot.items(table)) visit({ id, ...row })
    },
    apply(update) {
      const change = decodeChange(update as Uint8Array)
      at = Math.max(at, change.at)
      memory.apply(change.ops, { at: change.at, writer: change.writer }, emptyBasis)
      first ??= update as Uint8Array
    },
    save: () => first!,
    keptBytes() {
      // What a checkpoint holds of a record: its address, its fields, and the stamp of each.
      const kept = memory.snapshot.get(cells).map((id) => {
        const { address, key } = cells.at(id)
        const state = memory.state(key) as { readonly stamp: unknown; readonly values: Value[] }
        return [address, state.values, (state as { readonly stamps?: Value }).stamps ?? (state.stamp as Value)]
      })
      return encodeValue(kept as Value).length
    },
  }
}

export const syncline: Contender = {
  name: 'Syncline',
  open: openMemory,
  load(saved, writer) {
    const replica = openMemory(writer)
    replica.apply(saved)
    return replica
  },
}

/** A whole store: with the log, the invariants, undo, and everything that watches. What arrives from others comes over a link, which is not measured here. */
export const synclineStore: Contender = {
  name: 'Syncline store',
  lacks: ['apply', 'save', 'load', 'keptBytes'],
  async open() {
    const store = await openStore({ space: 'bench', storage: memoryStorage() })
    let last: Promise<unknown> | undefined
    return {
      ...writing((body) => {
        last = store.transact(body).durable()
        return ''
      }),
      eachKey: (visit) => {
        for (const [key, { value }] of store.items(cells)) visit(key, value)
      },
      eachRow: (visit) => {
        for (const [id, row] of store.items(table)) visit({ id, ...row } satisfies Row)
      },
      apply: impossible,
      save: impossible,
      keptBytes: impossible,
      settled: async () => {
        await last
      },
    }
  },
  load: impossible,
}

function impossible(): never {
  throw new Error('A store takes what others wrote from its link.')
}

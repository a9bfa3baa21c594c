import { tick } from '@syncline/merge'
import { decodeChange, encodeChange } from '@syncline/protocol'
import {
  cellKey,
  createMemory,
  draft,
  emptyBasis,
  sealLate,
  type BoundPolicy,
  type Change,
  type Op,
} from '@syncline/stm'
import { memoryStorage, openStore } from '@syncline/store'
import { text } from '@syncline/yjs'
import type { Contender, Edit, Replica } from '../contender.ts'

const note = text('note')
const effects: readonly never[] = []

/** The memory of one replica with its live documents, and the records of its Changes: what a store is made of, without storage and a link. */
function openMemory(number: number): Replica {
  const writer = number.toString(16).padStart(32, '0')
  const records: Uint8Array[] = []
  let [at, seq] = [1_700_000_000_000_000, 0]
  let nextClient = number * 1_000
  const memory = createMemory()
  const policy = note.policy.bind!({
    state: (address) => memory.state(cellKey('text', address)),
    commit: () => undefined,
    randomUint32: () => (nextClient += 1),
    later: (work) => void setImmediate(work),
    report(error) {
      throw error
    },
  }) as BoundPolicy
  memory.adopt(policy)
  // Somebody looks at it, as in an editor.
  const { live } = policy as unknown as { live(address: string): { handles: number } }
  live(note.address).handles += 1

  function apply(change: Change, origin: 'local' | 'remote'): void {
    memory.apply(change.ops, { at: change.at, writer: change.writer }, emptyBasis)
    for (const { address, payload } of change.ops) policy.settle(address, payload, origin)
  }

  return {
    edit([index, removed, inserted]) {
      at = tick(at, 1_700_000_000_000)
      seq += 1
      const context = { stamp: { at, writer }, seed: '' }
      policy.flush()
      const { writes } = draft(
        memory,
        (tx) => {
          if (removed > 0) tx.remove(note, index, removed)
          if (inserted !== '') tx.insert(note, index, inserted)
        },
        context,
      )
      const ops: readonly Op[] = sealLate(writes, context)
      const change: Change = { writer, seq, deps: emptyBasis, at, ops, effects, meta: null }
      apply(change, 'local')
      const record = encodeChange(change, ops.length === 1 ? policy.documents!(ops[0]!.payload) : [])
      records.push(record)
      return record
    },
    receive(record) {
      const change = decodeChange(record as Uint8Array)
      policy.flush()
      apply(change, 'remote')
      records.push(record as Uint8Array)
    },
    read: () => memory.snapshot.get(note),
  }
}

export const syncline: Contender = {
  name: 'Syncline',
  receives: true,
  open: openMemory,
}

/** A whole store: with its log, undo, and everything that watches. */
export const synclineStore: Contender = {
  name: 'Syncline store',
  receives: false,
  async open() {
    const store = await openStore({ space: 'bench', storage: memoryStorage() })
    let last: Promise<void> | undefined
    return {
      edit([index, removed, inserted]: Edit) {
        last = store
          .transact((tx) => {
            if (removed > 0) tx.remove(note, index, removed)
            if (inserted !== '') tx.insert(note, index, inserted)
          })
          .durable()
      },
      read: () => store.get(note),
      settled: async () => {
        await last
      },
    }
  },
}

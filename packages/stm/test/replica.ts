import { emptyBasis, type Basis, type Op } from '../src/change.ts'
import type { Memory } from '../src/memory.ts'
import { createMemory } from '../src/memory-of-refs.ts'
import type { CellKey } from '../src/ref.ts'
import { draft } from '../src/attempt.ts'
import { sealLate, sealPure } from '../src/seal.ts'
import type { Tx } from '../src/transaction.ts'
import type { Value } from '../src/value.ts'
import { bindLive } from './policies.ts'

/** A memory with what a store adds: stamps, bases, and one Change for each transaction. */
export interface Replica {
  readonly memory: Memory
  /** Runs a body and applies its operations. Returns them, and the cells that changed. */
  transact(body: (tx: Tx) => void): { readonly ops: readonly Op[]; readonly changed: ReadonlySet<CellKey> }
  /** Applies an operation that came from somewhere else. */
  receive(tag: string, address: string, payload: Value): ReadonlySet<CellKey>
}

export function replica(): Replica {
  const memory = createMemory((policy) => bindLive(policy))
  let at = 0

  function apply(ops: readonly Op[]): ReadonlySet<CellKey> {
    return ops.length === 0 ? new Set() : memory.apply(ops, { at, writer: 'w' }, nextBasis())
  }

  function nextBasis(): Basis {
    return { ...emptyBasis, relaySeq: at }
  }

  return {
    memory,
    transact(body) {
      at += 1
      const context = { stamp: { at, writer: 'w' }, seed: `seed${at}` }
      const { writes } = draft(memory, body, context)
      const ops = [...sealPure(writes, context), ...sealLate(writes, context)]
      return { ops, changed: apply(ops) }
    },
    receive(tag, address, payload) {
      at += 1
      return apply([{ tag, address, arbiter: 'local', payload }])
    },
  }
}

/** The code and message of what a function throws. */
export function thrownBy(act: () => unknown): { readonly code: unknown; readonly message: string } {
  try {
    act()
  } catch (error) {
    return error as { readonly code: unknown; readonly message: string }
  }
  throw new Error('It should have thrown.')
}

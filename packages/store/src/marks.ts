import { lww } from '@syncline/merge'
import { cellKey, makeRef, type AnyRef, type CellKey, type Memory, type Ref, type Tx } from '@syncline/stm'

/** Knows which transient refs were made to stay. */
export interface Marks {
  /** Where it is kept of a ref. */
  of(ref: AnyRef): AnyRef
  stays(tx: Tx<'browser'>, ref: AnyRef): boolean
  set(tx: Tx<'browser'>, ref: AnyRef, stays: boolean): void
}

type Mark = Ref<boolean | null, { set: boolean | null }, 'browser'>

const BROWSER = { arbiter: 'browser' } as const

/** Null while nobody has said anything: then what was said before there were registers for it counts. */
const mark: Mark = lww<boolean | null>('syncline.handles', null, BROWSER)

/**
 * Makes the marks of one store. Each is a register, a policy that is small and that most apps have. They were members of a collection once;
 * those are looked at without the policy of records, which would make every app as large as one that has some.
 */
export function createMarks(memory: Memory): Marks {
  const of = ({ key }: AnyRef): Mark =>
    makeRef<boolean | null, { set: boolean | null }, 'browser'>(mark.policy, addressOf(key), mark.spec, BROWSER)

  function wasMember(key: CellKey): boolean {
    const address = addressOf(key)
    const records = memory.policy('record')
    if (records !== undefined) return records.exists?.(memory.state(cellKey('record', address, 'browser'))) === true
    let last: unknown
    // Without the policy the operations wait; nothing is forgotten by looking at them.
    memory.forget((_stamp, op) => {
      if (op.tag === 'record' && op.address === address && op.arbiter === 'browser') last = op.payload
      return false
    })
    return Array.isArray(last) && last[0] === CREATE
  }

  return {
    of,
    stays: (tx, ref) => tx.get(of(ref)) ?? wasMember(ref.key),
    set(tx, ref, stays) {
      if (stays || tx.get(of(ref)) !== null || wasMember(ref.key)) tx.set(of(ref), stays)
    },
  }
}

/** What the operation of a record begins with that brings a member into being. */
const CREATE = 1

function addressOf(key: CellKey): string {
  return `syncline.handles/${key}`
}

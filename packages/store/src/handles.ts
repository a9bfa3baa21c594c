import { StmError, type AnyRef, type Arbiter, type Readable, type Ref, type Tx, type Writes } from '@syncline/stm'
import type { Committing } from './committing.ts'
import type { Core } from './core.ts'
import { closedError, StoreError } from './errors.ts'
import {
  assertDeletable,
  assertUsable,
  createHandle,
  isMember,
  type OwnedHandle,
  type Permission,
  type ReadHandle,
  type WriteHandle,
} from './handle.ts'
import { createMarks } from './marks.ts'
import type { Locks } from './ports.ts'
import type { Receipt } from './receipt.ts'
import type { Transacting } from './transacting.ts'

/** Opens refs, and knows by their locks who has them open in this browser. */
export interface Handles {
  open<V, W extends Writes, A extends Arbiter>(ref: Ref<V, W, A>, permission: 'write'): Promise<WriteHandle<V, W, A>>
  open<V>(ref: Ref<V, Writes, Arbiter>, permission: 'read'): Promise<ReadHandle<V>>
  delete(ref: AnyRef): Promise<Receipt<void>>
}

/**
 * Makes the handles of one open store. An open handle shares a lock named for its ref: who gets that lock alone knows that nobody in this
 * browser has the ref open, also when tabs have died. One lock more makes sure that they come and go one after the other.
 */
export function createHandles(
  core: Core,
  locks: Locks | undefined,
  committing: Committing,
  transacting: Transacting,
): Handles {
  const marks = createMarks(core.replica.memory)
  const open = new Set<OwnedHandle>()
  const closing = new AbortController()

  core.closing.add(() => {
    closing.abort(closedError())
    for (const handle of open) handle.lock?.release()
    open.clear()
  })

  const lockOf = (ref: AnyRef): string => `handle ${core.space} ${ref.key}`

  /** Runs `part` while no other handle of this space is opened, closed or deleted in this browser. */
  async function atTheGate<T>(part: () => Promise<T>): Promise<T> {
    if (core.isClosed) throw closedError()
    const gate = await locks?.hold(`handles ${core.space}`, closing.signal)
    try {
      if (core.isClosed) throw closedError()
      return await part()
    } finally {
      gate?.release()
    }
  }

  /**
   * Runs `part` if nobody in this browser has the ref open; undefined when somebody has. A page that freezes meanwhile loses its locks, so
   * the part asks again before it writes.
   */
  async function ifNobody<T>(
    ref: AnyRef,
    part: (isAlone: () => boolean) => Promise<T>,
  ): Promise<{ readonly value: T } | undefined> {
    if ([...open].some((other) => other.ref.key === ref.key)) return undefined
    // Without locks nobody can know about other tabs.
    if (locks === undefined) return { value: await part(() => true) }
    const alone = await locks.tryHold(lockOf(ref))
    if (alone === undefined) return undefined
    let isAlone = true
    void alone.lost.then(() => (isAlone = false))
    try {
      return { value: await part(() => isAlone) }
    } finally {
      alone.release()
      await alone.freed
    }
  }

  async function enter(handle: OwnedHandle): Promise<void> {
    handle.lock = await locks?.share(lockOf(handle.ref), closing.signal)
    open.add(handle)
  }

  async function exit(handle: OwnedHandle): Promise<void> {
    const { lock } = handle
    handle.lock = undefined
    open.delete(handle)
    lock?.release()
    await lock?.freed
  }

  /**
   * The value of a transient ref goes with those who had it open. Without locks it stays, as another tab may have it; and so does what newer
   * code has written, until such code opens it: it cannot be written here.
   */
  async function evaporate(ref: AnyRef): Promise<void> {
    if (!isTransient(ref) || locks === undefined) return
    try {
      const done = await ifNobody(ref, (isAlone) =>
        transacting.transactAsync((tx) => {
          const goes = isAlone() && !marks.stays(tx, ref)
          if (goes) toInitial(tx, ref)
          return goes
        }, SILENTLY),
      )
      if (done?.value.value === true) forgetRisk(ref)
    } catch (error) {
      if (!(error instanceof StmError && error.code === 'read-only-newer')) throw error
    }
  }

  /** What says nothing any more is not lost with the page. */
  function forgetRisk({ key }: AnyRef): void {
    if (core.onlyHere.delete(key)) core.touchStatus()
  }

  async function openHandle(ref: AnyRef, permission: Permission): Promise<ReadHandle> {
    check(ref, permission)
    const owned: OwnedHandle = { ref, lock: undefined, state: 'open' }
    await atTheGate(async () => {
      await evaporate(ref)
      await enter(owned)
    })
    return createHandle(owned, permission, core, committing, transacting, { leave, persist, delete: remove })
  }

  async function leave(handle: OwnedHandle): Promise<void> {
    if (handle.state !== 'open') return
    handle.state = 'closed'
    if (core.isClosed) return
    await exit(handle)
    if (!isTransient(handle.ref)) return
    try {
      await atTheGate(() => evaporate(handle.ref))
    } catch (error) {
      // Whoever opens it next finds that nobody has it, and begins anew.
      if (!core.isClosed) core.onError(error)
    }
  }

  async function persist(ref: AnyRef): Promise<void> {
    if (!isTransient(ref)) return
    await transacting.transactAsync((tx) => marks.set(tx, ref, true), SILENTLY)
  }

  async function remove(ref: AnyRef, own?: OwnedHandle): Promise<Receipt<void>> {
    assertDeletable(ref)
    return atTheGate(async () => {
      if (own !== undefined) {
        assertUsable(own)
        await exit(own)
      }
      let isGone = false
      try {
        const done = await ifNobody(ref, (isAlone) => deleteNow(ref, isAlone))
        if (done === undefined) throw inUse(ref)
        isGone = true
        return done.value
      } finally {
        if (own?.state === 'open') {
          if (isGone) own.state = 'deleted'
          else if (!core.isClosed) await enter(own)
        }
      }
    })
  }

  async function deleteNow(ref: AnyRef, isAlone: () => boolean): Promise<Receipt<void>> {
    if (!isAlone()) throw inUse(ref)
    // Only a member has got so far.
    if (ref.arbiter === 'local') return committing.transact((tx) => tx.delete(ref as Ref<unknown, { delete: true }>))
    const receipt = await transacting.transactAsync((tx) => {
      if (!isAlone()) throw inUse(ref)
      marks.set(tx, ref, false)
      toInitial(tx, ref)
    }, BROWSER)
    for (const gone of [ref, marks.of(ref)]) forgetRisk(gone)
    return receipt
  }

  return {
    // The overloads give what `openHandle` makes the type of its permission.
    open: openHandle as Handles['open'],
    delete: (ref) => remove(ref),
  }
}

const BROWSER = { arbiter: 'browser' } as const
/** Nobody who undoes means what becomes of refs as they are opened and closed. */
const SILENTLY = { ...BROWSER, undo: false } as const

function isTransient({ options }: AnyRef): boolean {
  return options.persistence === 'transient'
}

function check(ref: Readable<unknown>, permission: unknown): void {
  if (ref?.kind !== 'ref') {
    throw new StoreError(
      'invalid-handle',
      `Only a single ref can be opened, and this is ${ref?.kind === undefined ? 'none' : `a ${ref.kind}`}. Of a collection open its members.`,
    )
  }
  const { address } = ref as AnyRef
  if (permission !== 'read' && permission !== 'write') {
    throw new StoreError(
      'invalid-handle',
      `"${address}" cannot be opened for ${JSON.stringify(permission)}. Open it for 'read' or for 'write', which may read too.`,
    )
  }
}

function inUse({ address }: AnyRef): StoreError {
  return new StoreError(
    'in-use',
    `"${address}" cannot be deleted: another handle on it is open in this browser. Close it first.`,
  )
}

/** Makes a ref read as it did when nobody had written. */
function toInitial(tx: Tx<'local' | 'browser'>, ref: AnyRef): void {
  // A ref of whatever policy: what its policy does not take it refuses.
  const any = ref as Ref<unknown, { set: unknown; add: true; delete: true }, 'browser'>
  if (isMember(ref)) {
    tx.delete(any)
    return
  }
  const initial: unknown = ref.policy.read(undefined, ref)
  const now = tx.get(any)
  if (addsBack(tx, any, now, initial)) return
  // The counts of a record are not set either.
  for (const [field, value] of Object.entries(now ?? {})) {
    addsBack(tx, any, value, (initial as Record<string, unknown> | null)?.[field], field)
  }
  tx.set(any, initial)
}

/** Brings a count back by an addition; false for what does not count. */
function addsBack(
  tx: Tx<'local' | 'browser'>,
  ref: Ref<unknown, { add: true }, 'browser'>,
  now: unknown,
  initial: unknown,
  field?: string,
): boolean {
  if (typeof now !== 'number' || typeof initial !== 'number') return false
  try {
    tx.add(ref, initial - now, field)
    return true
  } catch (error) {
    // A number that is no count: the refusal has changed nothing.
    if (error instanceof StmError && error.code === 'invalid-write') return false
    throw error
  }
}

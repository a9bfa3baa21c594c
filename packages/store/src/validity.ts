import {
  cellKeyOf,
  createInvariants,
  hasRules,
  judgeWrites,
  readyMade,
  StmError,
  type AnyCollection,
  type AnyRef,
  type CellKey,
  type EditContext,
  type InvariantCheck,
  type InvariantNews,
  type Memory,
  type Op,
  type Rules,
  type Snapshot,
} from '@syncline/stm'
import { encodedBytes, follow, type Following, type Violation } from './violations.ts'

/** How an invariant is kept. */
export interface InvariantOptions {
  /**
   * It must never break, for nobody: it may read `relay` refs only, and transactions on these are refused when it would. Others may not read
   * anything else: `strict-invariant`. Default false: what was merged may break it.
   */
  readonly strict?: boolean
  /** Told when the invariant is broken by what was merged, and when that is over. Default: it is an error for `onError`. */
  onViolation?(news: InvariantNews): void
}

/** What must hold of values and between them: asked before each commit of this tab, looked at after each commit whatsoever. */
export interface Validity {
  /** What transactions are held against. */
  readonly rules: Rules
  /**
   * The ref of an operation, without what it says of conflicts, if it has rules of its own and is known here: because a transaction has
   * written it, or another member of its collection, or somebody follows it.
   */
  refOf(op: Op): AnyRef | undefined
  /** Throws as `rules` do, of operations that no body has written. */
  judgeOps(ops: readonly Op[], memory: Memory, context: EditContext): void
  /** Whether nobody wants to know. */
  isIdle(): boolean
  /** A commit is in memory. */
  note(changed: ReadonlySet<CellKey>): void
  /** A commit is visible, and who watches has been told of it. */
  look(changed: ReadonlySet<CellKey>, snapshot: Snapshot): void
  onViolation(of: readonly (AnyRef | AnyCollection)[], listener: (violation: Violation) => void): () => void
  invariant(name: string, check: InvariantCheck, options?: InvariantOptions): () => void
  close(): void
}

/** Makes the validity of one open store. `now` gives the newest Snapshot. What listeners throw goes to `report`. */
export function createValidity(now: () => Snapshot, report: (error: unknown) => void): Validity {
  const followings = new Set<Following>()
  const invariants = createInvariants()
  const listeners = new Map<string, (news: InvariantNews) => void>()
  /** Refs with rules, by their keys; of the members of one collection, and of one family of texts, any: they have the same. */
  const ruled = new Map<string, AnyRef>()

  function meet(ref: AnyRef): void {
    if (hasRules(ref)) ruled.set(placeOf(ref.key), ref)
  }

  function tell(news: InvariantNews): void {
    try {
      listeners.get(news.name)?.(news)
    } catch (error) {
      report(error)
    }
  }

  const rules: Rules = {
    judge(writes, view, context) {
      for (const { ref } of writes) meet(ref)
      judgeWrites(writes, view, context, encodedBytes)
      return invariants.judge(writes, view, context)
    },
  }

  function refOf(op: Op): AnyRef | undefined {
    if (ruled.size === 0) return undefined
    const key = cellKeyOf(op)
    const known = ruled.get(placeOf(key))
    if (known === undefined) return undefined
    return { ...known, key, address: op.address, options: { ...known.options, onConflict: 'rerun' } }
  }

  return {
    rules,
    refOf,
    judgeOps: (ops, memory, context) => void rules.judge(readyMade(ops, memory, refOf), memory.view, context),
    isIdle: () => followings.size + invariants.size === 0,
    note: invariants.note,
    look(changed, snapshot) {
      for (const following of [...followings]) following.look(changed, snapshot)
      invariants.look(now(), tell, report)
    },
    onViolation(of, listener) {
      for (const one of of) {
        if (one.kind === 'ref') meet(one)
        // Any member will do, so that there need not be one.
        else meet(one.at('any'))
      }
      const following = follow(of, now(), (violation) => {
        try {
          listener(violation)
        } catch (error) {
          report(error)
        }
      })
      followings.add(following)
      return () => followings.delete(following)
    },
    invariant(name, check, { strict = false, onViolation = reporting(report) } = {}) {
      const { failure, remove } = invariants.add(name, check, strict, now())
      const own = (news: InvariantNews): void => onViolation(news)
      listeners.set(name, own)
      if (failure !== undefined) tell({ name, message: failure, isOver: false })
      return () => {
        if (listeners.get(name) !== own) return
        listeners.delete(name)
        remove()
      }
    },
    close() {
      followings.clear()
      listeners.clear()
    },
  }
}

/** Where a ref is known: with all members of its collection at one place. */
function placeOf(key: CellKey): string {
  const slash = key.indexOf('/')
  return slash < 0 ? key : key.slice(0, slash + 1)
}

/** Somebody should know that an invariant is broken, and when nobody has asked to, it is whoever gets the errors. */
function reporting(report: (error: unknown) => void): (news: InvariantNews) => void {
  return ({ name, message, isOver }) => {
    if (isOver) return
    report(
      new StmError(
        'invariant-failed',
        `The invariant "${name}" is broken by what was merged: ${message} Mend it by a transaction; onViolation of the invariant tells when that is needed.`,
        { invariant: name },
      ),
    )
  }
}

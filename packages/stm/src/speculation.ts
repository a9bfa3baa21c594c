import type { Arbiter } from './change.ts'
import { behindOf, type Behind } from './behind.ts'
import { StmError } from './errors.ts'
import { Footprint } from './footprint.ts'
import type { EditContext } from './policy.ts'
import type { Readable } from './ref.ts'
import { sealAside } from './seal.ts'
import type { Snapshot } from './snapshot.ts'
import type { Tx } from './transaction.ts'
import { asyncBody, isRetrySignal, isThenable, unawaited, Workspace } from './workspace.ts'

/** A Snapshot with a body on top, and what the body depends on. */
export interface Speculation {
  readonly snapshot: Snapshot
  readonly reads: readonly Readable<unknown>[]
}

/** Later than everything that anybody writes, with room for bodies on bodies. */
const AFTER_ALL = Number.MAX_SAFE_INTEGER - 2 ** 20
const NOBODY = 'f'.repeat(32)

/** Runs a body on a Snapshot of a memory, of which nobody hears: neither the memory nor a live document is touched. */
export function speculate(on: Snapshot, body: (tx: Tx<Arbiter>) => unknown): Speculation {
  const behind = behindOf(on)!
  const depth = behind.depth + 1
  const context = { stamp: { at: AFTER_ALL + depth, writer: NOBODY }, seed: `with${depth}` }
  const footprint = new Footprint(false, new Map())
  const workspace = run(behind, body, context, footprint)
  const writes = workspace.writes()
  const judgedBy = writes.length === 0 ? [] : behind.rules.judge(writes, behind.view, context)
  const ops = sealAside(writes, context)
  return {
    snapshot: ops.length === 0 ? on : behind.layer(behind.view, ops, context.stamp, depth),
    reads: [...footprint.reads, ...footprint.ensured, ...footprint.tried, ...judgedBy, ...writes.map(({ ref }) => ref)],
  }
}

function run(
  { view }: Behind,
  body: (tx: Tx<Arbiter>) => unknown,
  context: EditContext,
  footprint: Footprint,
): Workspace<Arbiter> {
  const workspace = new Workspace<Arbiter>(view, context, footprint)
  try {
    const value = body(workspace)
    if (isThenable(value)) throw asyncBody(value)
  } catch (error) {
    throw isRetrySignal(error) ? wouldBlock() : error
  } finally {
    footprint.isOver = true
  }
  if (workspace.hasOpenSavepoint) throw unawaited()
  if (workspace.isRetrying) throw wouldBlock()
  return workspace
}

function wouldBlock(): StmError {
  return new StmError(
    'would-block',
    'The body of with() came to retry(), and a Snapshot never changes. Give it another way by orElse().',
  )
}

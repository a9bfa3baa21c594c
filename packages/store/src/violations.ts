import { encodeValue } from '@syncline/protocol'
import {
  cellKey,
  excessOf,
  isMemberId,
  noIssues,
  type AnyCollection,
  type AnyRef,
  type CellKey,
  type Issue,
  type Snapshot,
} from '@syncline/stm'

/**
 * A value that a transaction here would not have been allowed to leave: merged from others, or left by another version of the app. Or the end of
 * that.
 */
export interface Violation {
  readonly ref: AnyRef
  /** What is violated: what the ref is declared to hold (its `schema`, and the versions that are known), or its `maxBytes`. */
  readonly rule: 'schema' | 'maxBytes'
  /** Whether the value is in order again. */
  readonly isOver: boolean
  /** What the ref reads. */
  readonly raw: unknown
  /** What is wrong with it; nothing when it is over. */
  readonly issues: readonly Issue[]
}

/** Follows refs and the members of collections, and tells when one comes to hold what its options forbid, and when that is over. */
export interface Following {
  /** A commit is visible. */
  look(changed: ReadonlySet<CellKey>, snapshot: Snapshot): void
}

/** How many bytes a value takes when encoded. */
export function encodedBytes(value: Parameters<typeof encodeValue>[0]): number {
  return encodeValue(value).length
}

const RULES = ['schema', 'maxBytes'] as const

/** Begins to follow. What is violated already is told at once. */
export function follow(
  of: readonly (AnyRef | AnyCollection)[],
  snapshot: Snapshot,
  tell: (violation: Violation) => void,
): Following {
  const refs = new Map<CellKey, AnyRef>()
  /** By what the keys of the members begin with. */
  const collections = new Map<string, AnyCollection>()
  const violated = { schema: new Set<CellKey>(), maxBytes: new Set<CellKey>() }
  for (const one of of) {
    if (one.kind === 'ref') refs.set(one.key, one)
    else collections.set(cellKey(one.policy.tag, `${one.name}/`, one.options.arbiter), one)
  }

  function judge(ref: AnyRef, at: Snapshot): void {
    for (const rule of RULES) {
      const raw = at.get(ref)
      const issues = rule === 'schema' ? wrongIn(ref, at) : excessIn(ref, raw)
      const was = violated[rule].has(ref.key)
      if (issues.length > 0 === was) continue
      if (was) violated[rule].delete(ref.key)
      else violated[rule].add(ref.key)
      tell({ ref, rule, isOver: was, raw, issues })
    }
  }

  function refOf(key: CellKey): AnyRef | undefined {
    const known = refs.get(key)
    if (known !== undefined || collections.size === 0) return known
    const end = key.indexOf('/') + 1
    const collection = collections.get(key.slice(0, end))
    const id = key.slice(end)
    // What others named by no id is a member of nothing.
    return collection !== undefined && isMemberId(id) ? collection.at(id) : undefined
  }

  for (const ref of refs.values()) judge(ref, snapshot)
  for (const collection of collections.values()) {
    for (const id of snapshot.get(collection)) judge(collection.at(id), snapshot)
  }

  return {
    look(changed, at) {
      for (const key of changed) {
        const ref = refOf(key)
        if (ref !== undefined) judge(ref, at)
      }
    },
  }
}

function wrongIn(ref: AnyRef, snapshot: Snapshot): readonly Issue[] {
  const reading = snapshot.read(ref)
  return reading.invalid ? reading.issues : noIssues
}

function excessIn(ref: AnyRef, value: unknown): readonly Issue[] {
  const { maxBytes } = ref.options
  if (maxBytes === undefined || value === undefined) return noIssues
  const sizeBytes = excessOf(value, maxBytes, encodedBytes)
  if (sizeBytes === undefined) return noIssues
  return [{ message: `It takes ${sizeBytes} bytes and may take ${maxBytes}.`, path: [] }]
}

import type { Stamp } from './change.ts'
import { StmError } from './errors.ts'
import type { View } from './memory.ts'
import { noOptions } from './options.ts'
import type { EditContext } from './policy.ts'
import type { AnyRef, Readable } from './ref.ts'
import { checkedBy, wordsOf, type Issue } from './schema.ts'
import { isLate } from './seal.ts'
import { equalValues, valueSizeBytes, type Value } from './value.ts'
import type { DraftWrite } from './write.ts'
import { writtenIn } from './written.ts'

/** What must hold of the writes of a transaction, beside what it has read: asked about the last ones, when nothing has happened yet. */
export interface Rules {
  /**
   * Throws `StmError` when something does not hold. Returns what it has looked at for that and who commits must make sure of too: `relay`
   * refs that others write.
   */
  judge(writes: readonly DraftWrite[], view: View, context: EditContext): readonly Readable<unknown>[]
}

/** The rules that refs bring with them. Sizes are upper bounds. */
export const rulesOfRefs: Rules = {
  judge(writes, view, context) {
    judgeWrites(writes, view, context, valueSizeBytes)
    return nothing
  },
}

const nothing: readonly Readable<unknown>[] = []

/** The value that a ref will read after the commit, and whether it is what it read before. */
interface Outcome {
  readonly value: unknown
  readonly isOld: boolean
}

/**
 * Holds writes against the schemas and limits of their refs. Throws `StmError` `validation-failed` or `too-large-for-ref`. Cost: nothing for
 * refs that have none.
 *
 * @example
 * import { createMemory, draft, judgeWrites, makeRef, valueSizeBytes } from '@syncline/stm'
 *
 * const { policy } = register('note', '')
 * const note = makeRef(policy, 'note', '', { maxBytes: 10 })
 * const memory = createMemory()
 * const context = { stamp: { at: 1, writer: 'w1' }, seed: 'seed1' }
 * const { writes } = draft(memory, (tx) => tx.set(register('note', ''), 'far too long'), context)
 * const limited = writes.map((write) => ({ ...write, ref: note }))
 * expect(() => judgeWrites(limited, memory.view, context, valueSizeBytes)).toThrow('may take 10')
 */
export function judgeWrites(
  writes: readonly DraftWrite[],
  view: View,
  context: EditContext,
  sizeBytes: (value: Value) => number,
): void {
  if (!writes.some(({ ref }) => hasRules(ref))) return
  let failures: Failure[] | undefined
  for (const write of writes) if (write.ref.options.upgrade !== undefined) checkUpgrade(write, view, context)
  for (const write of writes) {
    const { ref } = write
    const { schema } = ref.options
    if (schema === undefined) continue
    const { value, isOld } = outcome(write, view, context)
    if (isOld || value === undefined) continue
    const issues = checkedBy(schema, writtenIn(value, write.policy), ref.address)
    if (issues.length > 0) (failures ??= []).push({ ref, issues })
  }
  if (failures !== undefined) throw invalid(failures)
  for (const write of writes) {
    const { maxBytes } = write.ref.options
    if (maxBytes === undefined) continue
    const { value, isOld } = outcome(write, view, context)
    if (isOld || value === undefined) continue
    const excess = excessOf(writtenIn(value, write.policy), maxBytes, sizeBytes)
    if (excess !== undefined) throw tooLarge(write.ref, excess, maxBytes)
  }
}

/**
 * The size of a value if it is too large; undefined if not. `sizeBytes` measures exactly, and is asked in doubt only.
 *
 * @example
 * import { excessOf } from '@syncline/stm'
 *
 * const encoded = (value) => JSON.stringify(value).length
 * expect(excessOf('short', 100, encoded)).toBeUndefined()
 * expect(excessOf('x'.repeat(200), 100, encoded)).toBe(202)
 */
export function excessOf(value: unknown, maxBytes: number, sizeBytes: (value: Value) => number): number | undefined {
  // What a ref reads is plain data.
  const data = value as Value
  // The bound is cheap; what is above it is measured.
  if (valueSizeBytes(data) <= maxBytes) return undefined
  const size = sizeBytes(data)
  return size > maxBytes ? size : undefined
}

/**
 * Whether something of its own must hold of what is written to a ref.
 *
 * @example
 * import { hasRules, makeRef } from '@syncline/stm'
 *
 * const { policy } = register('note', '')
 * const limited = makeRef(policy, 'note', undefined, { maxBytes: 10 })
 * expect([hasRules(register('note', '')), hasRules(limited)]).toEqual([false, true])
 */
export function hasRules({ options }: AnyRef): boolean {
  if (options === noOptions) return false
  return options.schema !== undefined || options.maxBytes !== undefined || options.upgrade !== undefined
}

/** What becomes of a ref: mostly what its draft says. Where the ref has moved and merges, what it comes to together with that. */
export function outcome({ ref, policy, draft }: DraftWrite, view: View, context: EditContext): Outcome {
  const before: unknown = view.get(ref)
  if (ref.options.onConflict !== 'merge' || isLate(policy)) {
    const value: unknown = policy.readDraft(draft, ref)
    return { value, isOld: value === before || equalValues(value, before) }
  }
  const payload = policy.finish(draft, ref, context)
  if (payload === undefined) return { value: before, isOld: true }
  const value: unknown = policy.read(policy.apply(view.state(ref.key), payload, latest(context)), ref)
  return { value, isOld: false }
}

/** What is stored must read as what was written: where older code can read it too, it has been through the ref's own functions. */
function checkUpgrade({ ref, policy, draft }: DraftWrite, view: View, context: EditContext): void {
  let cause: unknown
  try {
    const payload = policy.finish(draft, ref, context)
    if (payload === undefined) return
    const after: unknown = policy.read(policy.apply(view.state(ref.key), payload, latest(context)), ref)
    if (ref.options.onConflict === 'merge' || equalValues(after, policy.readDraft(draft, ref))) return
  } catch (error) {
    cause = error
  }
  throw new StmError(
    'lossy-upgrade',
    `"${ref.address}" would not read as it was written: its upgrade does not make the same value again of what it gives to older code. ` +
      'Let down() keep all that up() needs, or leave down() out.',
    { refs: [ref.key], cause },
  )
}

/** A stamp that is later than all. */
function latest({ stamp }: EditContext): Stamp {
  return { at: Number.MAX_SAFE_INTEGER, writer: stamp.writer }
}

interface Failure {
  readonly ref: AnyRef
  readonly issues: readonly Issue[]
}

function invalid(failures: readonly Failure[]): StmError {
  const said = failures.map(({ ref, issues }) => `"${ref.address}" (${wordsOf(issues)})`).join(', ')
  return new StmError(
    'validation-failed',
    `The transaction would leave what schemas do not take: ${said}. Nothing has happened. Correct the values; error.issues tells each place.`,
    {
      refs: failures.map(({ ref }) => ref.key),
      issues: failures.flatMap(({ ref, issues }) => issues.map((issue) => ({ ref: ref.key, ...issue }))),
    },
  )
}

function tooLarge(ref: AnyRef, sizeBytes: number, maxBytes: number): StmError {
  return new StmError(
    'too-large-for-ref',
    `"${ref.address}" would take ${sizeBytes} bytes and may take ${maxBytes}. Nothing has happened. Write less, or keep large content elsewhere and store its address.`,
    { refs: [ref.key] },
  )
}

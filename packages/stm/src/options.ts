import { StmError } from './errors.ts'
import type { AnyRef, RefOptions } from './ref.ts'
import { checkedBy, wordsOf, type StandardSchema } from './schema.ts'
import { writtenIn } from './written.ts'

/** The options of a ref of which nothing was said. */
export const noOptions: RefOptions<never> = Object.freeze({})

/** Options that were checked, so that the refs of the members of a collection need not check them again. */
const checked = new WeakSet<object>([noOptions])

/**
 * A frozen copy of what an app says about a ref. Throws `StmError` `invalid-options` for what makes no sense.
 *
 * @example
 * import { refOptions } from '@syncline/stm'
 *
 * expect(Object.isFrozen(refOptions('draft', { arbiter: 'browser', persistence: 'transient' }))).toBe(true)
 * expect(() => refOptions('draft', { maxBytes: -1 })).toThrow('maxBytes of "draft" is -1')
 */
export function refOptions<O extends RefOptions>(address: string, options: O): O {
  if (checked.has(options)) return options
  const { arbiter, maxBytes, persistence, schema } = options
  if (maxBytes !== undefined && !(Number.isSafeInteger(maxBytes) && maxBytes > 0)) {
    throw new StmError(
      'invalid-options',
      `maxBytes of "${address}" is ${String(maxBytes)}. Use a whole number of bytes greater than 0.`,
    )
  }
  if (schema !== undefined && !isSchema(schema)) {
    throw new StmError(
      'invalid-options',
      `The schema of "${address}" is none. Use one of zod, valibot, arktype or another library of the Standard Schema, version 1.`,
    )
  }
  if (
    persistence !== undefined &&
    persistence !== 'persistent' &&
    !(persistence === 'transient' && arbiter === 'browser')
  ) {
    throw new StmError(
      'invalid-options',
      `"${address}" cannot be ${JSON.stringify(persistence)}. Browser refs are "persistent" or "transient", others "persistent".`,
    )
  }
  const copy = Object.freeze({ ...options })
  checked.add(copy)
  return copy
}

function isSchema(schema: unknown): schema is StandardSchema {
  // Those of arktype are functions.
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false
  const standard = (schema as Partial<StandardSchema>)['~standard']
  return standard?.version === 1 && typeof standard.validate === 'function'
}

/** A ref must begin with what it may hold. Throws `StmError` `validation-failed`. */
export function checkInitial(ref: AnyRef): void {
  const { schema } = ref.options
  if (schema === undefined) return
  const initial: unknown = ref.policy.read(undefined, ref)
  // A member begins when it is created.
  if (initial === undefined) return
  const issues = checkedBy(schema, writtenIn(initial, ref.policy), ref.address)
  if (issues.length === 0) return
  throw new StmError(
    'validation-failed',
    `The initial value of "${ref.address}" is not what its schema takes: ${wordsOf(issues)}. Begin with a valid value, or let the schema take this one.`,
    { refs: [ref.key], issues: issues.map((issue) => ({ ref: ref.key, ...issue })) },
  )
}

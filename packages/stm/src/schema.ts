import { StmError } from './errors.ts'

/**
 * What a ref takes as a `schema`: the Standard Schema interface (standardschema.dev), version 1, which zod, valibot, arktype and others
 * implement. Only what judges at once is of use here.
 */
export interface StandardSchema<Input = unknown, Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    /** Carries types only. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema says of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** An issue as a schema tells it. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * The type of the values that a schema takes. What it would make of them is not stored: refs hold what was written, for others get the
 * operations and not the value.
 */
export type ValueOf<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly input: infer Input }
    ? Input
    : unknown
  : unknown

/** What is wrong with a value, and where in it. */
export interface Issue {
  readonly message: string
  /** The keys that lead to the place; empty for the value itself. */
  readonly path: readonly (string | number)[]
}

/**
 * What a schema finds wrong with a value: nothing when it is valid. What a schema throws is an issue, and so is a promise: {@link unanswered}.
 *
 * @example
 * import { issuesOf } from '@syncline/stm'
 *
 * const validate = (value) => (typeof value === 'number' ? { value } : { issues: [{ message: 'No number' }] })
 * const schema = { '~standard': { version: 1, vendor: 'mine', validate } }
 * expect(issuesOf(schema, 7)).toEqual([])
 * expect(issuesOf(schema, 'seven')).toEqual([{ message: 'No number', path: [] }])
 */
export function issuesOf(schema: StandardSchema, value: unknown): readonly Issue[] {
  let result: ReturnType<StandardSchema['~standard']['validate']>
  try {
    result = schema['~standard'].validate(value)
  } catch (error) {
    return [{ message: `The schema threw: ${error instanceof Error ? error.message : String(error)}`, path: [] }]
  }
  if ('then' in result) {
    void Promise.resolve(result).catch(() => undefined)
    return unanswered
  }
  if (result.issues === undefined) return noIssues
  // A path may be an array of a class of its own.
  return result.issues.map(({ message, path = [] }) => ({ message, path: Array.from(path, keyOf) }))
}

/** A schema did not answer at once. */
export const unanswered: readonly Issue[] = Object.freeze([
  { message: 'The schema answers with a promise, so nobody knows whether this is valid.', path: Object.freeze([]) },
])

/** What is wrong with a value that is to be written. Throws `StmError` `async-schema` where that cannot be said at once. */
export function checkedBy(schema: StandardSchema, value: unknown, address: string): readonly Issue[] {
  const issues = issuesOf(schema, value)
  if (issues !== unanswered) return issues
  throw new StmError(
    'async-schema',
    `The schema of "${address}" answers with a promise, and a commit cannot wait for it. Use a schema without async checks, and check what ` +
      'takes time before the transaction. A zod schema does this also when one of its own functions throws.',
  )
}

/** Nothing is wrong. */
export const noIssues: readonly Issue[] = Object.freeze([])

function keyOf(segment: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof segment === 'object' ? segment.key : segment
  return typeof key === 'symbol' ? String(key) : key
}

/** Issues in words for a message: `tags[0]: Too long; …`. */
export function wordsOf(issues: readonly Issue[]): string {
  const words = issues.slice(0, 3).map(({ message, path }) => {
    const place = path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('')
    return place === '' ? message : `${place}: ${message}`
  })
  if (issues.length > words.length) words.push(`and ${issues.length - words.length} more`)
  return words.join('; ')
}

import { StmError, type Intent } from '@syncline/stm'

/** The error for a write that a ref does not have. `takes` says which it has. */
export function noSuchWrite(address: string, intent: Intent, what: string, takes: string): StmError {
  return new StmError('invalid-write', `"${address}" is ${what} and has no "${intent.kind}". It takes ${takes}.`)
}

/** Checks that a value has the type its place was declared with. */
export function checkType(value: unknown, expected: string | undefined, where: string): void {
  if (expected === undefined || typeof value === expected) return
  throw new StmError('invalid-value', `${where} holds a ${expected} and got ${describe(value)}. Write a ${expected}.`)
}

/** Checks what is added to a count. */
export function checkDelta(delta: unknown, where: string): number {
  if (typeof delta === 'number' && Math.abs(delta) <= Number.MAX_SAFE_INTEGER) return delta
  throw new StmError(
    'invalid-value',
    `${where} was given ${describe(delta)} to add. Add a number between -${Number.MAX_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}.`,
  )
}

/** A value in words short enough for a message. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `the string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`
    case 'number':
    case 'boolean':
      return `the ${typeof value} ${value}`
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object'
    case 'undefined':
      return 'undefined'
    default:
      return `a ${typeof value}`
  }
}

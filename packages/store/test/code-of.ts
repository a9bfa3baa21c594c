import { StmError } from '@syncline/stm'

/** The code of the `StmError` that this throws; undefined when it does not throw. Anything else is thrown on. */
export function codeOf(act: () => unknown): string | undefined {
  try {
    act()
  } catch (error) {
    return codeOfError(error)
  }
  return undefined
}

/** The code of an `StmError`. Anything else is thrown. */
export function codeOfError(error: unknown): string {
  if (error instanceof StmError) return error.code
  throw error
}

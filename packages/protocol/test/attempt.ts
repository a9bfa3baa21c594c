import { ProtocolError, type ProtocolErrorCode } from '@syncline/protocol'

/** The code of the `ProtocolError` that `act` throws; `undefined` when it throws nothing. Anything else it throws is passed on. */
export function codeOf(act: () => unknown): ProtocolErrorCode | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof ProtocolError) return error.code
    throw error
  }
}

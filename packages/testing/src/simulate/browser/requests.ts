/** A request of IndexedDB, as far as it is used. */
export interface SimulatedRequest {
  onsuccess: (() => void) | null
  onerror: (() => void) | null
  result: unknown
  error: DOMException | null
}

export const createRequest = (): SimulatedRequest => ({
  onsuccess: null,
  onerror: null,
  result: undefined,
  error: null,
})

export const domError = (name: string, message: string): DOMException => new DOMException(message, name)

export const abortError = (): DOMException => domError('AbortError', 'The transaction was aborted.')

import { onTestFinished } from 'vitest'

/**
 * Until the test is over, this page is told of each record for which `isLost` holds what Chromium tells of one whose file is gone from the disk: reading it fails, and so does
 * reading it among others. Keys can be read.
 */
export function loseRecords(isLost: (value: unknown) => boolean): void {
  for (const { prototype } of [IDBObjectStore, IDBIndex]) {
    const { get, getAll } = prototype
    prototype.get = function (...args) {
      return failIf(get.apply(this, args), isLost)
    }
    prototype.getAll = function (...args) {
      return failIf(getAll.apply(this, args), (values) => values.some(isLost))
    }
    onTestFinished(() => {
      Object.assign(prototype, { get, getAll })
    })
  }
}

function failIf<T>(request: IDBRequest<T>, isFailed: (result: T) => boolean): IDBRequest<T> {
  // The first to hear of it.
  request.addEventListener('success', (event) => {
    if (!isFailed(request.result)) return
    event.stopImmediatePropagation()
    Object.defineProperty(request, 'error', {
      value: new DOMException('Failed to read large IndexedDB value', 'DataError'),
    })
    request.dispatchEvent(new Event('error'))
  })
  return request
}

import type { Status, Store } from '@syncline/store'

/**
 * Asks the person to stay when the page is to be closed while something is in this tab's memory only, and the storage is not about to take it:
 * the disk is full, there is no storage and no link, another tab is in the way. Returns a function that ends it.
 *
 * What is on its way into a storage that works is handed over when the page is left, so nobody is asked because of that. There is a listener only
 * while there is something to lose: a page with one is not kept for the way back (https://web.dev/articles/bfcache). The browser asks in its own words, and
 * only somebody who has touched the page; phones mostly do not ask.
 *
 * @example
 * import { guardUnload, indexedDb } from '@syncline/idb'
 * import { openStore } from '@syncline/store'
 *
 * const store = await openStore({ space: 'board', storage: indexedDb('my-app') })
 * // In a browser: guardUnload(store)
 * const page = new EventTarget()
 * const stop = guardUnload(store, page)
 * stop()
 * await store.close()
 */
export function guardUnload(
  store: Pick<Store, 'status' | 'onStatus'>,
  page: Pick<EventTarget, 'addEventListener' | 'removeEventListener'> = window,
): () => void {
  let isGuarded = false

  function ask(event: Event): void {
    event.preventDefault()
  }

  function tend(status: Status): void {
    if (isAtRisk(status) === isGuarded) return
    isGuarded = !isGuarded
    if (isGuarded) page.addEventListener('beforeunload', ask)
    else page.removeEventListener('beforeunload', ask)
  }

  tend(store.status)
  const stop = store.onStatus(tend)
  return () => {
    stop()
    page.removeEventListener('beforeunload', ask)
  }
}

/** What is on its way into a storage that works gets there. */
function isAtRisk({ atRisk, storage }: Status): boolean {
  return atRisk > 0 && storage !== 'ok'
}

/** What the browser has answered: `denied` means that it may clear what is stored, to make room or when nobody comes for some time. */
export type Persistence = 'granted' | 'denied' | 'unknown'

/**
 * Asks the browser to keep what this page stores until a person deletes it, and resolves to the answer; `unknown` where it cannot be asked. Firefox asks the
 * person, so ask when they would see why: after they have made something, not when the page is opened. Chromium and Safari decide by themselves, and
 * deny it to pages that are new to them; ask again in a later visit.
 *
 * It changes nothing else: what is on this device only can be lost with it, and `store.status.saved` says whether the relay has it.
 *
 * @example
 * import { requestPersistence } from '@syncline/idb'
 *
 * // Node keeps nothing.
 * expect(await requestPersistence()).toBe('unknown')
 */
export async function requestPersistence(
  storage: Pick<StorageManager, 'persist' | 'persisted'> | undefined = storageHere(),
): Promise<Persistence> {
  if (storage === undefined) return 'unknown'
  try {
    return (await storage.persisted()) || (await storage.persist()) ? 'granted' : 'denied'
  } catch {
    // An origin that may store nothing may not ask either.
    return 'denied'
  }
}

function storageHere(): StorageManager | undefined {
  // Insecure origins have none, whatever the types say.
  return typeof navigator === 'undefined' ? undefined : (navigator.storage as StorageManager | undefined)
}

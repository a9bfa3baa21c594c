import type { Persistence } from '@syncline/store'
import { surroundingsHere, type Surroundings } from './surroundings.ts'

/** Whether this page has asked, in vain. */
let isDenied = false
/** Each looks again. */
const looks = new Set<() => void>()

/**
 * Tells `listener` whether the browser keeps what is stored: soon, and whenever this page has asked, or is shown or hidden, as another one may have asked
 * meanwhile.
 */
export function watchPersistence(
  { keeper, page }: Pick<Surroundings, 'keeper' | 'page'>,
  listener: (answer: Persistence) => void,
): () => void {
  // Where nobody can be asked nothing will ever be told.
  if (keeper === undefined) return () => undefined
  const look = (): void =>
    void keeper.persisted().then(
      (isKept) => listener(isKept ? 'granted' : isDenied ? 'denied' : 'unasked'),
      // An origin that may store nothing.
      () => listener('denied'),
    )
  looks.add(look)
  look()
  page?.addEventListener('visibilitychange', look)
  return () => {
    looks.delete(look)
    page?.removeEventListener('visibilitychange', look)
  }
}

/**
 * Asks the browser to keep what this page stores until a person deletes it, and resolves to the answer; `unknown` where it cannot be asked. Firefox asks the
 * person, so ask when they would see why: after they have made something, not when the page is opened. Chromium and Safari decide by themselves, and
 * deny it to pages that are new to them; ask again in a later visit. The stores of this page have the answer in `status.persistence`.
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
  keeper: Pick<StorageManager, 'persist' | 'persisted'> | undefined = surroundingsHere.keeper,
): Promise<Exclude<Persistence, 'unasked'>> {
  if (keeper === undefined) return 'unknown'
  const isKept = await keeper
    .persisted()
    .then((was) => was || keeper.persist())
    // An origin that may store nothing may not ask either.
    .catch(() => false)
  isDenied = !isKept
  for (const look of looks) look()
  return isKept ? 'granted' : 'denied'
}

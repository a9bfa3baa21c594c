/**
 * The name of the storage of one principal in the app called `app`: for `indexedDb`, `deleteDatabase`, `signOut` and all that takes the name of a storage.
 * Whoever is signed in finds there what they left, and never what others did. `null` is somebody who has not signed in; their storage is that of the
 * app itself. Different apps and principals never have the same, unless an app is called like a JSON array.
 *
 * `principal` is what the relay knows this person by, and does not change: an id, not an address. It can be read by whoever can open this browser's tools.
 *
 * @example
 * import { indexedDb } from '@syncline/idb'
 * import { storageOf } from '@syncline/idb/principals'
 *
 * const mine = indexedDb(storageOf('my-app', 'ada'))
 * expect(storageOf('my-app', 'ada')).toBe('["my-app","ada"]')
 * expect(storageOf('my-app', null)).toBe('my-app')
 */
export function storageOf(app: string, principal: string | null): string {
  return principal === null ? app : JSON.stringify([app, principal])
}

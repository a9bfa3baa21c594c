import { databaseName } from '../src/format.ts'
import { type Surroundings, surroundingsHere } from '../src/surroundings.ts'

let count = 0

/** A storage name that no other test uses. */
export function freshName(): string {
  return `test ${count++} ${crypto.randomUUID()}`
}

/** How long a test waits for something to come true; how long it takes is of no interest. */
export const patient = { timeout: 10_000 }

/** The versions of the databases behind the storage called `name`: one, or none. WebKit lists one that was not made after all, as version 0. */
export async function versionsOf(name: string): Promise<readonly number[]> {
  const all = await indexedDB.databases()
  return all.flatMap((each) => (each.name === databaseName(name) && each.version! > 0 ? [each.version!] : []))
}

/** The timers of somebody who tries again at once, and is as patient with others as anybody. */
export const atOnce: Surroundings['setTimer'] = (delayMs, fn) =>
  surroundingsHere.setTimer(delayMs < 500 ? 0 : delayMs, fn)

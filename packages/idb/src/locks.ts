import type { Locks } from '@syncline/store'
import { createLateLeases } from './late-leases.ts'
import type { Surroundings } from './surroundings.ts'
import { createWebLocks } from './web-locks.ts'

/** Locks among the tabs that use the storage called `name`: of the browser, or, where it has none, leases. Undefined where tabs cannot talk to each other either. */
export function createLocks(name: string, surroundings: Surroundings): Locks | undefined {
  return createWebLocks(name, surroundings) ?? createLateLeases(name, surroundings)
}

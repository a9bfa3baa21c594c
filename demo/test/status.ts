import type { Status } from '@syncline/store'

/** Nothing is wrong, and nobody has written anything. */
export const fine: Status = {
  saved: 'device',
  unsaved: 0,
  pending: 0,
  refused: 0,
  atRisk: 0,
  link: 'online',
  problem: undefined,
  retryAtMs: undefined,
  storage: 'ok',
  storageError: undefined,
  persistence: 'granted',
}

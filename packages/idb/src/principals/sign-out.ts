import { StoreError } from '@syncline/store'
import { backupOf } from '../care/export.ts'
import { importDatabase, type Imported } from '../care/import.ts'
import type { DatabaseReport } from '../care/report.ts'
import { reportOf } from '../care/verify.ts'
import type { Contents } from '../care/walk.ts'
import { originWide } from '../format.ts'
import { createLocks } from '../locks.ts'
import { type Surroundings, surroundingsHere } from '../surroundings.ts'
import { lookAlone, takeLeave } from './take-leave.ts'
import { unsyncedOf, type UnsyncedSpace } from './unsynced.ts'

/** How somebody signs out. */
export interface SignOutOptions {
  /**
   * What becomes of what their storage has. `keep` leaves it for their return, `wipe` deletes it, `handOver` moves it to the storage `to`, whose principal goes on
   * with it: pending Changes, which are then sent in that name, undo stacks, and all that was loaded.
   */
  readonly data: 'keep' | 'wipe' | 'handOver'
  /** The name of the storage that gets it. */
  readonly to?: string
  /** With `handOver`, these spaces only; the rest is wiped. Default: all. */
  readonly spaces?: readonly string[]
  /** What is wiped and no relay has: `refuse`, the default, signs nobody out then; `lose` wipes it as well. */
  readonly unsynced?: 'refuse' | 'lose'
  readonly surroundings?: Surroundings
}

/** What was in this browser only. */
export interface SignedOut {
  /** With `keep` it waits for the return, with `handOver` for the other principal's relay; with `wipe` it is gone. */
  readonly unsynced: readonly UnsyncedSpace[]
}

/** How long to wait until the tab that runs the link of a space has let go of it. Longer than it takes to see that a tab is dead where there are no Web Locks. */
const PATIENCE_MS = 5000

/**
 * Ends the work of a principal in this browser, whose storage is called `name`. Close the stores of this page first, `await store.close()`: that saves what they
 * have. Stores of other tabs take no part in the link any more and say `signed-out`, so nothing is sent in the old name from then on; with `wipe` and
 * `handOver` they lose their storage too, and keep what they show in memory until they are closed. They may work on meanwhile: whatever they were told to be stored counts, and what they
 * commit when all is over is told as not stored.
 *
 * Rejects with `StoreError` `unsynced`, with nobody signed out, when something that is to be wiped is on no relay as far as is known here: connect and wait for
 * `synced()`, hand it over, or say `lose`. With `storage-blocked` when a tab stands still in the middle of storing something, with nobody signed out, or, with `handOver`, does not let go of the
 * link; and with `storage-failed` when the storage cannot be read. What was handed over by then is there and here, and to sign out again goes on. With `other-log` when the storage `to` follows another log of the relay
 * in one of the spaces. Cost: some passes over all that is stored, and what is handed over; for so long other tabs cannot store.
 *
 * @example
 * import { signOut, storageOf } from '@syncline/idb/principals'
 *
 * // Somebody began without an account: what they did is theirs.
 * const signIn = (id: string) => signOut(storageOf('my-app', null), { data: 'handOver', to: storageOf('my-app', id) })
 * // Node has no IndexedDB.
 * await expect(signIn('ada')).rejects.toThrow('no IndexedDB')
 */
export async function signOut(name: string, options: SignOutOptions): Promise<SignedOut> {
  const { data, to, spaces, unsynced = 'refuse', surroundings = surroundingsHere } = options
  if (data === 'handOver' && (to === undefined || to === name)) throw nowhereError(name)
  const isWiped = (space: string): boolean =>
    data === 'wipe' || (data === 'handOver' && spaces !== undefined && !spaces.includes(space))

  /** What is in it, unless something would be lost that shall not be. */
  function unlessLost(report: DatabaseReport): Found {
    const found = unsyncedOf(report)
    const lost = found.filter(({ space }) => isWiped(space))
    if (unsynced === 'refuse' && lost.length > 0) throw unsyncedError(name, lost)
    return { spaces: report.spaces.map(({ space }) => space), unsynced: found }
  }

  let last: Found = { spaces: [], unsynced: [] }

  function tellTabs(): void {
    for (const space of last.spaces) tellSignedOut(name, space, surroundings)
  }

  /** Tells the tabs, and resolves when what was sent in the old name is sent. */
  async function letGo(mayGoOn: boolean): Promise<void> {
    tellTabs()
    await Promise.all(last.spaces.map((space) => awaitLink(name, space, surroundings, mayGoOn)))
  }

  async function look(contents: Contents | undefined): Promise<void> {
    last = unlessLost(await reportOf(contents))
  }

  // Who is told cannot be told otherwise: nothing may be refused from then on. What is moved must be sent by nobody else, so they are told before where that is so.
  const isCertain = data === 'keep' || (data === 'handOver' && (spaces === undefined || unsynced === 'lose'))
  if (isCertain) {
    await lookAlone(name, surroundings, look)
    await letGo(data === 'keep')
  }
  if (data === 'keep') return { unsynced: last.unsynced }

  await takeLeave(
    name,
    surroundings,
    async (contents) => {
      // What others had under way has come, or never will.
      await look(contents)
      if (data === 'wipe') return
      if (!isCertain) await letGo(false)
      checkImported(to!, await importDatabase(to!, backupOf(name, contents, spaces), { surroundings }))
    },
    // Spaces may have come since some were told.
    async () => (data === 'wipe' ? letGo(true) : tellTabs()),
  )
  return { unsynced: last.unsynced }
}

/** The spaces of a storage, and what of them is in this browser only. */
interface Found extends SignedOut {
  readonly spaces: readonly string[]
}

/** Tells the stores of all tabs. */
function tellSignedOut(name: string, space: string, { openChannel }: Surroundings): void {
  const channel = openChannel?.(originWide(name, `space ${space}`))
  channel?.postMessage({ type: 'signedOut' })
  channel?.close()
}

/** Resolves when no tab runs the link of a space: what was sent in the old name is sent. A page of older code does not listen. */
async function awaitLink(name: string, space: string, surroundings: Surroundings, mayGoOn: boolean): Promise<void> {
  const locks = createLocks(name, surroundings)
  if (locks === undefined) return
  const patience = new AbortController()
  const cancel = surroundings.setTimer(PATIENCE_MS, () => patience.abort(stillLinkedError(name, space)))
  try {
    const held = await locks.hold(`link ${space}`, patience.signal)
    held.release()
  } catch (error) {
    if (!mayGoOn) throw error
  } finally {
    cancel()
  }
}

function checkImported(to: string, { spaces, isWhole }: Imported): void {
  const other = spaces.find(({ outcome }) => outcome === 'other-epoch')
  if (other !== undefined) {
    throw new StoreError(
      'other-log',
      `"${to}" has the space "${other.space}" of another relay, or from before that relay lost its data, so it takes nothing of it over. ` +
        'Nothing was deleted. Hand over the other spaces by `spaces`, or wipe.',
    )
  }
  if (!isWhole)
    throw new StoreError('storage-failed', `What "${to}" was given is not whole. Nothing was deleted. Try again.`)
}

function unsyncedError(name: string, lost: readonly UnsyncedSpace[]): StoreError {
  const parts = lost.map(
    ({ space, pending, undecided, refused, unreadable }) =>
      `"${space}": ${[
        [pending, 'pending'],
        [undecided, 'undecided'],
        [refused, 'refused'],
        [unreadable, 'unreadable'],
      ]
        .filter(([count]) => count !== 0)
        .map(([count, what]) => `${count} ${what}`)
        .join(', ')}`,
  )
  return new StoreError(
    'unsynced',
    `The storage "${name}" has what no relay has, as far as is known here (${parts.join('; ')}). Nobody was signed out. ` +
      "Connect and wait for `synced()`, hand it over, or wipe it all the same: `unsynced: 'lose'`.",
  )
}

function nowhereError(name: string): StoreError {
  return new StoreError(
    'invalid-sign-out',
    `What "${name}" has was to be handed over, and \`to\` names no other storage. Say which one goes on with it: storageOf(app, principal).`,
  )
}

function stillLinkedError(name: string, space: string): StoreError {
  return new StoreError(
    'storage-blocked',
    `A tab goes on syncing "${space}" of the storage "${name}". Nothing was deleted. Close the app's other tabs, and sign out again.`,
  )
}

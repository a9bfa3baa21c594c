import { resolve } from 'node:path'
import { memoryStorage, type Storage } from '@syncline/store'
import { openFolder } from './folder.ts'
import { createLog } from './log.ts'

/**
 * A storage in a folder of this machine, for programs: jobs, webhooks, servers that read and write a space as a client does.
 *
 * The folder is made if absent, and is one process's at a time; stores of one process that are given the same folder are like tabs of one browser. A commit that is told durable
 * is on the disk. `openLog`, and with it `openStore`, rejects with `StoreError` `storage-blocked` when another process uses it; it works in memory, and says so, where the
 * folder cannot be written to (`storage-failed`) or newer code has written it (`storage-newer`).
 *
 * @example
 * import { mkdtempSync, rmSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { lww } from '@syncline/merge'
 * import { fileStorage } from '@syncline/node'
 * import { openStore } from '@syncline/store'
 *
 * const title = lww('title', '')
 * const folder = mkdtempSync(join(tmpdir(), 'example-'))
 * const store = await openStore({ space: 'board', storage: fileStorage(folder) })
 * await store.transact((tx) => tx.set(title, 'Plan')).durable()
 * await store.close()
 *
 * const again = await openStore({ space: 'board', storage: fileStorage(folder) })
 * expect(again.get(title)).toBe('Plan')
 * await again.close()
 * rmSync(folder, { recursive: true })
 */
export function fileStorage(folder: string): Storage {
  return {
    async openLog(space) {
      const opened = await openFolder(folder)
      return createLog(space, opened, () => opened.release())
    },
    ...meetingAt(resolve(folder)),
  }
}

/** What stores of this process that use one folder have in common: only they can, as no other process uses it. */
type Meeting = Pick<Storage, 'locks' | 'channels'>
const meetings = new Map<string, Meeting>()

function meetingAt(path: string): Meeting {
  let meeting = meetings.get(path)
  if (meeting === undefined) {
    const { locks, channels } = memoryStorage()
    meetings.set(path, (meeting = { locks: locks!, channels: channels! }))
  }
  return meeting
}

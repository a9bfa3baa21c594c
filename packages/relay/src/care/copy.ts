import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { reasonOf, RelayError } from '../errors.ts'
import { flush, makeFolder } from '../folders.ts'
import { LmdbFile } from '../lmdb-file.ts'
import { DATA_FILE } from '../lmdb-rows.ts'
import { readData } from './reading.ts'
import type { DataReport } from './report.ts'
import { reportOn } from './verify.ts'

/**
 * Copies what stands in a data folder at this moment into another one, which is then a data folder as well, and reads the copy as `verifyData` does. A relay may go on
 * writing meanwhile. The copy has its name when it is whole and on the disk: what was broken off is none. It has damage that the data has, and the report says so.
 *
 * Rejects with `RelayError`: what `verifyData` rejects with, `data-exists` when there is data in `to` already, or `data-unwritable`.
 *
 * @example
 * import { mkdtempSync, rmSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { backupData, restoreData } from '@syncline/relay/care'
 * import { openLmdbStorage } from '@syncline/relay/lmdb'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'backup-'))
 * const storage = await openLmdbStorage(join(folder, 'data'))
 * expect((await backupData(join(folder, 'data'), join(folder, 'backup'))).findings).toEqual([])
 * await storage.close()
 *
 * await restoreData(join(folder, 'backup'), join(folder, 'restored'))
 * await (await openLmdbStorage(join(folder, 'restored'))).close()
 * rmSync(folder, { recursive: true })
 */
export function backupData(folder: string, to: string): Promise<DataReport> {
  return copy(folder, to, () => {})
}

/**
 * Makes a data folder of a backup. A relay that starts on it writes under another epoch than any before, so who knows something that the backup has not is told.
 *
 * Rejects with `RelayError`: what `backupData` rejects with, and `damaged` when something in the backup is not as it was written.
 */
export function restoreData(backup: string, folder: string): Promise<DataReport> {
  return copy(backup, folder, ({ findings }) => {
    const [first] = findings
    if (first === undefined) return
    const message = `The backup ${backup} is damaged: ${first.message} Restore another one. To use this one as it is, copy its folder; a relay serves what is whole in it.`
    throw new RelayError('damaged', message)
  })
}

async function copy(from: string, to: string, check: (report: DataReport) => void): Promise<DataReport> {
  const target = join(to, DATA_FILE)
  const partial = `${target}.partial`
  makeEmpty(to, [target, partial])
  try {
    // Page by page, as they are: what is free is copied too, and what is damaged ends nothing.
    await readData(from, async (_, root) => {
      try {
        await root.backup(partial, false)
      } catch {
        // LMDB copies no file that was cut; and nobody writes to such a one. If it was for another reason, this says it.
        copyFileSync(join(from, DATA_FILE), partial)
      }
    })
    flush(partial)
    const file = new LmdbFile(partial)
    let report
    try {
      report = reportOn(file)
    } finally {
      file.close()
    }
    check(report)
    renameSync(partial, target)
    flush(to)
    return report
  } catch (error) {
    rmSync(partial, { force: true })
    throw error instanceof RelayError ? error : unwritable(to, error)
  }
}

/** Makes a folder that has none of `names`, of which the last is left over from what was broken off. */
function makeEmpty(folder: string, [data, partial]: readonly [string, string]): void {
  if (existsSync(data)) {
    throw new RelayError('data-exists', `There is data in ${folder} already. Choose another folder, or move that away.`)
  }
  try {
    makeFolder(resolve(folder))
    rmSync(partial, { force: true })
  } catch (error) {
    throw unwritable(folder, error)
  }
}

function unwritable(folder: string, cause: unknown): RelayError {
  return new RelayError(
    'data-unwritable',
    `${folder} cannot be written: ${reasonOf(cause)}. Look for a full disk, or choose another folder.`,
    { cause },
  )
}

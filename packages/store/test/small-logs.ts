import { decodeEntry } from '@syncline/protocol'
import type { Storage } from '../src/index.ts'
import { withLog } from './with-log.ts'

/** A storage whose logs are compacted when that saves so many bytes. */
export function smallLogs(storage: Storage, worthBytes: number): Storage {
  return withLog(storage, () => ({ worthBytes }))
}

/** What is in a log, by kinds of entries, and how much that is. */
export async function lookInto(
  storage: Storage,
  space = 'board',
): Promise<{ readonly kinds: readonly string[]; readonly bytes: number }> {
  const log = await storage.openLog(space)
  const kinds: string[] = []
  let bytes = 0
  await log.read(0, (entry) => {
    kinds.push(decodeEntry(entry).kind)
    bytes += entry.length
  })
  await log.close()
  return { kinds, bytes }
}

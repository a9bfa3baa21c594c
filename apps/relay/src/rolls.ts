import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rollId } from '@syncline/protocol'
import type { KeptRolls, RelayLog } from '@syncline/relay'

/** So much of the disk they take. The names of a roll of 10,000 spaces take between 100 and 500 kB. */
const MOST_BYTES = 64 * 1024 * 1024

/**
 * Keeps the names of rolls in files of `folder`, each under its id, which is a digest of them: so one that is damaged is none. When they take more than `mostBytes` the oldest go. Nothing waits for the disk, as they are
 * a cache. Only ids that have a file cost a look at the disk.
 */
export function keepRolls(folder: string, log: RelayLog, mostBytes: number = MOST_BYTES): KeptRolls {
  /** The bytes of each file, by its id, the oldest first. */
  const files = new Map<string, number>()
  let total = 0

  function add(id: string, bytes: number): void {
    total += bytes - (files.get(id) ?? 0)
    files.set(id, bytes)
    for (const oldest of files.keys()) {
      if (total <= mostBytes) return
      remove(oldest)
    }
  }

  function remove(id: string): void {
    total -= files.get(id) ?? 0
    files.delete(id)
    attempt(() => rmSync(join(folder, id), { force: true }))
  }

  function attempt<T>(what: () => T): T | undefined {
    try {
      return what()
    } catch (error) {
      log.warn(
        { folder, err: error },
        'What is known of rolls cannot be kept. Who comes back after a restart says more.',
      )
      return undefined
    }
  }

  attempt(() => {
    if (!existsSync(folder)) return
    const found = readdirSync(folder).map((id) => ({ id, ...sizeAndAge(join(folder, id)) }))
    for (const { id, bytes } of found.sort((a, b) => a.at - b.at)) {
      // What was being written when the program died.
      if (/^[0-9a-f]{32}$/.test(id)) add(id, bytes)
      else remove(id)
    }
  })

  return {
    read(id) {
      if (!files.has(id)) return undefined
      const names = namesIn(join(folder, id), id)
      if (names === undefined) remove(id)
      return names
    },
    keep(id, names) {
      const text = JSON.stringify(names)
      const unfinished = join(folder, `${id}.new`)
      const isKept = attempt(() => {
        mkdirSync(folder, { recursive: true })
        writeFileSync(unfinished, text)
        renameSync(unfinished, join(folder, id))
        return true
      })
      if (isKept === true) add(id, Buffer.byteLength(text))
    },
  }
}

function sizeAndAge(path: string): { readonly bytes: number; readonly at: number } {
  const { size, mtimeMs } = statSync(path)
  return { bytes: size, at: mtimeMs }
}

function namesIn(path: string, id: string): readonly string[] | undefined {
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as readonly string[] // or anything else, of which there is no id
    return rollId(found) === id ? found : undefined
  } catch {
    // Damaged, or gone.
    return undefined
  }
}

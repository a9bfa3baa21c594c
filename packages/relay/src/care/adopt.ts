import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Adopted, AdoptOptions } from '../adopting.ts'
import { reasonOf, RelayError, type RelayErrorCode } from '../errors.ts'
import { flush, makeFolder } from '../folders.ts'
import { DATA_FILE } from '../lmdb-rows.ts'
import { openLmdbStorage } from '../lmdb.ts'
import type { RelayLog } from '../ports.ts'
import { createRelay, type Relay } from '../relay.ts'
import { silentLog } from '../system.ts'

/** Where, in a data folder, a relay that runs is asked to adopt something, and answers. */
const FOLDER = 'adopt'
const ASKED = '.json'
const ANSWERED = '.answer'

/** So often a relay looks whether it is asked, and who asks whether it has answered. */
const LOOK_MS = 500
/** A relay that runs answers within so long, also when it has to read a long log. */
const ANSWER_MS = 60_000
/** Who asks says so again and again. Of a request that nobody has touched for so long, who asked is gone, and with them what they knew of the space. */
const GONE_MS = 10_000

/** What stands in the file of a request. */
interface Request extends AdoptOptions {
  readonly space: string
}

/** What stands in that of its answer. */
type Answer = Adopted | { readonly code: RelayErrorCode; readonly message: string }

/**
 * Adopts what waits for that in a space of a data folder: what clients have brought back of `relay` refs, or what the log has instead. A relay that runs on the folder is asked to do it; without one it is done
 * here. Resolves when it is durable.
 *
 * Rejects with `RelayError`: `nothing-waits`, `too-large`, `data-missing`, `data-in-use` when the relay does not answer (then nothing is asked any more), and what opening a storage rejects with.
 *
 * @example
 * import { mkdtempSync, rmSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { adoptData } from '@syncline/relay/care'
 * import { openLmdbStorage } from '@syncline/relay/lmdb'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'adopt-'))
 * await (await openLmdbStorage(folder)).close()
 * await expect(adoptData(folder, 'board', { take: 'log' })).rejects.toMatchObject({ code: 'nothing-waits' })
 * rmSync(folder, { recursive: true })
 */
export async function adoptData(folder: string, space: string, options: AdoptOptions): Promise<Adopted> {
  const file = join(folder, DATA_FILE)
  if (!existsSync(file)) throw new RelayError('data-missing', `There is no log of Syncline at ${file}.`)
  let storage
  try {
    storage = await openLmdbStorage(folder)
  } catch (error) {
    if (!(error instanceof RelayError && error.code === 'data-in-use')) throw error
    return ask(folder, { space, ...options })
  }
  const relay = createRelay({ storage })
  try {
    return await relay.adopt(space, options)
  } finally {
    await relay.close()
    await storage.close()
  }
}

/** Asks the relay that runs on a folder. */
async function ask(folder: string, request: Request): Promise<Adopted> {
  const name = createHash('sha256').update(request.space).digest('hex').slice(0, 32)
  const [asked, answered] = [join(folder, FOLDER, name + ASKED), join(folder, FOLDER, name + ANSWERED)]
  makeFolder(join(folder, FOLDER))
  rmSync(answered, { force: true })
  write(asked, request)
  for (let waitedMs = 0; waitedMs < ANSWER_MS; waitedMs += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    if (!existsSync(answered)) {
      touch(asked)
      continue
    }
    const answer = JSON.parse(readFileSync(answered, 'utf8')) as Answer
    rmSync(answered, { force: true })
    if ('code' in answer) throw new RelayError(answer.code, answer.message)
    return answer
  }
  rmSync(asked, { force: true })
  throw new RelayError(
    'data-in-use',
    `${folder} is in use, and the relay that uses it has not answered within ${ANSWER_MS / 1000} s. Nothing is asked of it any more. Stop it, and try again.`,
  )
}

/**
 * Lets a relay hear what `adoptData` asks of it in its data folder, also what was asked shortly before it ran; whose who have asked are gone it forgets. Returns what ends that. Cost: a look at a folder twice a second.
 *
 * @example
 * import { mkdtempSync, rmSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { createRelay } from '@syncline/relay'
 * import { hearAdoptions } from '@syncline/relay/care'
 * import { openLmdbStorage } from '@syncline/relay/lmdb'
 *
 * const folder = mkdtempSync(join(tmpdir(), 'hear-'))
 * const storage = await openLmdbStorage(folder)
 * const relay = createRelay({ storage })
 * const stop = hearAdoptions(folder, relay)
 * stop()
 * await relay.close()
 * await storage.close()
 * rmSync(folder, { recursive: true })
 */
export function hearAdoptions(folder: string, relay: Pick<Relay, 'adopt'>, log: RelayLog = silentLog): () => void {
  const requests = join(folder, FOLDER)
  let isAt = false
  const timer = setInterval(() => void look(), LOOK_MS)
  timer.unref()

  async function look(): Promise<void> {
    if (isAt || !existsSync(requests)) return
    isAt = true
    try {
      for (const name of readdirSync(requests)) {
        const asked = join(requests, name)
        if (!name.endsWith(ASKED)) continue
        if (Date.now() - statSync(asked).mtimeMs > GONE_MS) rmSync(asked, { force: true })
        else await answer(asked)
      }
    } catch (error) {
      log.error({ err: error }, 'What is asked in the data folder cannot be read.')
    } finally {
      isAt = false
    }
  }

  async function answer(asked: string): Promise<void> {
    let found: Answer
    try {
      const { space, ...options } = JSON.parse(readFileSync(asked, 'utf8')) as Request
      found = await relay.adopt(space, options)
    } catch (error) {
      const code = error instanceof RelayError ? error.code : 'damaged'
      // The one that comes after it is asked again.
      if (code === 'closed') return
      found = { code, message: reasonOf(error) }
    }
    write(asked.slice(0, -ASKED.length) + ANSWERED, found)
    rmSync(asked, { force: true })
  }

  return () => clearInterval(timer)
}

/** It may have been answered just now. */
function touch(path: string): void {
  const now = new Date()
  try {
    utimesSync(path, now, now)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Whoever sees the name finds all of it. */
function write(path: string, content: Request | Answer): void {
  const partial = `${path}.partial`
  writeFileSync(partial, JSON.stringify(content))
  flush(partial)
  renameSync(partial, path)
  flush(join(path, '..'))
}

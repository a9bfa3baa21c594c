import { isOfCells, isPartOfCheckpoint, type AsleepPending, type Directory } from '@syncline/protocol'
import type { CellKey } from '@syncline/stm'
import { countOf, idsOf } from './asleep.ts'
import { partsAsleep } from './away.ts'
import { createCheckpointReading, understoodAsleep } from './checkpoint-reading.ts'
import type { Core } from './core.ts'
import { createDamage } from './damage.ts'
import { closedError, StoreError } from './errors.ts'
import { readEntry } from './open-log.ts'
import type { Pending } from './pending.ts'
import { atOnce, createPauses } from './pieces.ts'
import { readPast } from './reading-past.ts'

/** Brings the pending Changes of a store into its memory that are left in the log. */
export interface Waking {
  /**
   * Resolves when none is asleep any more. Of those that are damaged it is told, and the others are there. Rejects as reading the log does; with `storage-newer` and
   * `storage-damaged` for what cannot be understood; with `closed`.
   */
  wake(): Promise<void>
  /** The same for who reads the log. Resolves as well when that says now what comes next, in place of what they sleep in: then they need not wake. */
  wakeForReading(): Promise<void>
  /** What the checkpoint of the log says of pending Changes, now. */
  find(): Promise<FoundPending>
}

/** What a checkpoint says of pending Changes. */
export interface FoundPending {
  /** What tells the names of those that need not be looked at, and what is there of them. */
  readonly directory?: Directory | undefined
  readonly asleep: readonly AsleepPending[]
  /** Those that who opens it has to apply. */
  readonly pending: readonly Pending[]
  /** Where its last part stands; 0 when there is no checkpoint. */
  readonly upTo: number
}

/** Makes the waking of one store. `onRisen` is told what reads otherwise because something was lost. */
export function createWaking(core: Core, onRisen: (changed: ReadonlySet<CellKey>) => void): Waking {
  const { space, replica, log } = core
  /** While it is under way. */
  let waking: Promise<void> | undefined

  async function find(): Promise<FoundPending> {
    const damage = createDamage(space, core.onDamage)
    const reading = createCheckpointReading(space, replica, () => core.away)
    let upTo = 0

    function take(bytes: Uint8Array, position: number): void {
      const entry = readEntry(bytes, space)
      if (!isPartOfCheckpoint(entry)) return
      atOnce(reading.part(entry))(false)
      upTo = Math.ceil(position)
    }

    await readPast(
      log,
      {
        directory: reading.directory,
        isWanted(part) {
          const directory = reading.directory()
          // Where none are told of they may be anywhere.
          return directory?.asleep === undefined || partsAsleep(directory)(part)
        },
      },
      0,
      // Cells are many, and have none.
      (bytes, position) => isOfCells(bytes) || damage.unless(position, () => take(bytes, position)),
      damage.note,
    )
    await damage.setAside(log)
    if (core.isClosed) throw closedError()
    return { asleep: [], pending: [], ...reading.take(), upTo }
  }

  async function rise(): Promise<void> {
    const { upTo, asleep, pending } = await find()
    const woken = [...pending, ...(await createPauses(core.clock).through(understoodAsleep(asleep, space, replica)))]
    if (core.isClosed) throw closedError()
    if (woken.length < countOf(replica.asleep())) {
      if (upTo > core.journal.readUpTo()) return
      // Nobody knows more than that there was something.
      if (upTo === 0) throw new StoreError('storage-evicted', `What was stored of "${space}" is gone.`)
    }
    replica.flushDocuments()
    const names = replica.asleep()
    onRisen(replica.rise(woken))
    for (const id of idsOf(names)) {
      if (!replica.isPending(id))
        core.waiting.reject(id, new StoreError('storage-damaged', 'What was stored of it is damaged.'))
    }
  }

  async function wakeForReading(): Promise<void> {
    if (replica.asleep().length > 0) await (waking ??= rise().finally(() => (waking = undefined)))
  }

  return {
    find,
    wakeForReading,
    async wake() {
      for (;;) {
        await wakeForReading()
        if (replica.asleep().length === 0) return
        await core.journal.pull()
      }
    },
  }
}

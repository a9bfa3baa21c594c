import { openLog, type OpenedLog } from './open-log.ts'
import type { Chance, Storage } from './ports.ts'
import { takeWriter, type Writers } from './writers.ts'

/**
 * Opens the log of a space as `openLog` does, and takes a writer id among those who share it. Neither needs the other one, so both are asked for at once: it takes as long
 * as the slower of them.
 */
export async function openAsWriter(
  storage: Storage | undefined,
  space: string,
  chance: Chance,
  onError: (error: unknown) => void,
): Promise<OpenedLog & { readonly writers: Writers }> {
  let isOpen = false
  const taking = takeWriter(storage?.locks, chance, (error) => isOpen && onError(error))
  taking.catch(nothing)
  try {
    const opened = await openLog(storage, space)
    isOpen = opened.storage === storage
    try {
      return { ...opened, writers: await (isOpen ? taking : takeWriter(opened.storage.locks, chance, onError)) }
    } catch (error) {
      await opened.log.close()
      throw error
    }
  } finally {
    // Where nothing can be stored locks may be forbidden, too: nobody need hear of that.
    if (!isOpen) taking.then((writers) => writers.close(), nothing)
  }
}

function nothing(): void {}

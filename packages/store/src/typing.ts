import type { Op } from '@syncline/stm'
import { cellKeyOf, type CellKey } from '@syncline/stm'
import type { Clock } from './ports.ts'

/** Tells which direct edits are one step for who undoes. */
export interface Typing {
  /** The group of an edit that is made now. */
  groupOf(op: Op): object
}

/** Who pauses so long begins another step: what CodeMirror and Yjs take for a pause in typing. */
const PAUSE_MS = 500

/** Makes the typing of one open store. */
export function createTyping(clock: Clock): Typing {
  let run: { readonly key: CellKey; readonly lastMs: number; readonly group: object } | undefined

  return {
    groupOf(op) {
      const key = cellKeyOf(op)
      const nowMs = clock.nowMs()
      const goesOn = run !== undefined && run.key === key && Math.abs(nowMs - run.lastMs) < PAUSE_MS
      run = { key, lastMs: nowMs, group: goesOn ? run!.group : {} }
      return run.group
    },
  }
}

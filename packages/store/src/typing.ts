import { cellKeyOf, type CellKey, type Op } from '@syncline/stm'
import type { Clock } from './ports.ts'

/** Who pauses so long begins another step: what CodeMirror and Yjs take for a pause in typing. */
const PAUSE_MS = 500

/** Makes what tells which direct edits are one step for who undoes, each at the time when it is made. */
export function createTyping({ nowMs }: Clock): (op: Op) => { readonly group: object } {
  let key: CellKey | undefined
  let lastMs = 0
  let run = { group: {} }

  return (op) => {
    const now = nowMs()
    if (cellKeyOf(op) !== key || Math.abs(now - lastMs) >= PAUSE_MS) run = { group: {} }
    key = cellKeyOf(op)
    lastMs = now
    return run
  }
}

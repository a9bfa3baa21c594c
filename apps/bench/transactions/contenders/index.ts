import type { Contender } from '../contender.ts'
import { jotai, mobx, nanostores, valtio } from './atoms.ts'
import { alienSignals, preactSignals } from './signals.ts'
import { synclineRecords, synclineRefs } from './syncline.ts'
import { tanstack, tinybase, tldraw, yjs } from './tables.ts'
import { zustandCopying, zustandImmer, zustandMutative } from './zustand.ts'

/** Ours first; the others in the order of the tables. */
export const contenders: readonly Contender[] = [
  synclineRefs,
  synclineRecords,
  alienSignals,
  preactSignals,
  nanostores,
  valtio,
  mobx,
  jotai,
  tinybase,
  tldraw,
  yjs,
  zustandCopying,
  zustandMutative,
  zustandImmer,
  tanstack,
]

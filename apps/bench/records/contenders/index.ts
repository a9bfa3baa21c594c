import type { Contender } from '../contender.ts'
import { automerge } from './automerge.ts'
import { loro } from './loro.ts'
import { plain } from './plain.ts'
import { syncline, synclineStore } from './syncline.ts'
import { tinybase } from './tinybase.ts'
import { yjs, yjsFlat } from './yjs.ts'

/** All that are measured, ours first. */
export const contenders: readonly Contender[] = [
  syncline,
  synclineStore,
  yjs,
  yjsFlat,
  loro,
  automerge,
  tinybase,
  plain,
]

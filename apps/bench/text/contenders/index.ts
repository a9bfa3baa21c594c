import type { Contender } from '../contender.ts'
import { automerge } from './automerge.ts'
import { loro, loroStored } from './loro.ts'
import { plain } from './plain.ts'
import { syncline, synclineStore } from './syncline.ts'
import { yjs, yjsStored } from './yjs.ts'

export const contenders: readonly Contender[] = [
  syncline,
  synclineStore,
  plain,
  yjs,
  yjsStored,
  loro,
  loroStored,
  automerge,
]

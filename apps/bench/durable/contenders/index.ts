import type { Contender } from '../contender.ts'
import { dexie } from './dexie.ts'
import { rawBatched, rawSingle } from './raw.ts'
import { syncline, synclineMemory } from './syncline.ts'
import { tanstack } from './tanstack.ts'
import { tinybase } from './tinybase.ts'
import { yIndexeddb, yjsMemory } from './yjs.ts'

export const contenders: readonly Contender[] = [
  syncline,
  synclineMemory,
  yIndexeddb,
  yjsMemory,
  tinybase,
  tanstack,
  dexie,
  rawBatched,
  rawSingle,
]

import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Nobody but a test wants to collect garbage. */
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** What objects and buffers take, when nothing more can be collected. */
export async function heldBytes(): Promise<number> {
  let held = Infinity
  for (let inVain = 0; inVain < 5;) {
    await nextTurn()
    gc()
    const { heapUsed, external } = process.memoryUsage()
    inVain = heapUsed + external < held ? 0 : inVain + 1
    held = Math.min(held, heapUsed + external)
  }
  return held
}

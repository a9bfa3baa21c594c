import type { Storage } from '../src/index.ts'

/** A storage that one tab sees: it counts what that tab asks of it, and ends the tab at one of these calls. */
export function fatalStorage(
  base: Storage,
  fatal: number,
  when: 'before' | 'after',
  kill: () => void,
): { readonly storage: Storage; readonly calls: () => number } {
  let calls = 0
  const never = new Promise<never>(() => undefined)
  async function call<T>(work: () => Promise<T>): Promise<T> {
    calls += 1
    if (calls !== fatal) return work()
    if (when === 'after') await work()
    kill()
    return never
  }
  const storage: Storage = {
    ...base,
    async openLog(space) {
      const log = await base.openLog(space)
      return {
        ...log,
        append: (entry, options) => call(() => log.append(entry, options)),
        read: (after, each) => call(() => log.read(after, each)),
        takeFence: () => call(() => log.takeFence()),
      }
    },
  }
  return { storage, calls: () => calls }
}

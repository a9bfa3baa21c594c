import type { Readable } from '@syncline/stm'
import type { Held } from './demand.ts'
import { codeOf } from './ledger.ts'
import { isCutOff, type Tab } from './tab.ts'
import type { World } from './world.ts'

/** What people do with what is on demand, and how much of all that they do that is. */
export const errands: Readonly<Record<string, { readonly share: number; run(errand: Errand): void }>> = {
  /** It may still be on its way when the next things happen. */
  load: {
    share: 0.2,
    run({ world, tab, draw }) {
      const { readables } = tab.demand
      if (readables.length > 0) void load(world, tab, readables[draw(readables.length)]!, false)
    },
  },
  release: {
    share: 0.2,
    run({ world, tab, draw }) {
      const { held } = tab.demand
      if (held.length > 0) release(world, tab, held[draw(held.length)]!)
    },
  },
  visit: { share: 0.25, run: (errand) => void visit(errand) },
}

/** Somebody at a tab, and what they could do there. */
interface Errand {
  readonly world: World
  readonly tab: Tab
  draw(below: number): number
  /** Does one of the actions of the app. */
  act(): void
}

/** Loads all, does something, and lets go at once. */
async function visit({ world, tab, act }: Errand): Promise<void> {
  const all = await Promise.all(tab.demand.readables.map((readable) => load(world, tab, readable, false)))
  if (tab.life.isOver()) return
  act()
  for (const held of all) if (held !== undefined) release(world, tab, held)
}

function release(world: World, tab: Tab, one: Held): void {
  const { held } = tab.demand
  const at = held.indexOf(one)
  // Somebody else may have let go of it.
  if (at < 0) return
  checkHeld(world, tab)
  held.splice(at, 1)
  one.loaded.release()
  if (!tab.store()!.isLoaded(one.readable)) world.tally.count('left the memory')
}

/** Whether each tab holds all that it has on demand. What it does not hold is loaded. */
export function holdsAll(world: World): boolean {
  let isAll = true
  for (const { tabs } of world.machines) {
    for (const tab of tabs) {
      if (tab?.store() === undefined) continue
      checkHeld(world, tab)
      const { readables, held, coming, inVain } = tab.demand
      if (coming > 0) isAll = false
      else {
        for (const readable of readables) {
          if (inVain.has(readable) || held.some((one) => one.readable === readable)) continue
          isAll = false
          void load(world, tab, readable, true)
        }
      }
    }
  }
  return isAll
}

/** What somebody holds is there. */
function checkHeld({ fail }: World, tab: Tab): void {
  for (const { readable } of tab.demand.held) {
    if (tab.store()!.isLoaded(readable)) continue
    fail({ check: 'error', message: `${tab.life.party} holds ${readable.key}, which is not in its memory.` })
  }
}

/** Resolves to what is held then, if it is. `isMended`: nothing is wrong any more, so it comes, unless this tab knows another log of the relay. */
async function load(world: World, tab: Tab, readable: Readable<unknown>, isMended: boolean): Promise<Held | undefined> {
  const { life, demand } = tab
  const store = tab.store()!
  const wasLoaded = store.isLoaded(readable)
  world.kernel.note({ party: life.party, kind: 'deed', label: `loads ${readable.key}` })
  demand.coming += 1
  try {
    const held = { readable, loaded: await store.load(readable) }
    if (life.isOver()) return undefined
    demand.held.push(held)
    if (!wasLoaded) {
      world.tally.count('loads')
      tab.look()
    }
    return held
  } catch (error) {
    if (life.isOver()) return undefined
    const code = codeOf(error)
    if (code === undefined || (isMended && !isCutOff(tab)))
      world.fail({ check: 'error', message: `${life.party} loads ${readable.key}: ${String(error)}`, cause: error })
    else world.tally.count(`not loaded ${code}`)
    if (isMended) demand.inVain.add(readable)
    return undefined
  } finally {
    demand.coming -= 1
  }
}

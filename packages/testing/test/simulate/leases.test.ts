import { indexedDb } from '@syncline/idb'
import type { Storage } from '@syncline/store'
import { expect, test } from 'vitest'
import { createPage, type SimulatedPage } from '../../src/simulate/browser/page.ts'
import { unheard } from '../../src/simulate/calls.ts'
import { createDisk } from '../../src/simulate/browser/disk.ts'
import type { Life } from '../../src/simulate/life.ts'
import { machineOf, type Machine } from './disks.ts'

/** A tab of a browser without Web Locks, with its locks. */
interface Tab {
  readonly life: Life
  readonly page: SimulatedPage
  readonly locks: NonNullable<Storage['locks']>
}

const never = (): AbortSignal => new AbortController().signal
const withoutWebLocks = (seed: number): Machine => machineOf(seed, createDisk(), unheard, false)

function tabOf({ browser, life: newLife }: Machine): Tab {
  const life = newLife()
  const page = createPage()
  return { life, page, locks: indexedDb('app', browser.surroundings(life, page)).locks! }
}

test.each([
  ['freeze', 'resume'],
  ['pagehide', 'pageshow'],
] as const)(
  '[ID26] a page that had nothing any more while it was away (%s) is given what it asks for when it is back (%s)',
  async (away, back) => {
    const machine = withoutWebLocks(1)
    const { page, locks } = tabOf(machine)
    const held = await machine.until(locks.hold('x', never()))
    page.dispatch(away)
    await machine.until(held.lost)
    await machine.run()
    page.dispatch(back)
    const again = await machine.until(locks.hold('x', never()))
    again.release()
    await machine.until(again.freed)
    // Asked for meanwhile, it waits.
    const before = await machine.until(locks.hold('x', never()))
    page.dispatch(away)
    await machine.until(before.lost)
    await machine.run()
    const waiting = locks.hold('x', never())
    await machine.run()
    page.dispatch(back)
    const last = await machine.until(waiting)
    last.release()
    await machine.until(last.freed)
    expect(page.listeners).toEqual([])
  },
)

test('[ID26] who is robbed is told, at whatever moment the browser drops the connection of the thief', async () => {
  let drops = 0
  // What was under way is stored or not, as the seed has it.
  for (let seed = 2; seed < 12; seed++) {
    for (let moment = 0; ; moment++) {
      const machine = withoutWebLocks(seed)
      const [one, other] = [tabOf(machine), tabOf(machine)]
      const held = await machine.until(one.locks.hold('x', never()))
      let isOver = false
      const stealing = other.locks.steal!('x').finally(() => (isOver = true))
      await machine.run(moment)
      if (isOver) break
      if (machine.browser.indexedDb.drop(other.life)) drops++
      await machine.until(Promise.all([stealing, held.lost]))
    }
  }
  expect(drops).toBeGreaterThan(10)
})

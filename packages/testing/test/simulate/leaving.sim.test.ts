import { counter } from '@syncline/merge'
import { expect, test } from 'vitest'
import { machineOf, type OpenTab } from './disks.ts'

const votes = counter('votes')

/** How a page may end without another word. */
const ends: Readonly<Record<string, (page: OpenTab['page']) => void>> = {
  'is frozen': (page) => page.dispatch('freeze'),
  'is left': (page) => page.dispatch('pagehide'),
  'is hidden': (page) => page.show('hidden'),
}

for (const [end, tell] of Object.entries(ends)) {
  test(`[ID19] [ST37] a page that ${end}, and never comes back, has stored all that was committed in it`, async () => {
    let behind = 0
    for (let seed = 1; seed <= 30; seed++) {
      const machine = machineOf(seed)
      const { store, life, page } = await machine.openTab()
      const add = (): void => void store.transact((tx) => tx.add(votes, 1))
      for (let i = 1; i <= 4; i++) {
        add()
        await machine.run(seed % 5)
        // One is on its way, and others wait behind it.
        if (store.status.unsaved > 1) behind++
      }
      tell(page)
      // Others may hear of it too, and commit.
      const late = seed % 2
      if (late === 1) add()
      await new Promise((resolve) => setImmediate(resolve))
      life.freeze()
      await machine.run()
      life.end()
      const next = await machine.open()
      expect([seed, next.get(votes)]).toEqual([seed, 4 + late])
      await machine.until(next.close())
      expect([machine.errors, page.listeners]).toEqual([
        [],
        expect.arrayContaining(['freeze', 'pagehide', 'visibilitychange']),
      ])
    }
    expect(behind).toBeGreaterThan(10)
  })
}

test('[ID19] a page that goes on after it was hidden has stored everything once, and a closed store listens to nothing', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const machine = machineOf(seed)
    const { store, page } = await machine.openTab()
    const sibling = await machine.open()
    for (let i = 0; i < 6; i++) {
      store.transact((tx) => tx.add(votes, 1))
      await machine.run(seed % 4)
      page.show(i % 2 === 0 ? 'hidden' : 'visible')
    }
    await machine.until(store.durable())
    await machine.run()
    expect([store.status.unsaved, sibling.get(votes)]).toEqual([0, 6])
    await machine.until(store.close())
    await machine.until(sibling.close())
    expect(page.listeners).toEqual([])
    const next = await machine.open()
    expect(next.get(votes)).toBe(6)
    await machine.until(next.close())
    expect(machine.errors).toEqual([])
  }
})

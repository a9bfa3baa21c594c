import { indexedDb } from '@syncline/idb'
import { storageContract } from '@syncline/store/contracts'
import { startBrowser } from '../../src/simulate/browser/browser.ts'
import { unheard } from '../../src/simulate/calls.ts'
import { createDisk } from '../../src/simulate/browser/disk.ts'
import { createPage } from '../../src/simulate/browser/page.ts'
import { createKernel } from '../../src/simulate/kernel.ts'
import { beginLife } from '../../src/simulate/life.ts'
import { createWeather } from '../../src/simulate/weather.ts'

let seed = 0

for (const [title, hasLocks, delays] of [
  ['indexedDb in a simulated browser', true, {}],
  ['indexedDb in a simulated browser without Web Locks', false, {}],
  ['indexedDb in a simulated browser on a slow disk', true, { storageDelay: 0.3 }],
] as const) {
  storageContract(title, async () => {
    const kernel = createKernel(++seed)
    const weather = createWeather(kernel.decider, delays)
    const browser = startBrowser(createDisk(), weather, kernel.decider, unheard, hasLocks)
    let isRunning = true
    const run = async (): Promise<void> => {
      while (isRunning) if (!(await kernel.step())) await new Promise((resolve) => setImmediate(resolve))
    }
    void run()
    const open = (tab: string) => indexedDb('app', browser.surroundings(beginLife(kernel, tab), createPage()))
    return {
      tabs: [open('tab 1'), open('tab 2')],
      async dispose() {
        isRunning = false
      },
    }
  })
}

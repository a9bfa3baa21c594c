import { playwright } from '@vitest/browser-playwright'
import type { BrowserProviderOption } from 'vitest/node'
import type { Engine, Tab } from './engine.ts'

/** Lets vitest run its browser tests in an engine that Playwright does not drive. Its pages are tabs of one browser. */
export function inEngine(name: string, open: () => Promise<Engine>): BrowserProviderOption {
  return {
    // Who serves the tests is the same for every browser.
    serverFactory: playwright().serverFactory,
    name: 'engines',
    supportedBrowser: [name],
    options: {},
    providerFactory() {
      let opening: Promise<Engine> | undefined
      const tabs = new Map<string, Tab>()
      return {
        name: 'engines',
        supportsParallelism: false,
        getCommandsContext: () => ({}),
        async openPage(sessionId, url) {
          opening ??= open()
          const engine = await opening
          const tab = tabs.get(sessionId)
          if (tab === undefined) tabs.set(sessionId, await engine.openTab(url))
          else await tab.goto(url)
        },
        async close() {
          await (await opening)?.close()
        },
      }
    },
  }
}

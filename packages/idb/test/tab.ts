import type { Storage } from '@syncline/store'

/** Another tab of this browser: a page of its own, with its own copy of the code. */
export interface OtherTab {
  readonly window: Window
  indexedDb(name: string): Storage
  /** Ends the page at once, as closing a tab does. */
  kill(): void
}

/** Opens another page of this origin. A frame has a realm, connections, locks and channels of its own, as a tab has. */
export async function openTab(): Promise<OtherTab> {
  const frame = document.createElement('iframe')
  frame.srcdoc = '<!doctype html>'
  await new Promise((resolve) => {
    frame.onload = resolve
    document.body.append(frame)
  })
  const window = frame.contentWindow as Window & typeof globalThis
  // What vitest makes of an `import()` asks for this, which is there in its own page only.
  Object.assign(window, { __vitest_browser_runner__: { wrapDynamicImport: (load: () => unknown) => load() } })
  const url = new URL('../src/index.ts', import.meta.url).href
  const module = (await window.eval(`import(${JSON.stringify(url)})`)) as { indexedDb(name: string): Storage }
  return { window, indexedDb: module.indexedDb, kill: () => frame.remove() }
}

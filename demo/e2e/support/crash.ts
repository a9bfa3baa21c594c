import type { Page } from '@playwright/test'

/** Ends a tab at once, as a crash does: nothing in it comes to an end. */
export async function crash(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  const crashed = new Promise((resolve) => page.once('crash', resolve))
  devtools.send('Page.crash').catch(() => undefined)
  await crashed
}

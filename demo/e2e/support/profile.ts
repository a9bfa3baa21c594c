import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type LaunchOptions } from '@playwright/test'

/** A folder in which a browser keeps what it stores, and the browser that runs on it. In an ordinary test context IndexedDB lives in memory. */
export interface Profile {
  readonly folder: string
  /** The browser that runs. */
  readonly context: BrowserContext
  /** Starts it anew, after it was ended. */
  start(): Promise<void>
  /** Ends it without a word, as a power button does; its other processes go with it. */
  kill(): Promise<void>
  /** Ends it as its own menu does. */
  stop(): Promise<void>
  /** Ends it and removes the folder. */
  remove(): Promise<void>
}

/** Starts a browser on a new profile, or on what is in a folder that nobody else uses. */
export async function openProfile(options: LaunchOptions, existing?: string): Promise<Profile> {
  const folder = existing ?? (await mkdtemp(join(tmpdir(), 'syncline-profile-')))
  let context: BrowserContext
  let pid: number
  let isRunning = false

  async function start(): Promise<void> {
    context = await chromium.launchPersistentContext(folder, options)
    const devtools = await context.browser()!.newBrowserCDPSession()
    const { processInfo } = await devtools.send('SystemInfo.getProcessInfo')
    pid = processInfo.find(({ type }) => type === 'browser')!.id
    isRunning = true
  }

  async function stop(): Promise<void> {
    if (!isRunning) return
    isRunning = false
    await context.close()
  }

  await start()
  return {
    folder,
    get context() {
      return context
    },
    start,
    async kill() {
      const closed = new Promise((resolve) => context.once('close', resolve))
      isRunning = false
      process.kill(pid, 'SIGKILL')
      await closed
      // It has closed its pipes before it is gone, and may still hold the lock of a database.
      while (isThere(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
    },
    stop,
    async remove() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LastingEngine, Tab } from './engine.ts'
import { startScreen } from './screen.ts'
import { serveTold, type ToldPage } from './told-page.ts'
import type { WebKitPrograms } from './webkit.ts'

/** A WebKit of which one process can be ended by itself. */
export interface WebKitOnDisk extends LastingEngine {
  /** Ends the process that keeps the databases of all pages, as a system does that needs the memory. */
  endStorage(): void
}

/**
 * Starts WebKitGTK as people do, on a profile of its own that is on the disk: one that is driven has none. Nobody can click there, and it has one tab, whose page does what
 * it is told by who serves it.
 */
export async function openWebKitOnDisk({ browser, screen }: Omit<WebKitPrograms, 'driver'>): Promise<WebKitOnDisk> {
  const profile = await mkdtemp(join(tmpdir(), 'syncline-webkit-'))
  const display = await startScreen(screen)
  let running: ChildProcess | undefined
  let page: ToldPage | undefined
  process.once('exit', killAll)

  function killAll(): void {
    running?.kill('SIGKILL')
    display.end()
  }

  /** Its other processes end when they notice. */
  async function end(): Promise<void> {
    const ending = running
    running = undefined
    if (ending === undefined || ending.exitCode !== null) return
    const ended = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill('SIGKILL')
    await ended
    page?.forget()
  }

  return {
    async openTab(url): Promise<Tab> {
      await end()
      // What it has stored belongs to the origin.
      page ??= await serveTold(url)
      const arrived = page.arrives()
      running = spawn(browser, [page.addressOf(url)], {
        stdio: 'ignore',
        env: { ...display.env, XDG_DATA_HOME: join(profile, 'data'), XDG_CACHE_HOME: join(profile, 'cache') },
      })
      await arrived
      return {
        goto: page.goto,
        evaluate: page.evaluate,
        perform: () => Promise.reject(new Error('Nobody can click in a WebKit that is not driven.')),
        close: end,
      }
    },
    restart: end,
    endStorage: () => void process.kill(childOf(running!.pid!, 'WebKitNetwork'), 'SIGKILL'),
    async close() {
      await end()
      display.end()
      process.off('exit', killAll)
      await page?.close()
      await rm(profile, { recursive: true, force: true, maxRetries: 9, retryDelay: 100 })
    },
  }
}

/** The process below another one whose name begins so. */
function childOf(parent: number, name: string): number {
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const [, called = '', ppid] = /\((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
        return [{ pid: Number(pid), called, parent: Number(ppid) }]
      } catch {
        // It has ended meanwhile.
        return []
      }
    })
  let below = [parent]
  while (below.length > 0) {
    const children = processes.filter((each) => below.includes(each.parent))
    const found = children.find(({ called }) => called.startsWith(name))
    if (found !== undefined) return found.pid
    below = children.map(({ pid }) => pid)
  }
  throw new Error(`Below the process ${parent} there is none that is called ${name}.`)
}

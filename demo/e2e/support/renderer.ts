import { readdir, readFile } from 'node:fs/promises'
import type { Page } from '@playwright/test'

/** The process in which one page runs, and no other. */
export interface Renderer {
  /** Ends it in the middle of whatever it does, as a crash does. */
  kill(): Promise<void>
  /** Stops it in the middle of whatever it does, as a debugger does, or a system that is out of memory. The page is not told. */
  stop(): void
  goOn(): void
}

/**
 * Finds the process of a page. No interface of Chromium names it, so the page starts a worker, which is a thread whose name the system knows. It
 * works on Linux only. Throws when it is not exactly one process.
 */
export async function rendererOf(page: Page): Promise<Renderer> {
  const devtools = await page.context().browser()!.newBrowserCDPSession()
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo')
  await devtools.detach()
  const ids = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
  const before = await withWorkers(ids)
  await page.evaluate(startWorker)
  const found = (await withWorkers(ids)).filter((id) => !before.includes(id))
  if (found.length !== 1) throw new Error(`The page runs in ${found.length} of the processes ${ids.join(', ')}.`)
  const [pid] = found as [number]
  return {
    async kill() {
      const crashed = new Promise((resolve) => page.once('crash', resolve))
      process.kill(pid, 'SIGKILL')
      await crashed
    },
    stop: () => void process.kill(pid, 'SIGSTOP'),
    goOn: () => void process.kill(pid, 'SIGCONT'),
  }
}

/** Those of some processes that run a worker. */
async function withWorkers(ids: readonly number[]): Promise<readonly number[]> {
  const found = await Promise.all(ids.map(async (id) => ((await threadsOf(id)).some(isWorker) ? [id] : [])))
  return found.flat()
}

async function threadsOf(id: number): Promise<readonly string[]> {
  try {
    const threads = await readdir(`/proc/${id}/task`)
    return await Promise.all(threads.map((thread) => readFile(`/proc/${id}/task/${thread}/comm`, 'utf8')))
  } catch {
    // It has ended since it was listed.
    return []
  }
}

const isWorker = (thread: string): boolean => thread.startsWith('DedicatedWorker')

/** Runs in the page; resolves when the worker runs. */
function startWorker(): Promise<void> {
  const worker = new Worker(URL.createObjectURL(new Blob(['postMessage(0)'])))
  // Kept, so that it lives as long as the page.
  Object.assign(window, { keptWorker: worker })
  return new Promise((resolve) => (worker.onmessage = () => resolve()))
}

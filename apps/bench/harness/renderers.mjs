import { readdir, readFile } from 'node:fs/promises'
import process from 'node:process'

/** The process in which one page runs, and no other: by a worker that the page starts, a thread whose name the system knows. On Linux only. */
export async function rendererOf(page) {
  const devtools = await page.context().browser().newBrowserCDPSession()
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo')
  await devtools.detach()
  const ids = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
  const before = await withWorkers(ids)
  await page.evaluate(startWorker)
  const found = (await withWorkers(ids)).filter((id) => !before.includes(id))
  if (found.length !== 1) throw new Error(`The page runs in ${found.length} of the processes ${ids.join(', ')}.`)
  const signal = (name) => process.kill(found[0], name)
  return { kill: () => signal('SIGKILL'), stop: () => signal('SIGSTOP'), goOn: () => signal('SIGCONT') }
}

async function withWorkers(ids) {
  const found = await Promise.all(ids.map(async (id) => ((await threadsOf(id)).some(isWorker) ? [id] : [])))
  return found.flat()
}

async function threadsOf(id) {
  try {
    const threads = await readdir(`/proc/${id}/task`)
    return await Promise.all(threads.map((thread) => readFile(`/proc/${id}/task/${thread}/comm`, 'utf8')))
  } catch {
    // It has ended since it was listed.
    return []
  }
}

const isWorker = (thread) => thread.startsWith('DedicatedWorker')

/** Runs in the page; resolves when the worker runs. */
function startWorker() {
  const worker = new Worker(URL.createObjectURL(new Blob(['postMessage(0)'])))
  // Kept, so that it lives as long as the page.
  Object.assign(globalThis, { keptWorker: worker })
  return new Promise((resolve) => (worker.onmessage = () => resolve()))
}

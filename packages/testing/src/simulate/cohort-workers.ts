import type { CohortRun, Runner } from './cohort.ts'
import { SimulationError } from './errors.ts'

/** As much of a worker thread of Node as is needed. */
interface Worker {
  postMessage(seed: number): void
  on(event: 'message', listener: (answer: Answer) => void): void
  on(event: 'error', listener: (error: unknown) => void): void
  on(event: 'exit', listener: (code: number) => void): void
  terminate(): Promise<unknown>
}

/** What a worker says of one seed, or that it cannot run any. */
type Answer = { readonly run: CohortRun } | { readonly error: string }

/**
 * What runs in a worker. It imports nothing but the module, so it is there however this package was built. A cohort of one seed is asked for and no
 * run, for of one in which nothing was written that is no failure.
 */
const CODE = `
const { parentPort, workerData } = require('node:worker_threads')
const simulation = import(workerData).then((module) => {
  if (typeof module.simulation?.cohort === 'function') return module.simulation
  throw new Error(workerData + ' exports no simulation. Write: export const simulation = simulate({ ... })')
})
parentPort.on('message', async (seed) => {
  try {
    const { counts, failures } = await (await simulation).cohort({ runs: 1, first: seed })
    parentPort.postMessage({ run: { counts, failure: failures[0]?.failure } })
  } catch (error) {
    if (error?.code === 'nothing-happened') parentPort.postMessage({ run: { counts: {} } })
    else parentPort.postMessage({ error: String(error?.stack ?? error) })
  }
})
`

/** Runs seeds in a worker thread of Node, with the simulation that a module exports. */
export async function runInWorker(module: string | { readonly href: string }): Promise<Runner> {
  const url = typeof module === 'string' ? module : module.href
  // The name is put together so that nobody who bundles this for a browser looks for it.
  const name = ['node', 'worker_threads'].join(':')
  const { Worker } = (await import(/* @vite-ignore */ name)) as {
    readonly Worker: new (code: string, options: { readonly eval: true; readonly workerData: string }) => Worker
  }
  const worker = new Worker(CODE, { eval: true, workerData: url })
  let waiting: { resolve(run: CohortRun): void; reject(error: unknown): void } | undefined

  const fail = (what: string, cause?: unknown): void => {
    const message = `A worker with ${url} cannot run: ${what}`
    waiting?.reject(new SimulationError('invalid-simulation', message, { cause }))
    waiting = undefined
  }
  worker.on('message', (answer) => {
    if ('error' in answer) fail(answer.error)
    else waiting?.resolve(answer.run)
  })
  worker.on('error', (error) => fail(String(error), error))
  worker.on('exit', (code) => fail(`it ended with code ${code}.`))

  return {
    run: (seed) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        worker.postMessage(seed)
      }),
    async close() {
      waiting = undefined
      await worker.terminate()
    },
  }
}

import { indexedDb } from '@syncline/idb'
import { openStore, type Store } from '@syncline/store'
import { link, openLean } from '@syncline/store/lean'
import { watchBlocks } from '../harness/blocks.ts'
import { relayHere } from '../harness/relay-here.ts'
import { watchReplacing } from '../harness/replacing.ts'
import { rowsOf } from '../records/rows.ts'
import { table } from './table.ts'

/** What was measured while somebody types and the log becomes a checkpoint. */
export interface Compaction {
  /** How many bytes the checkpoint has. */
  readonly bytes: number
  /** How long it took from the first step to the last, and of that the step that puts it in place of the log. */
  readonly tookMs: number
  readonly replaceMs: number
  /** The longest that the page could not do anything else: while the checkpoint was made, and while it was put in place. */
  readonly makingBlockMs: number
  readonly replaceBlockMs: number
  /** How long an edit waited until it was stored: the middle one, and the one that waited longest. */
  readonly editMs: number
  readonly longestEditMs: number
}

/** What the program outside calls, through the page's global `bench`. */
export interface CompactionBench {
  compact(rows: number): Promise<Compaction>
}

const ROWS_A_CHANGE = 500
const EDIT_EVERY_MS = 50

async function compact(rows: number): Promise<Compaction> {
  const name = `compaction ${Date.now()}`
  const transport = relayHere()
  await fill(name, transport, rows)
  ;(globalThis as { readonly gc?: () => void }).gc?.()

  const watched = watchReplacing(indexedDb(name))
  const store = await openStore({ space: 'table', storage: watched.storage, transport, ready: [table] })
  const watch = watchBlocks()
  const begunMs = performance.now()
  const typing = type(store, rows)
  await watched.begun
  const makingBlockMs = watch.longest()
  const { bytes, replaceMs } = await watched.over
  const tookMs = performance.now() - begunMs
  const waits = await typing.end()
  const replaceBlockMs = await watch.end()
  await store.close()
  await verify(name, rows, waits.length)
  await transport.close()
  waits.sort((a, b) => a - b)
  return {
    bytes,
    tookMs,
    replaceMs,
    makingBlockMs,
    replaceBlockMs,
    editMs: waits[waits.length >> 1]!,
    longestEditMs: waits.at(-1)!,
  }
}

/** Makes a log that nobody compacts, all of which the relay has. */
async function fill(name: string, transport: ReturnType<typeof relayHere>, rows: number): Promise<void> {
  const store = await openLean({ space: 'table', storage: indexedDb(name), transport, parts: [link] })
  const all = rowsOf(rows)
  for (let i = 0; i < rows; i += ROWS_A_CHANGE) {
    store.transact((tx) => {
      for (const { id, ...fields } of all.slice(i, i + ROWS_A_CHANGE)) tx.create(table.at(id), fields)
    })
    await store.durable()
  }
  await store.synced()
  await store.durable()
  await store.close()
}

/** Types, a value each twentieth of a second, until it is ended: then how long each took to be stored. */
function type(store: Store, rows: number): { end(): Promise<number[]> } {
  const waits: Promise<number>[] = []
  const timer = setInterval(() => {
    const begunMs = performance.now()
    const { durable } = store.transact((tx) => tx.patch(table.at(`row${rows - 1}`), { votes: waits.length + 1 }))
    waits.push(durable().then(() => performance.now() - begunMs))
  }, EDIT_EVERY_MS)
  return {
    async end() {
      clearInterval(timer)
      return Promise.all(waits)
    },
  }
}

/** All is there that was. */
async function verify(name: string, rows: number, votes: number): Promise<void> {
  const store = await openStore({ space: 'table', storage: indexedDb(name), ready: [table] })
  const [found, last] = [store.get(table).length, store.get(table.at(`row${rows - 1}`))?.votes]
  await store.close()
  if (found !== rows || last !== votes)
    throw new Error(`There are ${found} rows and ${last} votes, not ${rows} and ${votes}.`)
}

const bench: CompactionBench = { compact }
Object.assign(globalThis, { bench })

import { indexedDb } from '@syncline/idb'
import { openStore, type StoreOptions } from '@syncline/store'
import { link, openLean, undo } from '@syncline/store/lean'
import { text } from '@syncline/yjs'
import { table } from '../durable/table.ts'
import { watchBlocks } from '../harness/blocks.ts'
import { relayHere } from '../harness/relay-here.ts'
import { watchReplacing } from '../harness/replacing.ts'
import { rowsOf } from '../records/rows.ts'
import type { Outcome } from './page.ts'
import { votesAfter } from './votes.ts'

/** What the program outside calls, through the page's global `bench`. */
export interface GrowthBench {
  readonly names: readonly string[]
  /** Makes a log that a relay has acknowledged, as an app with a relay leaves it behind. */
  make(name: string): Promise<void>
  /** Opens it without a network, in a page that has done nothing before. Throws when not all is there. */
  start(name: string): Promise<Outcome>
}

/** How a space came to be, and how it is opened. */
interface Growth {
  readonly rows: number
  /** How long the text is that lies beside the rows. */
  readonly characters?: number
  readonly edits?: number
  /** Whether all of the log becomes a checkpoint before it is opened. */
  readonly isCompacted?: boolean
  readonly options?: Pick<StoreOptions, 'onDemand'>
}

const note = text('note', 'long')
const MEGABYTE = 1_000_000

const growths: { readonly [name: string]: Growth } = {
  '10,000 rows': { rows: 10_000, isCompacted: true },
  '10,000 rows and a text of 10 MB': { rows: 10_000, characters: 10 * MEGABYTE, isCompacted: true },
  '10,000 rows and a text of 10 MB on demand': {
    rows: 10_000,
    characters: 10 * MEGABYTE,
    isCompacted: true,
    options: { onDemand: [note] },
  },
  '1,000 rows, 50,000 edits': { rows: 1_000, edits: 50_000 },
  '1,000 rows, 50,000 edits, compacted': { rows: 1_000, edits: 50_000, isCompacted: true },
}

const EDITS_A_TASK = 50

async function make(name: string): Promise<void> {
  const { rows, characters = 0, edits = 0, isCompacted = false } = growths[name]!
  const transport = relayHere()
  const options = { space: 'table', storage: indexedDb(name), transport }
  // What nobody compacts is compacted at once when it is opened with the part for that.
  const store = isCompacted
    ? await openLean({ ...options, parts: [link, undo] })
    : await openStore({ ...options, ...optionsOf(name) })
  const all = rowsOf(rows)
  store.transact((tx) => {
    for (const { id, ...fields } of all) tx.create(table.at(id), fields)
  })
  for (let length = 0; length < characters; length += MEGABYTE) {
    store.transact((tx) => tx.insert(note, length, aMegabyte()))
    await store.synced()
  }
  for (let i = 0; i < edits; i++) {
    store.transact((tx) => tx.patch(table.at(`row${i % rows}`), { votes: i }))
    if (i % EDITS_A_TASK === EDITS_A_TASK - 1) await store.durable()
  }
  await store.synced()
  await store.durable()
  // Whoever has stopped looks at it for a moment.
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  await store.close()
  if (isCompacted) await compact(name, transport)
  await transport.close()
}

function aMegabyte(): string {
  const lines = Array.from({ length: 25_000 }, (_, i) => `Line ${i} of what somebody has written down.\n`)
  return lines.join('').slice(0, MEGABYTE)
}

async function compact(name: string, transport: ReturnType<typeof relayHere>): Promise<void> {
  const watched = watchReplacing(indexedDb(name))
  const store = await openStore({ space: 'table', ...optionsOf(name), storage: watched.storage, transport })
  await watched.over
  await store.close()
}

const optionsOf = (name: string): Pick<StoreOptions, 'onDemand' | 'ready'> => ({
  ready: [table],
  ...growths[name]!.options,
})

async function start(name: string): Promise<Outcome> {
  const { rows, edits = 0, characters = 0 } = growths[name]!
  const watch = watchBlocks()
  const begun = performance.now()
  const store = await openStore({ space: 'table', ...optionsOf(name), storage: indexedDb(name) })
  let [count, votes] = [0, 0]
  for (const [, row] of store.snapshot.items(table)) {
    count += 1
    votes += row.votes
  }
  const readyMs = performance.now() - begun
  const blockMs = await watch.end()
  const loaded = await store.load(note)
  const { length } = store.get(note)
  loaded.release()
  await store.close()
  if (count !== rows || votes !== votesAfter(rows, edits) || length !== characters) {
    throw new Error(`${name} reads ${count} rows, ${votes} votes and ${length} characters.`)
  }
  return { readyMs, blockMs }
}

const bench: GrowthBench = { names: Object.keys(growths), make, start }
Object.assign(globalThis, { bench })

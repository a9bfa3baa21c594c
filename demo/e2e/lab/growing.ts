import { indexedDb } from '@syncline/idb'
import { verifyDatabase, type SpaceReport } from '@syncline/idb/care'
import { counter, lww } from '@syncline/merge'
import { openStore, type Storage, type Store } from '@syncline/store'
import { textOf } from './moving.ts'

const browser = { arbiter: 'browser' } as const
const drafts = Array.from({ length: 2000 }, (_, i) => lww(`draft${i}`, '', browser))

/** What one of two tabs counts: how often it has written, and beside that the number that it has come to. Whoever doubles or tears a commit parts them. */
const tallies = [0, 1].map((tab) => ({
  decided: { count: counter(`decided${tab}`, browser), last: lww(`lastDecided${tab}`, 0, browser) },
  merged: { count: counter(`merged${tab}`), last: lww(`lastMerged${tab}`, 0) },
}))

/** A log that is overwritten again and again, so that there is a lot to leave out. */
export interface Growing {
  /**
   * Writes without a pause as one of two tabs: what the browser decides about, and what merges. `onPromised` hears of each that is durable, `onCompacted` when this tab
   * has put a checkpoint into its place.
   */
  keepWriting(options: GrowingOptions): Promise<void>
  /** What is there, before anybody writes: whether all of it is sound, and what the tabs have counted. */
  look(space: string): Promise<Grown>
  /** Writes so many drafts of 500 bytes, `count` from the n-th on, over 2,000 refs; resolves to how large the log is when it has come to rest. */
  fill(space: string, from: number, count: number): Promise<SpaceReport>
  /** Writes so many drafts of 5,000 bytes, and compacts nothing. */
  pile(space: string, count: number): Promise<void>
  /** Opens what was piled up, and compacts it. */
  compact(space: string): Promise<Attempts>
}

/** A store that compacts, or tries to. */
export interface Attempts {
  readonly store: Store
  /** What has come of each attempt to put a checkpoint in place of the log: the code of an error, or `done`. */
  readonly outcomes: readonly string[]
  /** Resolves when the n-th has come to its end. */
  until(count: number): Promise<void>
  /** Writes one draft of 5,000 bytes; resolves when it is on this device. */
  write(at: number): Promise<void>
}

export interface GrowingOptions {
  readonly space: string
  readonly tab: 0 | 1
  readonly onPromised: (what: 'decided' | 'merged', number: number) => void
  readonly onCompacted: () => void
}

export interface Grown {
  readonly storage: string
  readonly isSound: boolean
  /** How many long drafts there are, each whole. */
  readonly drafts: number
  readonly tabs: readonly Readonly<Record<'decided' | 'merged', { readonly count: number; readonly last: number }>>[]
}

/** So little is worth being compacted. Who writes without a pause has it compacted when it is 16 times more: a hundred commits. */
const WORTH_BYTES = 2000

/** So many drafts are overwritten in turn. */
const TURNS = 20
const PAUSE_MS = 20

const nameOf = (space: string): string => `growing-${space}`

function openGrowing(space: string, onCompacted?: () => void): Promise<Store> {
  const storage = indexedDb(nameOf(space))
  const small: Storage = {
    ...storage,
    async openLog(name) {
      const log = await storage.openLog(name)
      return {
        ...log,
        worthBytes: WORTH_BYTES,
        async replace(...replacing) {
          await log.replace(...replacing)
          onCompacted?.()
        },
      }
    },
  }
  // Who has not met what the other tab writes would leave it to that one to compact.
  const ready = [...tallies.flatMap(({ decided, merged }) => [decided, merged]).flatMap(Object.values), ...drafts]
  return openStore({ space, storage: onCompacted === undefined ? storage : small, ready })
}

export const growing: Growing = {
  async keepWriting({ space, tab, onPromised, onCompacted }) {
    const store = await openGrowing(space, onCompacted)
    const { decided, merged } = tallies[tab]!
    async function decide(): Promise<never> {
      for (;;) {
        const { value } = await store.transactAsync((tx) => {
          const number = tx.get(decided.count) + 1
          tx.add(decided.count, 1)
          tx.set(decided.last, number)
          tx.set(drafts[number % TURNS]!, textOf(500))
          return number
        }, browser)
        onPromised('decided', value)
      }
    }
    async function merge(): Promise<never> {
      for (;;) {
        const receipt = store.transact((tx) => {
          const number = tx.get(merged.count) + 1
          tx.add(merged.count, 1)
          tx.set(merged.last, number)
          return number
        })
        await receipt.durable()
        onPromised('merged', receipt.value)
        // What no relay has is compacted when all of it is on the disk: it is, now and then.
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
    }
    await Promise.all([decide(), merge()])
  },

  async look(space) {
    const { isSound } = await verifyDatabase(nameOf(space))
    const store = await openGrowing(space)
    const tabs = tallies.map(({ decided, merged }) => ({
      decided: { count: store.get(decided.count), last: store.get(decided.last) },
      merged: { count: store.get(merged.count), last: store.get(merged.last) },
    }))
    const { storage } = store.status
    const found = countDrafts(store)
    await store.close()
    return { storage, isSound, drafts: found, tabs }
  },

  async fill(space, from, count) {
    let isOver = false
    let atRest = (): void => undefined
    // When nothing has come for a while, and nobody is at it.
    const rest = new Promise<void>((resolve) => (atRest = resolve))
    let timer = setTimeout(() => undefined)
    const settle = (): void => {
      clearTimeout(timer)
      if (isOver) timer = setTimeout(atRest, REST_MS)
    }
    const storage = indexedDb(nameOf(space))
    const store = await openStore({
      space,
      storage: {
        ...storage,
        async openLog(name) {
          const log = await storage.openLog(name)
          return { ...log, replace: (...replacing) => log.replace(...replacing).finally(settle) }
        },
      },
    })
    const write = (i: number): Promise<unknown> =>
      store.transactAsync((tx) => tx.set(drafts[i % drafts.length]!, textOf(500)), { ...browser, undo: false })
    for (let i = from; i < from + count; i += AT_ONCE)
      await Promise.all(Array.from({ length: AT_ONCE }, (_, j) => write(i + j)))
    isOver = true
    settle()
    await rest
    await store.close()
    return (await verifyDatabase(nameOf(space))).spaces[0]!
  },

  async pile(space, count) {
    const storage = indexedDb(nameOf(space))
    const piling: Storage = {
      ...storage,
      async openLog(name) {
        const log = await storage.openLog(name)
        return { ...log, worthBytes: Infinity }
      },
    }
    const store = await openStore({ space, storage: piling })
    await Promise.all(Array.from({ length: count }, (_, at) => writeLong(store, at)))
    await store.close()
  },

  async compact(space) {
    const outcomes: string[] = []
    const waiting = new Set<() => void>()
    const settle = (outcome: string): void => {
      outcomes.push(outcome)
      for (const look of waiting) look()
    }
    const storage = indexedDb(nameOf(space))
    const store = await openStore({
      space,
      storage: {
        ...storage,
        async openLog(name) {
          const log = await storage.openLog(name)
          return {
            ...log,
            async replace(...replacing) {
              const replaced = log.replace(...replacing)
              replaced.then(
                () => settle('done'),
                (error: { code?: string }) => settle(error.code ?? String(error)),
              )
              await replaced
            },
          }
        },
      },
    })
    return {
      store,
      outcomes,
      write: (at) => writeLong(store, at),
      until: (count) =>
        new Promise((resolve) => {
          const look = (): void => {
            if (outcomes.length >= count) resolve()
          }
          waiting.add(look)
          look()
        }),
    }
  },
}

/** How many of the drafts are there, and as long as they were written. */
function countDrafts(store: Store): number {
  return drafts.filter((draft) => store.get(draft).length === LONG_DRAFT).length
}

async function writeLong(store: Store, at: number): Promise<void> {
  await store.transactAsync((tx) => tx.set(drafts[at]!, textOf(LONG_DRAFT)), { ...browser, undo: false })
}

const LONG_DRAFT = 5000

const AT_ONCE = 100
/** Longer than a log waits for more before it is compacted. */
const REST_MS = 3000

import type { Surroundings } from '@syncline/idb'
import { createLeases } from '@syncline/idb/leases'
import type { Decider } from '../decider.ts'
import { unheard, type StorageCalls } from '../calls.ts'
import type { Life } from '../life.ts'
import type { Weather } from '../weather.ts'
import { createChannels } from './channels.ts'
import type { Disk } from './disk.ts'
import { databasesOf } from './databases.ts'
import { createIndexedDb, type SimulatedIndexedDb } from './indexed-db.ts'
import { keyRange } from './keys.ts'
import { createLocks } from './locks.ts'
import type { SimulatedPage } from './page.ts'

/** What the tabs of one browser share, from its start to its end; the disk outlives it. */
export interface Browser {
  readonly disk: Disk
  readonly indexedDb: SimulatedIndexedDb
  /** What `@syncline/idb` stands on in one tab. */
  surroundings(life: Life, page: SimulatedPage): Surroundings
  /** What is still held: locks, channels, connections, transactions. */
  held(): Readonly<Record<'locks' | 'channels' | 'storage', number>>
}

/** Starts a browser on what its disk holds. Of what a dead tab had handed over half is stored all the same. */
export function startBrowser(
  disk: Disk,
  weather: Weather,
  decider: Decider,
  calls: StorageCalls = unheard,
  hasLocks = true,
): Browser {
  const decide = (party: string): boolean => !decider.happens(`last words of ${party}`, 0.5)
  const indexedDb = createIndexedDb(disk, weather, decide, calls)
  const locks = createLocks(weather)
  const channels = createChannels(weather)
  return {
    disk,
    indexedDb,
    surroundings(life, page) {
      const chance = decider.chance(`storage of ${life.party}`)
      const parts = {
        databases: databasesOf(indexedDb.factory(life)),
        keyRange,
        locks: hasLocks ? locks.of(life) : undefined,
        loadLeases: () =>
          new Promise((resolve) =>
            life.plan({
              kind: 'storage',
              label: 'has the code of leases',
              inMs: weather.storageMs(life.party),
              run: () => resolve({ createLeases }),
            }),
          ),
        openChannel: (name: string) => channels.open(life, name),
        page,
        window: page,
        marks: {
          getItem: (key: string) => disk.marks.get(key) ?? null,
          setItem: (key: string, value: string) => void disk.marks.set(key, value),
          removeItem: (key: string) => void disk.marks.delete(key),
        },
        setTimer: (delayMs: number, fn: () => void) =>
          life.plan({ kind: 'timer', label: 'timer of storage', inMs: delayMs, run: fn }),
        randomBytes: (count: number) => chance.bytes(count),
      }
      // Of each interface there is what `@syncline/idb` asks for, and the rest would only be dead code here. The contract suite of the store
      // runs on it as it does in browsers.
      return parts as unknown as Surroundings
    },
    held: () => ({ locks: locks.size(), channels: channels.size(), storage: indexedDb.size() }),
  }
}

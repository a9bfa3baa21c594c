import type { Disk } from './browser/disk.ts'
import type { Moment } from './calls.ts'
import { readOnce } from './checks/relay-log.ts'
import { browserOf } from './ledger.ts'
import type { Machine } from './machine.ts'
import { remainsOf, type Remains } from './remains.ts'
import { SPACE } from './tab.ts'
import { pastOfLoss } from './transcript.ts'
import type { World } from './world.ts'

/** One way in which everything can have come to an end. */
export interface CrashPoint {
  /** Which moment it was, counted from 0. */
  readonly at: number
  /** Whose call of a storage was about to be carried out, or was just then. */
  readonly party: string
  readonly what: string
  readonly moment: Moment
  /** The browser that has also lost what was not on the disk itself. */
  readonly lost: string | undefined
  /** The machines that are turned on again. */
  readonly back: ReadonlySet<string>
  readonly remains: Remains
}

/** The moments at which everything may come to an end, and those of them that can be told apart. */
export interface CrashPoints {
  /** Moments so far. */
  count(): number
  /** Ends that can be told apart from those before, and that nobody has taken yet. */
  take(): readonly CrashPoint[]
  /** There are no more moments: what is left can be taken. */
  end(): void
}

/**
 * Looks at a world at each moment before and after a call of a storage. As long as nothing else is stored, a later moment is like an earlier one
 * of which more had been promised: so of those the last is taken. A machine that would find what it found when it was turned on after another
 * end, on its disk and at the relay, stays off. What a browser loses matters anew when it has brought something to the disk itself, or when
 * the relay has stored something of it. `only` is the one moment that is taken, of all that there are.
 */
export function watchCrashPoints(world: World, only?: number): CrashPoints {
  const { machines, host, calls } = world
  const now = new Map<Machine, Kept>()
  const flushed = new Map<Machine, Kept>()
  /** Of everything as it stands, and of each machine's losses: the end that may still be followed by one like it. */
  const open = new Map<Machine | undefined, { readonly keys: readonly string[]; readonly point: CrashPoint }>()
  /** With what machines were last turned on. */
  const tried = new Map<string, string>()
  const authored = countAuthored(world)
  let taken: CrashPoint[] = []
  let count = 0

  /** The disk of a machine as it is now. */
  function keep(machine: Machine): Kept {
    const version = machine.disk.version()
    let kept = now.get(machine)
    if (kept?.version !== version) now.set(machine, (kept = { version, disk: machine.disk.copy() }))
    return kept
  }

  function consider(lost: Machine | undefined, keys: readonly string[], pointOf: () => CrashPoint): void {
    const last = open.get(lost)
    if (last !== undefined && last.keys.some((key, i) => key !== keys[i])) close(lost)
    open.set(lost, { keys, point: pointOf() })
  }

  function close(lost: Machine | undefined): void {
    const last = open.get(lost)
    open.delete(lost)
    if (last === undefined) return
    if (lost !== undefined) {
      taken.push(last.point)
      return
    }
    const back = [...last.point.back].filter((name, i) => tried.get(name) !== last.keys[i])
    for (const [i, name] of [...last.point.back].entries()) tried.set(name, last.keys[i]!)
    taken.push({ ...last.point, back: new Set(back) })
  }

  calls.onReached = (party, what, moment) => {
    const at = count++
    for (const machine of machines) if (machine.disk.unflushed() === 0) flushed.set(machine, keep(machine))
    if (only !== undefined && only !== at) return
    // What may be missing from now on, or reported, makes another end of it too.
    const allowances = `${world.fallen.size},${world.damaged.size},${world.allowed.size}`
    const keys = machines.map((machine) => [keep(machine).version, host.disk.batches.length, allowances].join())
    consider(undefined, keys, () => ({
      ...{ at, party, what, moment, lost: undefined },
      back: new Set(machines.map(({ name }) => name)),
      remains: remainsOf(world, (machine) => keep(machine).disk),
    }))
    for (const lost of machines) {
      const kept = flushed.get(lost)!
      if (kept.version === lost.disk.version()) {
        // What is lost is nothing: it is as if nothing were.
        close(lost)
        continue
      }
      consider(lost, [[kept.version, authored(lost), allowances].join()], () => ({
        ...{ at, party, what, moment, lost: lost.name },
        back: new Set([lost.name]),
        remains: without(
          remainsOf(world, (machine) => (machine === lost ? kept : keep(machine)).disk),
          lost.name,
        ),
      }))
    }
  }

  return {
    count: () => count,
    take() {
      const those = taken
      taken = []
      return those
    },
    end() {
      calls.onReached = () => undefined
      for (const lost of [...open.keys()]) close(lost)
    },
  }
}

/** A disk as it was when something had been stored on it so many times. */
interface Kept {
  readonly version: number
  readonly disk: Disk
}

/** Counts what the relay has stored of each machine. */
function countAuthored({ host }: World): (machine: Machine) => number {
  const counts = new Map<string, number>()
  let seen = 0
  return ({ name }) => {
    const records = host.disk.records(SPACE)
    if (records.length < seen) {
      // It has come back from a backup.
      counts.clear()
      seen = 0
    }
    for (const record of records.slice(seen)) {
      seen += 1
      const browser = browserOf(readOnce(record).meta)
      counts.set(browser, (counts.get(browser) ?? 0) + 1)
    }
    return counts.get(name) ?? 0
  }
}

/** What a browser had stored was lost: the promises about that go with it. */
function without(remains: Remains, browser: string): Remains {
  const deeds = remains.deeds.map((deed) =>
    deed.browser === browser && !deed.isFlushed ? { ...deed, mayBeLost: true } : deed,
  )
  return { ...remains, deeds, past: pastOfLoss(remains.past, browser) }
}

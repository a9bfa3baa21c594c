import type { Disk } from './browser/disk.ts'
import type { Deed } from './ledger.ts'
import type { MachineClock } from './machine-clock.ts'
import type { Machine } from './machine.ts'
import type { Batch } from './relay/disk.ts'
import type { Past } from './transcript.ts'
import type { World } from './world.ts'

/** What is left of a world when everything comes to an end: the disks, the clocks, and what everybody had been told. */
export interface Remains {
  readonly machines: readonly MachineRemains[]
  readonly relay: { readonly batches: readonly Batch[]; readonly runs: number; readonly skewMs: number }
  readonly deeds: readonly Readonly<Deed>[]
  readonly past: Past
  readonly allowed: ReadonlySet<string>
  readonly fallen: ReadonlySet<number>
  readonly damaged: ReadonlySet<string>
  readonly restorations: number
}

/** What is left of a machine. */
export interface MachineRemains {
  readonly name: string
  /** It is copied before anybody writes on it. */
  readonly disk: Disk
  /** The clock goes on from where it was. */
  readonly skewMs: number
  readonly sessions: number
  readonly names: readonly string[]
}

/** What is left of a world if it ends here. Disks that nobody has written on since `last` are the same. */
export function remainsOf(world: World, diskOf: (machine: Machine) => Disk): Remains {
  const { kernel, host, ledger, transcript, allowed, fallen, damaged, machines } = world
  const skewOf = ({ skewMs }: MachineClock): number => kernel.nowMs() + skewMs
  return {
    machines: machines.map((machine) => ({
      name: machine.name,
      disk: diskOf(machine),
      skewMs: skewOf(machine.clock),
      sessions: machine.sessions(),
      names: [...world.sessionsOf(machine)],
    })),
    relay: { batches: [...host.disk.batches], runs: host.runs(), skewMs: skewOf(host.clock) },
    deeds: ledger.deeds.map((deed) => ({ ...deed })),
    past: transcript?.past() ?? new Map(),
    allowed: new Set(allowed),
    fallen: new Set(fallen),
    damaged: new Set(damaged),
    restorations: world.restorations(),
  }
}

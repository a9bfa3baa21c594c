import { adopt } from './adopting.ts'
import { damageRecord } from './browser/damage.ts'
import type { FaultName } from './faults.ts'
import type { Machine } from './machine.ts'
import type { World } from './world.ts'

/**
 * A fault that a step can be: it happens now, and what it broke mends itself later, unless all is mended before. Says whom it happened to; undefined
 * when there was nothing to break, or when it is told later. It is counted when something has come of it, which may be later, or never.
 */
export type Trouble = (world: World, draw: (below: number) => number) => string | undefined

const HOUR_MS = 3_600_000
const AWAY_MS = [0, 50, 500, 5000, 40_000]
/** Not long: it would be mended first. */
const RESTORED_MS = [0, 5, 50, 500]
/** When the operator sees to what waits for them, again and again. */
const ADOPTED_MS = [200, 3000, 20_000]
const PARTED_MS = [1000, 3000, 10_000, 60_000]
const FROZEN_MS = [100, 2000, 20_000, 70_000]
const YEAR_MS = 365 * 24 * HOUR_MS
const SKEWS_MS = [0, 500, -500, 30_000, -30_000, 90_000, -90_000, HOUR_MS, -HOUR_MS, YEAR_MS, -YEAR_MS]

/** Faults that are steps of their own; the others happen to messages and Changes. */
export const troubles: Partial<Record<FaultName, Trouble>> = {
  loss(world, draw) {
    const { name, way } = machineOf(world, draw)
    return way!.break() ? name : undefined
  },
  halfOpen(world, draw) {
    const { name, way } = machineOf(world, draw)
    return way!.swallow() ? name : undefined
  },
  partition(world, draw) {
    const { name, way } = machineOf(world, draw)
    if (way!.isParted()) return undefined
    way!.part(PARTED_MS[draw(PARTED_MS.length)]!)
    return name
  },
  tabCrash: (world, draw) =>
    withTab(world, draw, (machine, place) => {
      world.tally.count('tabCrash')
      machine.kill(place)
      reopenLater(world, machine, place, draw)
    }),
  tabCrashInCall(world, draw) {
    withTab(world, draw, (machine, place) => {
      const { life } = machine.tabs[place]!
      const { party } = life
      world.calls.dieAt(party, draw(8), () => {
        // What is left of a tab that is dead already may go on calling.
        if (life.isOver()) return
        world.tally.count('tabCrashInCall')
        tell(world, party, 'tabCrashInCall')
        machine.kill(place)
        reopenLater(world, machine, place, draw)
      })
    })
    // Told when it dies.
    return undefined
  },
  relayCrashInCall(world, draw) {
    world.calls.dieAt('relay', draw(8), () => {
      if (world.host.running() === undefined) return
      world.tally.count('relayCrashInCall')
      tell(world, 'relay', 'relayCrashInCall')
      world.host.kill()
      startRelayLater(world, draw)
    })
    return undefined
  },
  reload: (world, draw) =>
    withTab(world, draw, (machine, place) => {
      void machine.close(place).then((isOwnEnd) => {
        if (isOwnEnd) world.tally.count('reload')
        reopenLater(world, machine, place, draw)
      })
    }),
  browserCrash(world, draw) {
    const machine = machineOf(world, draw)
    if (crash(world, machine, false, draw) === undefined) return undefined
    world.tally.count('browserCrash')
    return machine.name
  },
  powerLoss(world, draw) {
    const machine = machineOf(world, draw)
    const lost = crash(world, machine, true, draw)
    if (lost === undefined) return undefined
    // Where all was on the disk itself, the browser has died and no more.
    if (lost > 0) world.tally.count('powerLoss')
    return machine.name
  },
  damage(world, draw) {
    const machine = machineOf(world, draw)
    if (crash(world, machine, false, draw) === undefined) return undefined
    const what = damageRecord(machine.disk, draw)
    if (what === undefined) {
      tell(world, machine.name, 'browserCrash')
      return undefined
    }
    world.tally.count('damage')
    world.tally.count(`damaged: ${what}`)
    // What only this browser has may be lost, and what was written on top of it refused. What the relay has told is synced still has to be there.
    world.damaged.add(machine.name)
    world.allow('storage-damaged')
    for (const deed of world.ledger.deeds) if (deed.browser === machine.name) deed.mayBeLost = true
    return machine.name
  },
  relayCrash(world, draw) {
    if (world.host.running() === undefined) return undefined
    world.tally.count('relayCrash')
    world.host.kill()
    startRelayLater(world, draw)
    return 'relay'
  },
  relayRestart(world, draw) {
    if (world.host.running() === undefined) return undefined
    void world.host.stop().then((isOwnEnd) => {
      if (isOwnEnd) world.tally.count('relayRestart')
      startRelayLater(world, draw)
    })
    return 'relay'
  },
  relayRestore(world, draw) {
    const { disk } = world.host
    if (world.host.running() === undefined || disk.batches.length === 0) return undefined
    world.host.kill()
    // More often a recent one: then part of what a run had written is gone, and not all of it.
    const lost = 1 + draw(1 + draw(disk.batches.length))
    later(world, 'relay', RESTORED_MS[draw(RESTORED_MS.length)]!, 'starts on an old backup', () => {
      // Somebody was faster.
      if (world.host.running() !== undefined) return
      world.tally.count('relayRestore')
      tell(world, 'relay', 'relayRestore')
      if (lost >= disk.batches.length) world.tally.count('relay lost everything')
      world.loseOnRelay(disk.goBack(Math.max(0, disk.batches.length - lost)))
      world.host.start()
    })
    for (const inMs of ADOPTED_MS) later(world, 'relay', inMs * (1 + draw(4)), 'is looked after', () => adopt(world))
    return undefined
  },
  relayQuota(world, draw) {
    const { disk } = world.host
    if (disk.isFull) return undefined
    disk.isFull = true
    later(world, 'relay', AWAY_MS[draw(AWAY_MS.length)]!, 'has room again', () => void (disk.isFull = false))
    return 'relay'
  },
  freeze: (world, draw) => freeze(world, draw, 'freeze'),
  stall: (world, draw) => freeze(world, draw, 'stall'),
  clockSet(world, draw) {
    const parties = [{ name: 'relay', clock: world.host.clock }, ...world.machines]
    const { name, clock } = parties[draw(parties.length)]!
    const skewMs = SKEWS_MS[draw(SKEWS_MS.length)]!
    if (clock.skewMs === skewMs) return undefined
    const isBack = skewMs < clock.skewMs
    clock.set(skewMs, () => {
      world.tally.count('clockSet')
      if (isBack) world.tally.count('clocks set back')
    })
    return name
  },
  quota(world, draw) {
    const machine = machineOf(world, draw)
    const { indexedDb } = machine.browser()
    if (indexedDb.isFull) return undefined
    indexedDb.isFull = true
    world.allow('storage-full')
    later(
      world,
      machine.name,
      PARTED_MS[draw(PARTED_MS.length)]!,
      'has room again',
      () => void (indexedDb.isFull = false),
    )
    return machine.name
  },
  storageDropped: (world, draw) =>
    withTab(world, draw, (machine, place) => {
      world.allow('storage-lost')
      if (machine.browser().indexedDb.drop(machine.tabs[place]!.life)) world.tally.count('storageDropped')
    }),
}

/** Writes down what went wrong, where it shows in a diagram. */
export function tell({ kernel }: World, party: string, fault: FaultName): void {
  kernel.note({ party, kind: 'fault', label: fault })
}

/** Everything works again, at once: nobody is frozen, away or parted, and nothing is full. Clocks stay as they are. */
export function mend(world: World): void {
  for (const cancel of world.mending) cancel()
  world.mending.clear()
  world.calls.forget()
  world.host.disk.isFull = false
  world.host.start()
  adopt(world)
  for (const machine of world.machines) {
    machine.browser().indexedDb.isFull = false
    for (const [place, tab] of machine.tabs.entries()) {
      if (tab === undefined) machine.open(place)
      else tab.thaw()
    }
    for (const tab of machine.leaving) tab.thaw()
    machine.way?.mend()
  }
}

function machineOf({ machines }: World, draw: (below: number) => number): Machine {
  return machines[draw(machines.length)]!
}

/** Something happens to a tab that is open. Says to which; undefined when none of the machine is. */
function withTab(
  world: World,
  draw: (below: number) => number,
  happen: (machine: Machine, place: number) => void,
): string | undefined {
  const machine = machineOf(world, draw)
  const open = [...machine.tabs.keys()].filter((place) => machine.tabs[place]?.store() !== undefined)
  if (open.length === 0) return undefined
  const place = open[draw(open.length)]!
  const { party } = machine.tabs[place]!.life
  happen(machine, place)
  return party
}

function freeze(world: World, draw: (below: number) => number, fault: 'freeze' | 'stall'): string | undefined {
  let isDone = false
  const party = withTab(world, draw, (machine, place) => {
    const tab = machine.tabs[place]!
    if (tab.life.isFrozen()) return
    isDone = true
    tab.freeze(fault === 'freeze', () => world.tally.count(fault))
    later(world, tab.life.party, FROZEN_MS[draw(FROZEN_MS.length)]!, 'thaws', () => tab.thaw())
  })
  return isDone ? party : undefined
}

/** Returns how much of what the machine had stored is gone; undefined when its browser was off. */
function crash(
  world: World,
  machine: Machine,
  isPowerLoss: boolean,
  draw: (below: number) => number,
): number | undefined {
  if (machine.tabs.every((tab) => tab === undefined)) return undefined
  const lost = machine.crash(isPowerLoss)
  if (lost > 0) {
    world.tally.count('unflushed writes lost', lost)
    for (const deed of world.ledger.deeds) if (deed.browser === machine.name && !deed.isFlushed) deed.mayBeLost = true
  }
  for (const place of machine.tabs.keys()) reopenLater(world, machine, place, draw)
  return lost
}

function reopenLater(world: World, machine: Machine, place: number, draw: (below: number) => number): void {
  later(world, machine.name, AWAY_MS[draw(AWAY_MS.length)]!, `opens tab ${place + 1}`, () => machine.open(place))
}

function startRelayLater(world: World, draw: (below: number) => number): void {
  later(world, 'relay', AWAY_MS[draw(AWAY_MS.length)]!, 'starts', () => world.host.start())
}

function later({ kernel, mending }: World, party: string, inMs: number, label: string, run: () => void): void {
  const cancel = kernel.plan({
    party,
    kind: 'fault',
    label,
    inMs,
    run() {
      mending.delete(cancel)
      run()
    },
  })
  mending.add(cancel)
}

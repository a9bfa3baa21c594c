import { decodeChange } from '@syncline/protocol'
import type { RelayOptions } from '@syncline/relay'
import type { RefusedChange } from '@syncline/store'
import type { Snapshot } from '@syncline/stm'
import type { SimulatedApp } from './app.ts'
import type { Failure } from './failure.ts'
import type { Faults } from './faults.ts'
import type { Kernel } from './kernel.ts'
import { createCalls, type Calls } from './calls.ts'
import { codeOf, createLedger, type Deed, type Ledger } from './ledger.ts'
import type { Life } from './life.ts'
import { createMachine, type Machine } from './machine.ts'
import { createNetwork, type Network } from './network.ts'
import { probeOf, readMark, type Probe } from './probes.ts'
import { createCheckpointDisk, policiesOf } from './relay/checkpoints.ts'
import { createRelayDisk } from './relay/disk.ts'
import type { Remains } from './remains.ts'
import { createHost, type Host } from './relay/host.ts'
import { browserOfSession, SPACE } from './tab.ts'
import { createTally, type Tally } from './tally.ts'
import { createTranscript, type Transcript } from './transcript.ts'
import { createWatcher } from './watcher.ts'
import { createWeather, type Weather } from './weather.ts'

/** Everything that a schedule moves: people's machines, the network, the relay; and what was seen of them. */
export interface World {
  readonly kernel: Kernel
  readonly weather: Weather
  readonly machines: readonly Machine[]
  readonly network: Network
  readonly host: Host
  readonly ledger: Ledger
  readonly tally: Tally
  readonly app: SimulatedApp
  /** What those transactions did that somebody else decides about; undefined where it is not recorded. */
  readonly transcript: Transcript | undefined
  /** The probes of all sessions that ever were. */
  readonly probes: ReadonlyMap<string, Probe>
  /** Sessions of each machine. */
  sessionsOf(machine: Machine): readonly string[]
  /** Turns on one more machine, with empty places. Without `isOnline` it has no way to the relay. */
  addMachine(places: number, isOnline?: boolean): Machine
  /** At which of their calls parties die. */
  readonly calls: Calls
  /** What is going to mend itself: each prevents that. */
  readonly mending: Set<() => void>
  /** The numbers of what some tab has listed as refused, itself or with what it was built on. */
  readonly fallen: ReadonlySet<number>
  /** The run of the relay in which the operator is about to adopt something. */
  adopting: ReturnType<Host['running']>
  /** Browsers of whose disks something was damaged. */
  readonly damaged: Set<string>
  /** Errors that stores may report, by code. */
  readonly allowed: ReadonlySet<string>
  /** The relay has come back from a backup that has not these Changes. */
  loseOnRelay(records: readonly Uint8Array[]): void
  /** How often it has. */
  restorations(): number
  /** How many Changes of a session may be there twice: the relay had them, lost them, and refused them when they came again, so that they were authored again, and somebody may have brought back what they were. */
  mostTwice(session: string): number
  /** Whether the relay takes back what it has lost, however much that is. */
  readonly takesJoins: boolean
  /** Fails when a tab does not show what its browser was told is durable, of one session if that is named. */
  checkShown(machine: Machine, snapshot: Snapshot, refused: readonly RefusedChange[], only?: string): void
  /** Errors that stores may report from now on, by code. */
  allow(code: string): void
  /** The first promise that was broken. */
  failure(): Failure | undefined
  fail(failure: Failure): void
}

/** Whoever has closed holds nothing, and waits for no timer. */
export function reportHeld(fail: World['fail'], { party }: Life, holds: readonly string[]): void {
  if (holds.length > 0) fail({ check: 'leak', message: `${party} has closed, and still holds: ${holds.join(', ')}.` })
}

/** What the relay says of a Change that it refuses for no reason of the app's. */
export const SIMULATED_REFUSAL = { code: 'simulated', message: 'Refused by the simulation.' } as const

/** How a relay is run. */
export interface SimulatedRelay extends Pick<RelayOptions, 'limits' | 'refuse'> {
  /** Whether it keeps checkpoints for newcomers, which it makes at random paces and may have forgotten the newest of. */
  readonly keepsCheckpoints?: boolean
}

/** What a world is made of. */
export interface WorldPlan {
  readonly app: SimulatedApp
  /** How many tabs each browser has. */
  readonly tabs: readonly number[]
  readonly relay: SimulatedRelay
  readonly faults: Partial<Faults>
  /** Whether browsers have Web Locks. Default true. */
  readonly hasLocks?: boolean
  /** Whether transactions that somebody decides about also work on lists of the simulator. Then there is more to explore. */
  readonly isRecorded?: boolean
}

/** Makes a world with the relay running and all machines on; no tab is open. `remains` is what is left of one before it. */
export function createWorld(
  kernel: Kernel,
  { app, tabs, relay, faults, hasLocks = true, isRecorded = false }: WorldPlan,
  remains?: Remains,
): World {
  const { decider } = kernel
  const tally = createTally()
  const ledger = createLedger(remains?.deeds)
  const calls = createCalls({
    declined: (party) => tally.count(party === 'relay' ? 'relayQuota' : 'quota'),
    delayed: () => tally.count('storageDelay'),
  })
  const weather = createWeather(decider, faults)
  const network = createNetwork(kernel, weather, tally.count)
  const probes = new Map<string, Probe>()
  const sessions = new Map<Machine, string[]>()
  const machines: Machine[] = []
  const allowed = new Set(remains?.allowed)
  const fallen = new Set(remains?.fallen)
  const damaged = new Set(remains?.damaged)
  /** Sessions of which the relay had something that a backup has not. */
  const withLosses = new Set(remains?.deeds.flatMap(({ session, wasOnRelay }) => (wasOnRelay ? [session] : [])))
  let restorations = remains?.restorations ?? 0
  let failure: Failure | undefined

  const fail = (found: Failure): void => void (failure ??= found)
  const mayHaveLost = (session: string): boolean => damaged.has(browserOfSession(session))

  function mostTwice(session: string): number {
    const again = host.disk.refusedAgain()
    if (again.length === 0) return 0
    const own = new Set(ledger.deeds.flatMap((deed) => (deed.session === session ? [deed.number] : [])))
    return again.filter((number) => own.has(number)).length
  }

  /** Whether all that a session has done after one number, up to another, has fallen: it is listed as refused, and the relay has none of it. */
  function areFallen(session: string, after: number, upTo: number): boolean {
    const between = ledger.deeds.filter(
      (deed) => deed.session === session && deed.index !== undefined && deed.number > after && deed.number <= upTo,
    )
    if (!between.every(({ number }) => fallen.has(number))) return false
    const onRelay = host.disk.times(SPACE)
    return between.every(({ number }) => !onRelay.has(number))
  }

  /**
   * Whether something that a session has done has fallen of which a tab that lists this as refused has not been told yet; or has been, and shows still
   * what was built on it, up to a number: of that it will be told.
   */
  function isBetween(session: string, upTo: number, listed: ReadonlySet<unknown>): boolean {
    const own = new Map(ledger.deeds.flatMap((deed) => (deed.session === session ? [[deed.number, deed]] : [])))
    for (const { number } of own.values()) if (fallen.has(number) && !listed.has(number)) return true
    for (let deed = own.get(upTo); deed !== undefined; deed = own.get(deed.after ?? 0)) {
      if (fallen.has(deed.number)) return true
    }
    return false
  }

  const host = createHost(
    kernel,
    decider,
    network,
    createRelayDisk(weather, decider, calls, remains?.relay.batches),
    {
      ...(relay.limits !== undefined && { limits: relay.limits }),
      // Where it comes from is who it is.
      authenticate: (_credential, { address }) => ({ principal: address }),
      refuse(header, context) {
        const own = relay.refuse?.(header, context)
        const isOurs = own === undefined && (faults.refusal ?? 0) > 0 && decider.happens('refusal', faults.refusal!)
        if (own !== undefined) tally.count('refused by the app')
        const refused = own ?? (isOurs ? SIMULATED_REFUSAL : undefined)
        return refused
      },
    },
    relay.keepsCheckpoints === true
      ? createCheckpointDisk(decider, policiesOf(app), () => tally.count('checkpoint'))
      : undefined,
    remains?.relay,
  )

  function tabSide(machine: Machine, session: string): ReturnType<Parameters<typeof createMachine>[3]['tabSide']> {
    probes.set(session, probeOf(session))
    sessions.get(machine)!.push(session)
    const watch = createWatcher(session, {
      probes,
      app,
      mayHaveLost,
      wasOnRelay: (of) => withLosses.has(of),
      mostTwice,
      mayHaveGaps: () => damaged.has(machine.name),
      areFallen,
      maySeeLess: (of, upTo, listed) => browserOfSession(of) === machine.name && isBetween(of, upTo, listed),
      fail,
    })
    const told = promisedTo(machine)
    let isFirst = true
    return {
      onOpen: () => tally.count('opened'),
      onDemand: app.onDemand ?? [],
      compacts: (faults.compaction ?? 0) > 0,
      onCompacted: () => tally.count('compaction'),
      onSnapshot(snapshot, refused) {
        for (const { change } of refused) if (typeof change.meta === 'number') fallen.add(change.meta)
        if (isFirst) checkPrefix(machine, told, snapshot, refused)
        isFirst = false
        watch(snapshot, refused)
      },
      onError(error) {
        const code = codeOf(error)
        if (code !== undefined && allowed.has(code)) tally.count(`reported ${code}`)
        else fail({ check: 'error', message: `${session}: ${String(error)}`, cause: error })
      },
    }
  }

  /** Of each session of a browser, the newest of what it was told is durable. What comes after a tab has begun to open, that need not find. */
  function promisedTo(machine: Machine): readonly Deed[] {
    return ledger.deeds.filter(
      ({ browser, index, isDurable, mayBeLost }) =>
        browser === machine.name && index !== undefined && isDurable && !mayBeLost,
    )
  }

  /** What a tab finds when it opens: of what its browser was told is durable it shows everything, or lists it among what was refused. */
  function checkPrefix(
    machine: Machine,
    promised: readonly Deed[],
    snapshot: Snapshot,
    refused: readonly RefusedChange[],
  ): void {
    if (damaged.has(machine.name)) return
    const listed = new Set<unknown>(refused.map(({ change }) => change.meta))
    const shown = new Map<string, number>()
    for (const { session, number, action } of promised) {
      let upTo = shown.get(session)
      if (upTo === undefined) shown.set(session, (upTo = readMark(snapshot, probes.get(session)!).latest?.number ?? 0))
      if (number <= upTo || listed.has(number)) continue
      fail({
        check: 'prefix',
        message: `${machine.name} was told that what ${session} did as number ${number} ("${action}") is durable, and finds of it what was done up to number ${upTo}.`,
      })
    }
  }

  function loseOnRelay(records: readonly Uint8Array[]): void {
    restorations += 1
    const numbers = new Set<unknown>(records.map((record) => decodeChange(record).meta))
    for (const deed of ledger.deeds) {
      if (!numbers.has(deed.number)) continue
      deed.wasOnRelay = true
      withLosses.add(deed.session)
    }
  }

  function onFlushed({ name }: Machine): void {
    for (const deed of ledger.deeds) if (deed.browser === name && deed.isDurable) deed.isFlushed = true
  }

  function addMachine(places: number, isOnline = true): Machine {
    const name = `browser ${machines.length + 1}`
    const way = isOnline ? network.way(name) : undefined
    const before = remains?.machines[machines.length]
    const machine = createMachine(
      name,
      places,
      way,
      {
        kernel,
        weather,
        decider,
        tabSide,
        onGone: ({ life, holds }) => reportHeld(fail, life, holds()),
        calls,
        hasLocks,
        onFlushed,
      },
      before,
    )
    sessions.set(machine, [...(before?.names ?? [])])
    for (const session of before?.names ?? []) probes.set(session, probeOf(session))
    machines.push(machine)
    return machine
  }

  for (const places of tabs) addMachine(places)
  host.start()

  return {
    kernel,
    weather,
    machines,
    network,
    host,
    ledger,
    tally,
    app,
    transcript: isRecorded ? createTranscript(remains?.past, ledger.deeds) : undefined,
    probes,
    sessionsOf: (machine) => sessions.get(machine)!,
    addMachine,
    calls,
    mending: new Set(),
    fallen,
    adopting: undefined,
    damaged,
    allowed,
    loseOnRelay,
    restorations: () => restorations,
    mostTwice,
    takesJoins: relay.limits?.maxJoinBytes === undefined,
    checkShown(machine, snapshot, refused, only) {
      const told = promisedTo(machine).filter(({ session }) => only === undefined || session === only)
      checkPrefix(machine, told, snapshot, refused)
    },
    allow: (code) => void allowed.add(code),
    failure: () => failure,
    fail,
  }
}

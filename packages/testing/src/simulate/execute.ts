import { lww } from '@syncline/merge'
import { arbiterOf, type Readable } from '@syncline/stm'
import { brokenPromise } from './checks/relay-log.ts'
import { serialized } from './checks/serializable.ts'
import { createComparison, type Replica } from './checks/replicas.ts'
import type { Chronicle } from './chronicle.ts'
import type { Trace } from './decider.ts'
import type { Failure } from './failure.ts'
import { holdsAll } from './errands.ts'
import { createKernel, type Kernel } from './kernel.ts'
import { LET_GO_MS, type Machine } from './machine.ts'
import { checkCutOff } from './checks/cut-off.ts'
import { refusalOf } from './ledger.ts'
import { readMark } from './probes.ts'
import { browserOfSession, isCutOff, SPACE, type Tab } from './tab.ts'
import type { Report } from './report.ts'
import { planSteps } from './steps.ts'
import { mend } from './troubles.ts'
import { isWithin } from './watcher.ts'
import { createWorld, reportHeld, SIMULATED_REFUSAL, type World, type WorldPlan } from './world.ts'

/** What one schedule is made of. */
export interface SchedulePlan extends WorldPlan {
  /** How many things happen, actions and faults. */
  readonly steps: number
}

/** What one schedule was. */
export interface Execution {
  readonly counts: Readonly<Record<string, number>>
  readonly failure: Failure | undefined
  readonly chronicle: Chronicle
  report(): Report
}

/** How often somebody comes in the end who has nothing. It costs as much as a fifth of a schedule. */
const NEWCOMERS = 0.25

/** Longer than any message is on its way, through partitions and delays. */
const LAST_MESSAGES_MS = 600_000

/** How long all may take to come to rest when nothing is wrong any more. */
const REST_MS = 600_000

/**
 * Runs one schedule: of a seed, or of what was decided before. Does not throw for what the system does. Without `isTold` what happened in it is
 * not written down: its chronicle is empty, and its digest says nothing.
 */
export async function execute(plan: SchedulePlan, from: number | Trace, isTold = true): Promise<Execution> {
  const kernel = createKernel(from, { isTold })
  const world = createWorld(kernel, { ...plan, isRecorded: true })
  await attempt(world, () => live(world, plan))
  const { counts } = world.tally
  return { counts, failure: world.failure(), chronicle: kernel.chronicle, report: () => reportOf(world) }
}

/** Runs something in a world. What it throws is a failure of that world. */
export async function attempt(world: World, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    world.fail({ check: 'error', message: String(error), cause: error })
  }
}

/** What came of a schedule. */
export function reportOf({ kernel, tally }: World): Report {
  const { decider, chronicle } = kernel
  return {
    seed: decider.seed,
    trace: decider.trace(),
    digest: chronicle.digest(),
    counts: { ...tally.counts },
    events: kernel.steps(),
    virtualMs: kernel.nowMs(),
  }
}

async function live(world: World, plan: SchedulePlan): Promise<void> {
  const { kernel } = world
  const people = begin(world, plan)
  while (!people.isOver && world.failure() === undefined)
    await kernel.pass(10_000, () => people.isOver || world.failure() !== undefined)
  if (world.failure() !== undefined) return
  await judge(world)
}

/** Opens all tabs, and plans what happens. */
export function begin(world: World, plan: SchedulePlan): { readonly isOver: boolean } {
  for (const machine of world.machines) for (const place of machine.tabs.keys()) machine.open(place)
  return planSteps(world, plan.faults, plan.steps)
}

/** Lets everything come to rest, compares what all have then, and closes it. */
export async function judge(world: World): Promise<void> {
  for (const step of [rest, decide, compare, reload, leave]) {
    await step(world)
    if (world.failure() !== undefined) return
  }
}

/** A Change is refused when somebody has been told so: then it is on a list, for those of the relay's transactions are told to who asked. */
function countRefused({ machines, tally }: World): void {
  const refused = new Set<string>()
  for (const { tabs } of machines) {
    for (const tab of tabs) {
      for (const { id, code, message } of tab?.store()?.refused.list() ?? []) {
        // Not those that have fallen with it.
        if (code === SIMULATED_REFUSAL.code && message === SIMULATED_REFUSAL.message) refused.add(id)
      }
    }
  }
  if (refused.size > 0) tally.count('refusal', refused.size)
}

/** Mends everything and waits until it has come to rest, with all in memory that anybody has on demand. */
export async function rest(world: World): Promise<void> {
  const { kernel, host } = world
  const latestLostMs = host.disk.latestLostMs()
  // What was stamped by a clock that was ahead is not taken back before the relay's clock is there.
  const waitMs = REST_MS + (latestLostMs === 0 ? 0 : Math.max(0, latestLostMs - host.clock.nowMs()))
  const endMs = kernel.nowMs() + waitMs
  for (;;) {
    mend(world)
    if ((isAtRest(world) && holdsAll(world)) || world.failure() !== undefined) return
    if (kernel.nowMs() >= endMs) {
      const busy = world.machines.flatMap(({ tabs }) => tabs.map((tab) => `${tab?.life.party}: ${statusOf(tab)}`))
      world.fail({
        check: 'progress',
        message: `Nothing has been wrong for ${waitMs} ms, and there is no rest. ${busy.join('; ')}.`,
      })
      return
    }
    await kernel.pass(500)
  }
}

function statusOf(tab: Machine['tabs'][number]): string {
  const status = tab?.store()?.status
  if (status === undefined) return 'opening'
  return `${JSON.stringify({ ...tab!.store()!.snapshot.basis, writers: [...tab!.store()!.snapshot.basis.writers] })} ${status.link}, ${status.pending} pending, ${status.unsaved} unsaved, storage ${status.storage}${status.problem ? ` (${status.problem.code})` : ''}`
}

/** Whether every tab has all of the relay's log and of its browser's, and nothing that the relay does not have. */
function isAtRest({ machines, host, damaged, ledger, ...world }: World): boolean {
  // What a browser that is cut off has asked waits for as long as that is so.
  const linked = machines.filter(({ tabs }) => !tabs.some((tab) => tab !== undefined && isCutOff(tab)))
  const open = new Set(linked.flatMap(({ tabs }) => tabs.map((tab) => tab?.life.party)))
  if (ledger.deeds.some(({ isUndecided, session }) => isUndecided && open.has(session))) return false
  const restorations = world.restorations()
  const head = host.disk.records(SPACE).length
  return machines.every(({ name, tabs, way, browser }) => {
    // Of what was damaged a basis does not say that it is here again.
    if (damaged.has(name) && browser().indexedDb.underWay() > 0) return false
    const shared = tabs[0]?.store()?.snapshot.basis
    // What a tab has done that is cut off cannot be sent before it is gone.
    const mayWait = tabs.some((tab) => tab !== undefined && isCutOff(tab))
    return tabs.every((tab) => {
      const store = tab?.store()
      if (store === undefined || tab!.isClosing()) return false
      const { status, snapshot } = store
      const { basis } = snapshot
      const knowsOther = basis.relaySeq !== shared!.relaySeq || basis.epoch !== shared!.epoch
      if (status.unsaved > 0) return false
      // Of two that know the same of the relay. Who is cut off need not take in any more what others of its browser do.
      const mayDiffer = knowsOther || isCutOff(tab!) || isCutOff(tabs[0]!)
      if (!mayDiffer && !equalSeqs(basis.writers, shared!.writers)) return false
      if (way === undefined) return true
      // What was found damaged is told for as long as the store is open.
      if (status.storage !== 'ok' && !(status.storage === 'damaged' && damaged.has(name))) return false
      if (isCutOff(tab!)) return status.link === 'waiting'
      // Who has not noticed yet that the relay was another one may be as far by chance.
      const isThere = basis.relaySeq === head && (restorations === 0 || host.disk.stands(SPACE, basis))
      if (status.problem?.code === 'unadopted') return false
      return status.link === 'online' && (status.pending === 0 || mayWait) && isThere
    })
  })
}

function equalSeqs(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([writer, seq]) => other.get(writer) === seq)
}

/** Where something was adopted the relay decides by that, as those who ask it do. */
async function decide(world: World): Promise<void> {
  const { kernel, tally, app } = world
  const isAdopted = Object.keys(tally.counts).some((what) => what.startsWith('adopted'))
  const store = tabsOf(world)
    .find((tab) => !isCutOff(tab) && tab.store()?.status.link === 'online')
    ?.store()
  if (!isAdopted || store === undefined) return
  const decided = Object.values(app.refs).filter((readable) => arbiterOf(readable) === 'relay')
  let found: unknown
  const asked = store.transactAsync<void, 'relay'>(
    (tx) => {
      for (const readable of decided) tx.get(readable as Readable<unknown>)
      tx.set(lastWord, 'decided')
    },
    { arbiter: 'relay' },
  )
  const isOver = passUntil(kernel, [asked.then(undefined, (error: unknown) => void (found = error))])
  if (!(await isOver) || (found !== undefined && refusalOf(found) !== SIMULATED_REFUSAL.code))
    world.fail({ check: 'progress', message: `The relay does not decide any more: ${String(found)}` })
  await rest(world)
}

const lastWord = lww('simulation_last', '', { arbiter: 'relay' })

/** All show the same, also somebody who comes now and has nothing; and nothing that was promised is missing. */
export async function compare(world: World): Promise<void> {
  const before = [...world.machines]
  const isAnyoneCutOff = tabsOf(world).some(isCutOff)
  if (world.kernel.decider.happens('newcomer', NEWCOMERS) || isAnyoneCutOff) {
    world.addMachine(1).open(0)
    await rest(world)
    if (world.failure() !== undefined) return
  }
  const differ = createComparison(world.app, world.probes)
  // A machine without a place for a tab is off.
  const on = (machines: readonly Machine[]): readonly Machine[] => machines.filter(({ tabs }) => tabs.length > 0)
  // The newest machine: it knows nothing but what the relay has told it.
  const last = replicaOf(on(world.machines).at(-1)!, 0)
  for (const machine of on(before)) {
    const shared = replicaOf(machine, 0)
    for (const place of machine.tabs.keys()) {
      const replica = place === 0 ? shared : replicaOf(machine, place)
      // What a browser knows that is cut off, only it knows.
      const isApart = machine.tabs.some((tab) => isCutOff(tab!))
      const message = isApart
        ? checkCutOff(world, machine, place, last, differ)
        : (differ(last, replica, false) ?? differ(shared, replica, true))
      if (message !== undefined) world.fail({ check: 'convergence', message: `${message}.` })
    }
  }
  const torn = tornSession(world, last)
  if (torn !== undefined) world.fail(torn)
  if (world.host.disk.counting(SPACE).covers.length > 0) world.tally.count('joined')
  const broken = brokenPromise(world)
  if (broken !== undefined) world.fail(broken)
  checkTranscript(world, on(before), last)
}

/** What the relay has of a session is all that this has done, without a gap: whatever was refused of it, nobody has seen. */
function tornSession({ probes, damaged, mostTwice }: World, { party, snapshot }: Replica): Failure | undefined {
  for (const [session, probe] of probes) {
    const { latest, count } = readMark(snapshot, probe)
    const isWhole = isWithin(count, latest?.index ?? 0, () => mostTwice(session))
    if (isWhole || damaged.has(browserOfSession(session))) continue
    const message = `In the end ${party} sees ${count} Changes of ${session} and the mark of the ${latest?.index ?? 0}th.`
    return { check: 'atomicity', message }
  }
  return undefined
}

function tabsOf({ machines }: World): Tab[] {
  return machines.flatMap(({ tabs }) => tabs.flatMap((tab) => tab ?? []))
}

/** Who is cut off comes again: what it knew it still knows, and so it is again, unless it was its memory alone that knew it. */
async function reload(world: World): Promise<void> {
  if (!tabsOf(world).some(isCutOff)) return
  const closed = world.machines.flatMap((machine) =>
    machine.tabs.flatMap((tab, place) => (tab !== undefined && isCutOff(tab) ? machine.close(place) : [])),
  )
  world.tally.count('cut off', closed.length)
  if (!(await passUntil(world.kernel, closed)))
    world.fail({ check: 'leak', message: `Of ${closed.length} stores not all close.` })
  for (const step of [rest, compare]) if (world.failure() === undefined) await step(world)
  if (world.failure() === undefined) checkTakenBack(world)
}

/** What was lost once comes back from whoever knows it, whatever they were doing at that time. Of what was lost after that, nobody may have all. */
function checkTakenBack(world: World): void {
  if (world.restorations() > 1 || world.damaged.size > 0 || !world.takesJoins) return
  for (const tab of tabsOf(world)) {
    if (!isCutOff(tab)) continue
    const message = `${tab.life.party} is cut off, although the relay has lost something only once.`
    world.fail({ check: 'convergence', message })
  }
}

/** What the relay, and each browser, has decided about could have been one after the other, with what is there now at the end. */
function checkTranscript(
  { transcript, tally, damaged, fail }: World,
  machines: readonly Machine[],
  fresh: Replica,
): void {
  if (transcript === undefined) return
  const histories = [
    { arbiter: 'relay', name: 'the relay', history: transcript.history('relay', fresh.snapshot) },
    // What a browser has decided about is nowhere else.
    ...machines
      .filter(({ name }) => !damaged.has(name))
      .map((machine) => ({
        arbiter: 'browser',
        name: machine.name,
        history: transcript.history({ browser: machine.name }, replicaOf(machine, 0).snapshot),
      })),
  ]
  for (const { arbiter, name, history } of histories) {
    const { failure, dependencies } = serialized(name, history)
    if (dependencies > 0) tally.count(`${arbiter} dependencies`, dependencies)
    if (failure !== undefined) fail(failure)
  }
}

function replicaOf(machine: Machine, place: number): Replica {
  const { life, store } = machine.tabs[place]!
  return { party: life.party, snapshot: store()!.snapshot }
}

/** Closes all in good order: nothing is held then. */
async function leave(world: World): Promise<void> {
  countRefused(world)
  const { kernel, machines, host, network, fail } = world
  const tabs = machines.flatMap((machine) => machine.tabs.filter((tab) => tab !== undefined))
  const closed = tabs.map((tab) => tab.close())
  if (!(await passUntil(kernel, closed))) fail({ check: 'leak', message: `Of ${tabs.length} stores not all close.` })
  // What was let go needs a moment to be gone. They still live: what ends with them would not be seen.
  await kernel.pass(Math.max(...machines.map(({ letGoMs }) => letGoMs)))
  for (const { life, holds } of tabs) reportHeld(fail, life, holds())
  for (const machine of machines) for (const place of machine.tabs.keys()) machine.kill(place)
  const running = host.running()
  if (running !== undefined) {
    if (!(await passUntil(kernel, [running.relay.close()])))
      fail({ check: 'leak', message: 'The relay does not close.' })
    await kernel.pass(LET_GO_MS)
    reportHeld(fail, running.life, running.life.holds())
  }
  host.kill()
  // What is on its way arrives, and finds nobody.
  await kernel.pass(LAST_MESSAGES_MS)
  for (const { name, browser } of machines) {
    const held = Object.entries(browser().held()).filter(([, count]) => count > 0)
    if (held.length > 0)
      fail({ check: 'leak', message: `${name} still holds ${JSON.stringify(Object.fromEntries(held))}.` })
  }
  if (network.size() > 0) fail({ check: 'leak', message: `${network.size()} connections are still there.` })
  const left = kernel.enabled().map(({ party, label }) => `${party}: ${typeof label === 'string' ? label : label()}`)
  if (left.length > 0) fail({ check: 'leak', message: `Still to come: ${left.join(', ')}.` })
}

/** Lets time pass until all is done; false when that does not come. */
async function passUntil(kernel: Kernel, work: readonly Promise<unknown>[]): Promise<boolean> {
  let isDone = false
  void Promise.all(work).then(() => (isDone = true))
  for (let i = 0; i < 100 && !isDone; i++) await kernel.pass(1000, () => isDone)
  return isDone
}

import type { Receipt } from '@syncline/store'
import type { Basis } from '@syncline/stm'
import type { ActionChance, AnyAction, SimulatedApp } from './app.ts'
import type { Decider } from './decider.ts'
import { codeOf, refusalOf } from './ledger.ts'
import type { Machine } from './machine.ts'
import { hasAppWritten, leaveMark } from './probes.ts'
import { isCutOff, SPACE, type Tab } from './tab.ts'
import type { Testimony } from './transcript.ts'
import { SIMULATED_REFUSAL, type World } from './world.ts'

/** An action with its name. */
export interface NamedAction {
  readonly name: string
  readonly weight: number
  readonly action: AnyAction
}

export function actionsOf({ actions }: SimulatedApp): NamedAction[] {
  return Object.entries(actions).map(([name, given]) => {
    const action: AnyAction = typeof given === 'function' ? { body: given } : given
    return { name, weight: action.weight ?? 1, action }
  })
}

/** Lets a tab do something. `stream` is where its chance comes from. */
export function act(world: World, machine: Machine, tab: Tab, { name, action }: NamedAction, stream: string): void {
  const { ledger, tally, probes, transcript } = world
  const { life } = tab
  const store = tab.store()
  if (store === undefined) return
  const session = life.party
  const deed = ledger.begin(session, machine.name, name)
  world.kernel.note({ party: session, kind: 'deed', label: `${deed.number}: ${name}` })
  const chance = createChance(world.kernel.decider, stream, deed.number)
  const isHeard = (): boolean => !life.isOver()
  const basis = (): Basis => store.snapshot.basis
  // Whoever knows nothing that the relay has not depends on no other log, whatever it was told of what its siblings know.
  deed.isCutOff = isCutOff(tab) && !world.host.disk.holds(SPACE, basis())
  const { durability = 'relaxed' } = action
  const options = { meta: deed.number, durability }
  switch (action.arbiter) {
    case undefined:
    case 'local': {
      const { body } = action
      try {
        const receipt = store.transact((tx) => {
          const result = body(tx, chance.again())
          if (result instanceof Promise) throw new TypeError(`The action "${name}" awaits: say which arbiter decides.`)
          Object.assign(deed, leaveMark(tx, session, deed.number, probes, world.kernel.decider))
        }, options)
        tally.count('actions')
        follow(receipt)
      } catch (error) {
        deed.index = undefined
        decline(error)
      }
      return
    }
    case 'browser': {
      const { body } = action
      const testimony = transcript?.begin('browser', deed)
      hear(
        'browser',
        store.transactAsync<void, 'browser'>(
          (tx) => {
            const own = chance.again()
            const run = (): void | Promise<void> => body(tx, own)
            return testimony === undefined ? run() : testimony.onBrowser(tx, own, run)
          },
          { ...options, arbiter: 'browser' },
        ),
        testimony,
      )
      return
    }
    case 'relay': {
      const { body } = action
      deed.isAsked = true
      const testimony = transcript?.begin('relay', deed)
      hear(
        'relay',
        store.transactAsync<void, 'relay'>(
          (tx) => {
            const own = chance.again()
            const run = (): void | Promise<void> => body(tx, own)
            return testimony === undefined ? run() : testimony.onRelay(tx, own, run)
          },
          { ...options, arbiter: 'relay' },
        ),
        testimony,
      )
    }
  }

  function hear(arbiter: 'browser' | 'relay', done: Promise<Receipt<void>>, testimony: Testimony | undefined): void {
    tally.count(`${arbiter} actions`)
    deed.isUndecided = arbiter === 'relay'
    const decided = (): void => void (deed.isUndecided = false)
    done.then(decided, decided)
    done.then(
      (receipt) => {
        if (!isHeard()) return
        tally.count(`${arbiter} commits`)
        follow(receipt)
        if (arbiter === 'relay') testimony?.ok()
        // A tab without storage commits in its own memory, and says of that that it is not durable.
        else
          receipt.durable().then(
            () => void (isHeard() && testimony?.ok()),
            () => undefined,
          )
      },
      (error: unknown) => {
        if (!isHeard()) return
        // Who closes while it is being decided is not told what becomes of it.
        if (codeOf(error) !== 'closed') testimony?.fail()
        if (refusalOf(error) === SIMULATED_REFUSAL.code) tally.count('refusal')
        decline(error)
      },
    )
  }

  function follow(receipt: Receipt<unknown>): void {
    if (hasAppWritten(receipt.change?.ops ?? [])) tally.count('changes')
    // What the relay decides about is on its disk.
    ledger.follow(deed, receipt, isHeard, basis, durability === 'strict' && action.arbiter !== 'relay')
  }

  /** What the app or the store does not allow, or what cannot be done just now, is no failure of the system. */
  function decline(error: unknown): void {
    const code = codeOf(error)
    if (code === undefined)
      world.fail({ check: 'error', message: `${session} in "${name}": ${String(error)}`, cause: error })
    else tally.count(`declined ${code}`)
  }
}

/** Draws the same again for each attempt of a body. */
function createChance(decider: Decider, stream: string, number: number): { again(): ActionChance } {
  const drawn: number[] = []
  return {
    again() {
      let at = 0
      let names = 0
      const draw = (below: number): number => ((drawn[at] ??= decider.choose(stream, below)), drawn[at++]! % below)
      return {
        below: draw,
        pick: (of) => of[draw(of.length)]!,
        happens: (rate) => draw(1000) >= 1000 - rate * 1000,
        unique: () => `${number}.${++names}`,
      }
    },
  }
}

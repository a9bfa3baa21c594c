import { act, actionsOf, type NamedAction } from './acting.ts'
import type { FaultName, Faults } from './faults.ts'
import { tell, troubles } from './troubles.ts'
import type { World } from './world.ts'

/** How long after the step before a step comes. */
const GAPS_MS = [1, 1, 3, 10, 30, 100, 400, 2000]

/** One in so many. */
const WHOLE = 10_000

/**
 * Plans the steps of a schedule, one after the other: each is an action of somebody, or a fault. Each decides in a stream of its own, whose first
 * decision is what it is; 0 is nothing. So a step can be left out and all others stay what they were.
 */
export function planSteps(world: World, faults: Partial<Faults>, steps: number): { readonly isOver: boolean } {
  const { kernel } = world
  const menu = menuOf(actionsOf(world.app), faults)
  let isOver = steps === 0

  function plan(step: number): void {
    const stream = `step ${step}`
    const draw = (below: number): number => kernel.decider.choose(stream, below)
    const share = draw(WHOLE)
    const chosen = share === 0 ? undefined : menu.find(({ upTo }) => share < upTo)
    kernel.plan({
      party: 'people',
      kind: 'action',
      label: chosen === undefined ? 'nothing' : (chosen.fault ?? chosen.action.name),
      inMs: GAPS_MS[draw(GAPS_MS.length)]!,
      run() {
        if (chosen?.fault !== undefined) {
          const party = troubles[chosen.fault]!(world, draw)
          if (party !== undefined) tell(world, party, chosen.fault)
        } else if (chosen !== undefined) doSomething(chosen.action, draw, stream)
        if (step + 1 < steps) plan(step + 1)
        else isOver = true
      },
    })
  }

  function doSomething(action: NamedAction, draw: (below: number) => number, stream: string): void {
    const working = world.machines.flatMap((machine) =>
      machine.tabs.flatMap((tab) =>
        tab?.store() === undefined || tab.life.isFrozen() || tab.life.isOver() ? [] : [{ machine, tab }],
      ),
    )
    if (working.length === 0) return
    const { machine, tab } = working[draw(working.length)]!
    act(world, machine, tab, action, stream)
  }

  if (!isOver) plan(0)
  return {
    get isOver() {
      return isOver
    },
  }
}

type Choice =
  | { readonly upTo: number; readonly fault: FaultName; readonly action?: undefined }
  | { readonly upTo: number; readonly fault?: undefined; readonly action: NamedAction }

/** What a step may be, each with its share. */
function menuOf(actions: readonly NamedAction[], faults: Partial<Faults>): Choice[] {
  const menu: Choice[] = []
  let upTo = 1
  for (const [name, rate] of Object.entries(faults)) {
    // The keys of `Faults` are what it says.
    const fault = name as FaultName
    if (troubles[fault] === undefined) continue
    menu.push({ upTo: (upTo += rate * WHOLE), fault })
  }
  const weights = actions.reduce((sum, { weight }) => sum + weight, 0)
  const left = WHOLE - upTo
  for (const action of actions) menu.push({ upTo: (upTo += (left * action.weight) / weights), action })
  return menu
}

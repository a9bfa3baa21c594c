import { act, actionsOf } from './acting.ts'
import { errands } from './errands.ts'
import type { FaultName, Faults } from './faults.ts'
import type { Machine } from './machine.ts'
import type { Tab } from './tab.ts'
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
  const menu = menuOf(world, faults)
  let isOver = steps === 0

  function plan(step: number): void {
    const stream = `step ${step}`
    const draw: Draw = (below) => kernel.decider.choose(stream, below)
    const share = draw(WHOLE)
    const chosen = share === 0 ? undefined : menu.find(({ upTo }) => share < upTo)
    kernel.plan({
      party: 'people',
      kind: 'action',
      label: chosen?.label ?? 'nothing',
      inMs: GAPS_MS[draw(GAPS_MS.length)]!,
      run() {
        chosen?.run(draw, stream)
        if (step + 1 < steps) plan(step + 1)
        else isOver = true
      },
    })
  }

  if (!isOver) plan(0)
  return {
    get isOver() {
      return isOver
    },
  }
}

type Draw = (below: number) => number

/** What a step may be. */
interface Choice {
  readonly upTo: number
  readonly label: string
  run(draw: Draw, stream: string): void
}

/** What a step may be, each with its share. */
function menuOf(world: World, faults: Partial<Faults>): Choice[] {
  const actions = actionsOf(world.app)
  const doAny = (machine: Machine, tab: Tab, draw: Draw, stream: string): void =>
    act(world, machine, tab, actions[draw(actions.length)]!, stream)
  const menu: Choice[] = []
  let upTo = 1
  for (const [name, rate] of Object.entries(faults)) {
    // The keys of `Faults` are what it says.
    const fault = name as FaultName
    const happen = troubles[fault]
    if (happen === undefined) continue
    menu.push({
      upTo: (upTo += rate * WHOLE),
      label: fault,
      run(draw) {
        const party = happen(world, draw)
        if (party !== undefined) tell(world, party, fault)
      },
    })
  }
  const people = WHOLE - upTo
  for (const [label, { share, run }] of Object.entries(world.app.onDemand === undefined ? {} : errands)) {
    menu.push({
      upTo: (upTo += people * share),
      label,
      run(draw, stream) {
        withSomebody(world, draw, (machine, tab) => {
          const act = (): void => doAny(machine, tab, draw, stream)
          run({ world, tab, draw, act })
        })
      },
    })
  }
  const weights = actions.reduce((sum, { weight }) => sum + weight, 0)
  const left = WHOLE - upTo
  for (const action of actions) {
    menu.push({
      upTo: (upTo += (left * action.weight) / weights),
      label: action.name,
      run: (draw, stream) => withSomebody(world, draw, (machine, tab) => act(world, machine, tab, action, stream)),
    })
  }
  return menu
}

/** Somebody does something, in a tab that works. */
function withSomebody({ machines }: World, draw: Draw, run: (machine: Machine, tab: Tab) => void): void {
  const working = machines.flatMap((machine) =>
    machine.tabs.flatMap((tab) =>
      tab?.store() === undefined || tab.life.isFrozen() || tab.life.isOver() ? [] : [{ machine, tab }],
    ),
  )
  if (working.length === 0) return
  const { machine, tab } = working[draw(working.length)]!
  run(machine, tab)
}

import { StmError, type Actions, type Agent, type DeclaredEffect, type Effect } from '@syncline/stm'
import type { Committing } from './committing.ts'
import type { Core } from './core.ts'
import { StoreError } from './errors.ts'
import { createLane } from './lane.ts'
import type { LiveAgent } from './live-agent.ts'
import { createLiveAgent, type OwnedAgent } from './owned-agent.ts'
import type { Transacting } from './transacting.ts'

/** The agents of one open store. What is sent to them is kept in memory: it is done by the tab that sent it, once, or not at all. */
export interface Agents {
  /** The agent at work. The same object for the same name. */
  live<S, M extends Actions>(agent: Agent<S, M>): LiveAgent<S, M>
  /** Throws when one of these is a send to an agent that takes nothing: before the transaction commits. */
  check(effects: readonly DeclaredEffect[]): void
  /** Hands the sends among the effects of a commit to their agents. Other effects are left alone. */
  deliver(effects: readonly Effect[]): void
}

/** Makes the agents of one open store. */
export function createAgents(core: Core, committing: Committing, transacting: Transacting): Agents {
  const lane = createLane(core.clock)
  const agents = new Map<string, OwnedAgent>()

  core.closing.add(() => {
    lane.close()
    for (const agent of agents.values()) agent.close()
  })

  function own(agent: Agent): OwnedAgent {
    const known = agents.get(agent.name)
    if (known === undefined) {
      const made = createLiveAgent(agent, core, transacting, lane, assertOutside)
      agents.set(agent.name, made)
      return made
    }
    if (known.refKey !== agent.ref.key) {
      throw new StoreError(
        'agent-clash',
        `There is an agent "${agent.name}" on "${known.refKey}" already, so there cannot be one on "${agent.ref.key}". Give it another name.`,
      )
    }
    known.redefine(agent)
    return known
  }

  function assertOutside(what: string): void {
    if (!committing.isRunning()) return
    throw new StmError(
      'io-in-transaction',
      `${what} in the body of a transaction is not possible: the body may run again. Declare what is to be sent by tx.send().`,
    )
  }

  return {
    // An agent is owned by the type that it was made with.
    live: <S, M extends Actions>(agent: Agent<S, M>) => own(agent as unknown as Agent) as unknown as LiveAgent<S, M>,
    check(effects) {
      for (const { to } of effects) if (to !== undefined) own(to.agent).assertTaking()
    },
    deliver(effects) {
      for (const { handler, input } of effects) {
        const [, name, action] = SEND.exec(handler) ?? []
        if (name !== undefined) agents.get(name)?.take(action!, input)
      }
    },
  }
}

/** The name of an effect that is a send. */
const SEND = /^agent:([^/]+)\/([^/]+)$/

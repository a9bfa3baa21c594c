import { createAgents } from './agents.ts'
import { createBrowserArbitration } from './browser-commit.ts'
import { createCompacting } from './compaction.ts'
import type { Core } from './core.ts'
import { assertOpen, StoreError } from './errors.ts'
import { createHandles } from './handles.ts'
import { createMixedWriter } from './mixed-writer.ts'
import { createOnDemand } from './on-demand.ts'
import type { Part } from './part.ts'
import type { Presence } from './presence.ts'
import { createPulse } from './pulse.ts'
import { createRelayCommit } from './relay-commit.ts'
import { linked, peering } from './store-link.ts'
import { createTabTurns } from './tab-turns.ts'
import { transacting } from './transacting.ts'
import { createUndoing } from './undoing.ts'
import { createValidity } from './validity.ts'

// Each is a plain object and brings nothing until a store is opened with it, so that who bundles an app leaves out what it does not name.

/** Schemas, sizes and upgrades of refs; invariants. */
export const validity: Part<'read' | 'onViolation' | 'invariant'> = {
  name: 'validity',
  bring(core) {
    const judging = createValidity(() => core.replica.memory.snapshot, core.onError)
    core.validity = judging
    return {
      read: (ref) => core.replica.memory.snapshot.read(ref),
      onViolation(of, listener) {
        assertOpen(core)
        return judging.onViolation(Array.isArray(of) ? of : [of], listener)
      },
      invariant(name, check, how) {
        assertOpen(core)
        return judging.invariant(name, check, how)
      },
    }
  },
}

/** `undo` and `redo` of this tab's own transactions. */
export const undo: Part<'undo' | 'redo' | 'undoAsync' | 'redoAsync' | 'undoStack'> = {
  name: 'undo',
  bring(core) {
    const undoing = createUndoing(core, core.committing)
    core.undoing = undoing
    return {
      undo: () => undoing.stack('').undo(),
      redo: () => undoing.stack('').redo(),
      undoAsync: (how) => undoing.stack('').undoAsync(how),
      redoAsync: (how) => undoing.stack('').redoAsync(how),
      undoStack: (scope = '') => undoing.stack(scope),
    }
  },
}

/** Keeps what this device stores small, however much is written. */
export const compaction: Part = {
  name: 'compaction',
  bring(core) {
    core.compacting = createCompacting(core)
    return {}
  },
}

/** Transactions whose bodies await. */
export const asyncTransactions: Part<'transactAsync'> = {
  name: 'asyncTransactions',
  bring: (core) => ({ transactAsync: core.use(transacting).transactAsync }),
}

/** Commits on `browser` refs, and transactions that await. */
export const browserRefs: Part<'transactAsync'> = {
  name: 'browserRefs',
  bring(core) {
    core.use(browserCommits)
    return asyncTransactions.bring(core)
  },
}

function browserCommits(core: Core): void {
  const { locks, clock, committing } = core
  const mixed = createMixedWriter(core.replica, locks, core.chance)
  const turns = createTabTurns(locks, core.space, clock, () => core.tell({ type: 'turns' }), core.onError)
  core.letGo = mixed.tend
  core.on('turns', turns.heard)
  core.leaving.add(() => {
    mixed.close()
    turns.close()
  })
  core.arbitrations.browser = createBrowserArbitration(core, committing, mixed, turns, () => {
    core.touchStatus()
    core.link.wake()
  })
}

/** Commits on `relay` refs, and transactions that await. Brings the link along. */
export const relayRefs: Part<'transactAsync' | 'connect' | 'disconnect'> = {
  name: 'relayRefs',
  bring(core) {
    const { linking, posting } = core.use(linked)
    const pulse = createPulse(core.locks, core.chance)
    core.leaving.add(pulse.close)
    if (core.options.transport !== undefined) {
      core.arbitrations.relay = createRelayCommit(core, {
        committing: core.committing,
        posting,
        pulse,
        isLasting: core.isLasting,
        isReachable: linking.isReachable,
        onReach: linking.onReach,
        wake: core.link.wake,
      })
    }
    return { ...asyncTransactions.bring(core), ...link.bring(core) }
  },
}

/** `open` and `delete` of refs. */
export const handles: Part<'open' | 'delete'> = {
  name: 'handles',
  bring(core) {
    core.use(browserCommits)
    return createHandles(core, core.locks, core.committing, core.use(transacting))
  },
}

/** Agents at work, and sends to them. */
export const agents: Part<'agent'> = {
  name: 'agents',
  bring(core) {
    const made = createAgents(core, core.committing, core.use(transacting))
    core.agents = made
    return { agent: made.live }
  },
}

/** The link to the relay, over a transport. */
export const link: Part<'connect' | 'disconnect'> = {
  name: 'link',
  bring(core) {
    const { linking } = core.use(linked)
    return {
      connect() {
        assertOpen(core)
        linking.want(true)
      },
      disconnect() {
        assertOpen(core)
        linking.want(false)
      },
    }
  },
}

/** `load` and the option `onDemand`: data that is not in memory before it is asked for. */
export const onDemand: Part<'load' | 'isLoaded'> = { name: 'onDemand', bring: createOnDemand }

/** Who else is here: what the option `presence` makes, carried to the other tabs and, with a link, to everybody. */
export const presence: Part<'presence'> = {
  name: 'presence',
  bring(core) {
    const { port } = core.use(peering)
    let made: Presence | undefined
    core.starting.add(() => (made = core.options.presence?.(port)))
    core.parting.add(() => made?.close())
    return {
      get presence() {
        if (made !== undefined) return made
        throw new StoreError(
          'no-presence',
          'This store was opened without presence. Pass `presence: yjsPresence()` of @syncline/yjs to openStore().',
        )
      },
    }
  },
}

import type { Brought } from './core.ts'
import { partMissing } from './errors.ts'
import type { LinkState } from './link.ts'
import type { StoreLink } from './store-link.ts'

// What stands where a part is absent. It does nothing, or refuses what would go unheeded otherwise. The commit path calls it as it calls the
// part, so that it need not ask what is there.

/** Without `agents` nobody takes what is sent. */
export const noAgents: Brought['agents'] = {
  check(effects) {
    for (const { to } of effects) if (to !== undefined) throw partMissing('agents', `Sending to "${to.agent.name}"`)
  },
  deliver: nothing,
}

/** Without `validity` a ref that limits what may be written cannot be written. */
export const noValidity: Brought['validity'] = {
  rules: {
    judge(writes) {
      for (const { ref } of writes) {
        const { schema, maxBytes, upgrade } = ref.options
        const option = schema ? 'schema' : maxBytes ? 'maxBytes' : upgrade ? 'upgrade' : undefined
        if (option !== undefined) throw partMissing('validity', `The ${option} of "${ref.address}"`)
      }
      return noReadables
    },
  },
  refOf: nothing,
  judgeOps: nothing,
  isIdle: () => true,
  note: nothing,
  look: nothing,
  close: nothing,
}

/** Without `undo` nothing is kept that could be taken back. What other tabs have kept stays with their Changes. */
export const noUndoing: Brought['undoing'] = {
  check(mark) {
    if (mark !== false) throw partMissing('undo', 'The option `undo` of a transaction')
  },
  marked: (mark) => mark,
  typed: () => false,
  note: nothing,
  hear: nothing,
  hearKept: nothing,
  hearAsked: nothing,
  onOrdered: nothing,
  onDismissed: nothing,
  onReauthored: nothing,
  onRefused: nothing,
  tell: nothing,
  begin: (_, pull) => pull(),
  close: nothing,
}

/** Without `compaction` the log grows, until a tab that has it opens the space. */
export const noCompacting: Brought['compacting'] = { saw: nothing, grew: nothing }

/** Without `link` another tab may run one, and tell of it. */
export function noLink(touchStatus: () => void): StoreLink & { hear(state: LinkState, offsetMs: number): void } {
  let state: LinkState = { link: 'off', problem: undefined, retryAtMs: undefined }
  let offsetMs = 0
  return {
    isRunning: () => false,
    state: () => state,
    offsetMs: () => offsetMs,
    hear(next, nextMs) {
      state = next
      offsetMs = nextMs
      touchStatus()
    },
    wake: nothing,
    sendPresence: nothing,
    tend: nothing,
    onEntry: nothing,
    onGap: nothing,
    onFenced: nothing,
    strand: nothing,
    end: nothing,
  }
}

const noReadables: readonly never[] = []

function nothing(): undefined {}

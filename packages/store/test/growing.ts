import { makeRef, type BoundPolicy, type Policy, type PolicyHost, type Ref } from '@syncline/stm'

/** A ref, and its live document. */
export interface Growing {
  readonly ref: Ref<string, { insert: string }>
  /** What the live document shows. */
  readonly live: string
  /** Edits the live document directly. */
  edit(text: string): void
}

/** A policy whose live document is a plain string that grows. */
export function growing(): Growing {
  let host: PolicyHost
  let live = ''
  let unsaid = ''
  const flush = (): void => {
    if (unsaid === '') return
    const text = unsaid
    unsaid = ''
    host.commit('note', text)
  }
  const pure: Policy<string, string, string> = {
    tag: 'growing',
    apply: (state = '', payload) => state + String(payload),
    read: (state = '') => state,
    draft: (state = '') => state,
    edit: (draft, intent) => draft + (intent.kind === 'insert' ? String(intent.content) : ''),
    readDraft: (draft) => draft,
    finish: () => undefined,
    bind(given): BoundPolicy<string, string, string> {
      host = given
      return {
        ...pure,
        late: true,
        sizeBytes: (draft) => draft.length,
        finish(draft) {
          const added = draft.slice(live.length)
          live = draft
          return added === '' ? undefined : added
        },
        finishAside: (draft) => (draft.length > live.length ? draft.slice(live.length) : undefined),
        settle: (_address, payload, origin) => {
          if (origin === 'remote') live += String(payload)
        },
        reset: (_address, state) => {
          live = state ?? ''
        },
        flush,
        close: () => undefined,
      }
    },
  }
  return {
    ref: makeRef(pure, 'note', undefined),
    get live() {
      return live
    },
    edit(text) {
      live += text
      unsaid += text
      queueMicrotask(flush)
    },
  }
}

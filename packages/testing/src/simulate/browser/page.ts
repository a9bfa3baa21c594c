/** The part of a `Document`, and of its `Window`, that tells when the page is hidden, left, frozen and thawed. */
export interface SimulatedPage {
  readonly visibilityState: 'visible' | 'hidden'
  addEventListener(type: string, listener: () => void, options?: { readonly once?: boolean }): void
  removeEventListener(type: string, listener: () => void): void
  /** Tells everybody who listens. */
  dispatch(type: 'freeze' | 'resume' | 'pagehide' | 'pageshow'): void
  /** Is hidden or shown, and tells everybody who listens. */
  show(visibilityState: 'visible' | 'hidden'): void
  /** What is listened to, once for each who does. */
  readonly listeners: readonly string[]
}

export function createPage(): SimulatedPage {
  const listeners = new Map<string, Map<() => void, boolean>>()
  let visibilityState: 'visible' | 'hidden' = 'visible'

  function dispatch(type: string): void {
    const those = listeners.get(type)
    for (const [listener, isOnce] of [...(those ?? [])]) {
      if (isOnce) those?.delete(listener)
      listener()
    }
  }

  return {
    get visibilityState() {
      return visibilityState
    },
    addEventListener(type, listener, { once = false } = {}) {
      let those = listeners.get(type)
      if (those === undefined) listeners.set(type, (those = new Map()))
      if (!those.has(listener)) those.set(listener, once)
    },
    removeEventListener: (type, listener) => void listeners.get(type)?.delete(listener),
    dispatch,
    show(next) {
      visibilityState = next
      dispatch('visibilitychange')
    },
    get listeners() {
      return [...listeners].flatMap(([type, those]) => [...those].map(() => type))
    },
  }
}

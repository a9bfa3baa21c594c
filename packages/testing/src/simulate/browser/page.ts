/** The part of a `Document` that tells when the page is frozen and thawed. */
export interface SimulatedPage {
  addEventListener(type: string, listener: () => void): void
  removeEventListener(type: string, listener: () => void): void
  /** Tells everybody who listens, once. */
  dispatch(type: 'freeze' | 'resume'): void
  /** What is listened to, once for each who does. */
  readonly listeners: readonly string[]
}

/** Listeners are called once each: all that is added here asks for that. */
export function createPage(): SimulatedPage {
  const listeners = new Map<string, Set<() => void>>()
  return {
    addEventListener(type, listener) {
      let those = listeners.get(type)
      if (those === undefined) listeners.set(type, (those = new Set()))
      those.add(listener)
    },
    removeEventListener: (type, listener) => void listeners.get(type)?.delete(listener),
    dispatch(type) {
      const those = [...(listeners.get(type) ?? [])]
      listeners.get(type)?.clear()
      for (const listener of those) listener()
    },
    get listeners() {
      return [...listeners].flatMap(([type, those]) => [...those].map(() => type))
    },
  }
}

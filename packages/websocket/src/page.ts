/** The parts of a page that say when it goes and comes. Workers have some of them, Node has none. */
interface Surroundings {
  addEventListener?: EventTarget['addEventListener']
  removeEventListener?: EventTarget['removeEventListener']
  readonly document?: Document
}

const surroundings = globalThis as Surroundings

/**
 * Calls `listener` when it is worth trying again at once: the network is back, the page is looked at again, was thawed, or was brought
 * back by the back button. Returns a function that ends it.
 */
export function onNudge(listener: () => void): () => void {
  const { document } = surroundings
  const whenVisible = (): void => {
    if (document?.visibilityState === 'visible') listener()
  }
  const whenRestored = (event: Event): void => {
    if ((event as PageTransitionEvent).persisted) listener()
  }
  const stops = [
    listen(surroundings, 'online', listener),
    listen(surroundings, 'pageshow', whenRestored),
    listen(document, 'visibilitychange', whenVisible),
    listen(document, 'resume', listener),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/**
 * Calls `listener` when the page is left. It may come back: then an open socket would have kept the browser from holding the page ready
 * for the back button (https://web.dev/articles/bfcache).
 */
export function onPageHide(listener: () => void): () => void {
  return listen(surroundings, 'pagehide', listener)
}

function listen(
  target: Surroundings | Document | undefined,
  type: string,
  listener: (event: Event) => void,
): () => void {
  // Called through, so that the listener may be the same for several types.
  const own = (event: Event): void => listener(event)
  target?.addEventListener?.(type, own)
  return () => target?.removeEventListener?.(type, own)
}

/** The page around us, where there is one. */
interface Page {
  readonly location?: { readonly href: string }
  readonly document?: { readonly visibilityState: string } & EventSource
  addEventListener?: EventSource['addEventListener']
  removeEventListener?: EventSource['removeEventListener']
}

interface EventSource {
  addEventListener(type: string, listener: () => void): void
  removeEventListener(type: string, listener: () => void): void
}

const page = globalThis as unknown as Page

/** What relative addresses are relative to; undefined outside of a page. */
export function pageAddress(): string | undefined {
  return page.location?.href
}

/** Calls `listener` when the network came back, the page is shown again, or comes back from the page cache. */
export function onNudge(listener: () => void): () => void {
  const whenVisible = (): void => {
    if (page.document?.visibilityState === 'visible') listener()
  }
  const stops = [
    on(page, 'online', listener),
    on(page, 'pageshow', listener),
    on(page.document, 'visibilitychange', whenVisible),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Calls `listener` when the page goes away, perhaps into the page cache. */
export function onPageHide(listener: () => void): () => void {
  return on(page, 'pagehide', listener)
}

function on(source: Partial<EventSource> | undefined, type: string, listener: () => void): () => void {
  // Node has no such events, and some of its global objects only half of the methods.
  if (source?.addEventListener === undefined || source.removeEventListener === undefined) return () => undefined
  source.addEventListener(type, listener)
  return () => source.removeEventListener?.(type, listener)
}

import type { Surroundings } from './surroundings.ts'

/**
 * Calls `listener` when the page may end without another word. Of a page that is closed or navigated away from `pagehide` is the last that is
 * heard; of one that a phone puts away it is `visibilitychange`, and of one that is frozen `freeze`
 * (https://developer.chrome.com/docs/web-platform/page-lifecycle-api). Returns a function that ends it.
 */
export function watchLeaving({ page, window }: Surroundings, listener: () => void): () => void {
  const onVisibility = (): void => {
    if (page?.visibilityState === 'hidden') listener()
  }
  page?.addEventListener('visibilitychange', onVisibility)
  page?.addEventListener('freeze', listener)
  window?.addEventListener('pagehide', listener)
  return () => {
    page?.removeEventListener('visibilitychange', onVisibility)
    page?.removeEventListener('freeze', listener)
    window?.removeEventListener('pagehide', listener)
  }
}

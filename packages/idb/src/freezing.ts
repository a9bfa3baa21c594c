import type { Surroundings } from './surroundings.ts'

/** Knows when the page is frozen (https://wicg.github.io/page-lifecycle/), as far as anybody watched. */
export interface Freezing {
  /** Calls `onFreeze` once, before the browser stops this page. Returns a function that ends the watching. */
  watch(onFreeze: () => void): () => void
  /** While the page is frozen: resolves when it is not any more. */
  untilThawed(): Promise<void> | undefined
}

export function createFreezing(page: Surroundings['page']): Freezing {
  /** Set while the page is frozen. */
  let thaw: Promise<void> | undefined
  return {
    watch(onFreeze) {
      if (page === undefined) return () => undefined
      const freeze = (): void => {
        thaw ??= new Promise((resolve) => {
          const resume = (): void => {
            thaw = undefined
            resolve()
          }
          page.addEventListener('resume', resume, { once: true })
        })
        onFreeze()
      }
      page.addEventListener('freeze', freeze, { once: true })
      return () => page.removeEventListener('freeze', freeze)
    },
    untilThawed: () => thaw,
  }
}

/** Set while the page is frozen, as far as anybody watched. */
let thaw: Promise<void> | undefined

/**
 * Calls `onFreeze` once, before the browser stops this page (https://wicg.github.io/page-lifecycle/). Workers and Node are never frozen.
 * Returns a function that ends the watching.
 */
export function watchFreezing(onFreeze: () => void): () => void {
  if (typeof document === 'undefined') return () => undefined
  const freeze = (): void => {
    thaw ??= new Promise((resolve) => {
      const resume = (): void => {
        thaw = undefined
        resolve()
      }
      document.addEventListener('resume', resume, { once: true })
    })
    onFreeze()
  }
  document.addEventListener('freeze', freeze, { once: true })
  return () => document.removeEventListener('freeze', freeze)
}

/** While the page is frozen: resolves when it is not any more. */
export function untilThawed(): Promise<void> | undefined {
  return thaw
}

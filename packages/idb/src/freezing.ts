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
      document.addEventListener(
        'resume',
        () => {
          thaw = undefined
          resolve()
        },
        { once: true },
      )
    })
    onFreeze()
  }
  document.addEventListener('freeze', freeze, { once: true })
  return () => document.removeEventListener('freeze', freeze)
}

/** Resolves when the page is not frozen, which is at once as a rule. */
export async function thawed(): Promise<void> {
  await thaw
}

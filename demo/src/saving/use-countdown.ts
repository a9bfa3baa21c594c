import { useCallback, useSyncExternalStore } from 'react'

/** How often the clock is looked at: the number shown is at most this late. */
const LOOK_EVERY_MS = 250

/** Whole seconds until a moment, counted down; undefined when there is no such moment. */
export function useCountdown(untilMs: number | undefined): number | undefined {
  const subscribe = useCallback(
    (onChange: () => void) => {
      if (untilMs === undefined) return () => undefined
      const timer = setInterval(onChange, LOOK_EVERY_MS)
      return () => clearInterval(timer)
    },
    [untilMs],
  )
  return useSyncExternalStore(subscribe, () =>
    untilMs === undefined ? undefined : Math.max(0, Math.ceil((untilMs - Date.now()) / 1000)),
  )
}

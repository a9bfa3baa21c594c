import type { Receipt } from '@syncline/store'
import type { Basis } from '@syncline/stm'

/** What people did, and what they were told about it. */
export interface Ledger {
  readonly deeds: readonly Deed[]
  /** A new deed of a session. */
  begin(session: string, browser: string, action: string): Deed
  /** What was told about it from now on counts, as long as `isHeard`. `basis` is where its tab is; of what `isStrict` durable means that it is on the disk itself. */
  follow(deed: Deed, receipt: Receipt<unknown>, isHeard: () => boolean, basis: () => Basis, isStrict: boolean): void
}

/**
 * One thing that somebody did. Its number, which does not depend on what others do meanwhile, is the `meta` of its Change, by which it is
 * known wherever that Change ends.
 */
export interface Deed {
  readonly number: number
  readonly session: string
  readonly browser: string
  readonly action: string
  /** Which of its session's that still stand, when it has left a mark. */
  index: number | undefined
  /** The number of the one before it, when it has left a mark and there was one. */
  after: number | undefined
  /** Whether there was a Change at all. */
  hasChange: boolean
  /** Whether the relay decides about it: then it may be asked again, as another Change, when it was told no. */
  isAsked: boolean
  /** Whether the relay is to decide about it, and has not. */
  isUndecided: boolean
  /** Whether it is for its browser alone, so that no relay ever hears of it. */
  staysInBrowser: boolean
  isDurable: boolean
  isSynced: boolean
  /** Where its tab was in the relay's log when it was told that. */
  syncedAt: Basis | undefined
  /** Whether the relay had it, and an old backup has not. */
  wasOnRelay: boolean
  /** Whether the relay had accepted it, and has taken it back when something else was adopted. */
  isTakenBack: boolean
  /** Whether its tab had been told then that the relay has another log. */
  isCutOff: boolean
  isRefused: boolean
  /** Whether it is on the disk itself. */
  isFlushed: boolean
  /** Whether a loss of power may have taken it from the machine, although it was durable. */
  mayBeLost: boolean
}

/** More machines than anybody simulates. */
const MOST_BROWSERS = 1000

/** `before`: what was done already, and told by then. */
export function createLedger(before: readonly Readonly<Deed>[] = []): Ledger {
  const deeds = before.map((deed): Deed => ({ ...deed }))
  const counts = new Map<string, number>()
  for (const { browser } of before) counts.set(browser, (counts.get(browser) ?? 0) + 1)

  /** The first of all browsers have the first numbers, and so on. */
  function numberOf(browser: string): number {
    const count = counts.get(browser) ?? 0
    counts.set(browser, count + 1)
    return count * MOST_BROWSERS + Number(/\d+$/.exec(browser)?.[0] ?? 0)
  }

  return {
    deeds,
    begin(session, browser, action) {
      const deed: Deed = {
        number: numberOf(browser),
        session,
        browser,
        action,
        index: undefined,
        after: undefined,
        hasChange: false,
        isAsked: false,
        isUndecided: false,
        staysInBrowser: false,
        isDurable: false,
        isSynced: false,
        syncedAt: undefined,
        wasOnRelay: false,
        isTakenBack: false,
        isCutOff: false,
        isRefused: false,
        isFlushed: false,
        mayBeLost: false,
      }
      deeds.push(deed)
      return deed
    },
    follow(deed, receipt, isHeard, basis, isStrict) {
      if (receipt.change === undefined) return
      deed.hasChange = true
      deed.staysInBrowser = receipt.change.ops.every(({ arbiter }) => arbiter === 'browser')
      receipt.durable().then(
        () => {
          if (!isHeard()) return
          deed.isDurable = true
          deed.isFlushed ||= isStrict
        },
        () => undefined,
      )
      receipt.synced().then(
        () => {
          if (!isHeard()) return
          deed.isSynced = true
          deed.syncedAt = basis()
        },
        (error: unknown) => void (deed.isRefused ||= isHeard() && codeOf(error) === 'refused'),
      )
    },
  }
}

/** Whose deed has this number. */
export function browserOf(number: unknown): string {
  return typeof number === 'number' ? `browser ${number % MOST_BROWSERS}` : ''
}

/** What the relay called its reason, where an error says that it has refused something. */
export function refusalOf(error: unknown): string | undefined {
  return error instanceof Error && 'refusal' in error ? String(error.refusal) : undefined
}

/** Whether something was read that is on demand, and not in memory. */
export function isNotLoaded(error: unknown): boolean {
  return codeOf(error) === 'not-loaded'
}

/** The code of an error of ours. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

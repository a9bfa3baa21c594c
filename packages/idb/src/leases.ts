import type { Channel, Channels, HeldLock, Locks } from '@syncline/store'
import { randomIdentity } from './format.ts'
import { holdersIn, openLeaseTable, type Claim, type Found, type LeaseTable, type Line } from './lease-table.ts'
import type { Surroundings } from './surroundings.ts'

/** How often those are asked who are in the way of somebody who waits. */
const ASK_MS = 500
/** Who has not answered so often is out of the way: it is dead, or stands still. */
const SILENT = 5
/** The same for what is shared, which says only that somebody is there, and for what is kept. */
const SILENT_FOR_LONG = 20

/** What the tabs tell each other of their locks. */
type Message =
  /** The line of a lock has changed. */
  | { readonly type: 'moved'; readonly key: string }
  /** Whoever has made these claims is to say that it is alive. */
  | { readonly type: 'ask'; readonly tab: string; readonly claims: readonly AskedClaim[] }
  /** It is, and what it was asked for by these tokens it has let go of, whatever is in the table. */
  | { readonly type: 'alive'; readonly tab: string; readonly over: readonly string[] }
  /** A page is left, or frozen: then what it shares and keeps stays. */
  | { readonly type: 'gone'; readonly tab: string; readonly isFrozen: boolean }

interface AskedClaim {
  readonly key: string
  readonly token: string
}

/** A claim of this tab. */
interface Own {
  readonly key: string
  readonly token: string
  readonly isShared: boolean
  isKept: boolean
  isHeld: boolean
  /** Whether the table has had it. */
  isListed: boolean
  /** It was told that it is not given what silent ones have, and is left to find out whether they are dead: so the next one is given it. */
  isProbe: boolean
  /** `first`: in place of those who hold it. `alone`: only if nobody is there. */
  readonly place: 'last' | 'first' | 'alone'
  /** Answers who has asked: it is held, or, where it is for that, somebody is there. */
  answer(isHeld: boolean): void
  lose(): void
}

/**
 * Locks among the tabs that use the storage called `name`, and talk to each other by `channels`, where there are no Web Locks. It is loaded by itself (`late-leases.ts`); surroundings of one's own bring it in `loadLeases`.
 *
 * Each lock is a lease: it is held as long as its tab answers those who wait for it, by messages, for timers of pages in the background come late. Who is asked in vain five times in a row, in two and a half
 * seconds or more, has lost it, also when it only stands still: it is told when it goes on. What it does until then is kept out by fences, as after a theft.
 * Who holds what is in a table on the disk (`lease-table.ts`), which is written when a lock is asked for or let go, and not otherwise: a tab that is alone costs nothing.
 * Time is counted in questions, so clocks that are set, and machines that have slept, are of no concern.
 *
 * Where the table cannot be written, a lock is given as if it were free as soon as nobody is seen to hold it, and entered when it can be: then of several one keeps it. So who is asked says what it has let
 * go of, which may still be in the table. What cannot be read is as it was known last.
 */
export function createLeases(name: string, channels: Channels, surroundings: Surroundings): Required<Locks> {
  const { page, window } = surroundings
  const tab = randomIdentity(surroundings)
  const own = new Map<string, Set<Own>>()
  /** The lines as they were found last, of the locks that this tab has to do with. */
  const lines = new Map<string, Found>()
  /** What is done with the line of a lock is done one after the other. */
  const turns = new Map<string, Promise<void>>()
  /** Lines that the table does not have yet as they should be. */
  const owed = new Set<string>()
  /** What was in the lines when the table was dropped or deleted: where there is no line then, that is it. */
  const kept = new Map<string, Line>()
  /** How often others were asked since they last answered. */
  const unanswered = new Map<string, number>()
  /** The claims that were asked for by others since this tab last looked: the answer is for all. */
  const asked = new Set<string>()
  /** Claims of others that those say they have let go of. */
  const over = new Set<string>()
  let users = 0
  let table: LeaseTable | undefined
  let channel: Channel | undefined
  let cancelAsking: (() => void) | undefined
  let away: 'frozen' | 'left' | undefined

  function enter(): void {
    users += 1
    if (users > 1) return
    table = openLeaseTable(name, surroundings, onTableGone)
    channel = channels.open('leases', (message) => hear(message as Message))
    page?.addEventListener('freeze', onFreeze)
    page?.addEventListener('resume', onBack)
    window?.addEventListener('pagehide', onLeft)
    window?.addEventListener('pageshow', onBack)
  }

  function leave(): void {
    users -= 1
    if (users > 0) return
    cancelAsking?.()
    cancelAsking = undefined
    page?.removeEventListener('freeze', onFreeze)
    window?.removeEventListener('pagehide', onLeft)
    // While it is away it must hear that it is back, or whatever is asked for later would wait for that for ever.
    if (away === undefined) stopWaitingForReturn()
    // Those that are left only look for others.
    own.clear()
    channel!.close()
    table!.close()
    table = channel = undefined
    for (const memory of [lines, turns, owed, kept, unanswered, asked, over]) memory.clear()
  }

  function stopWaitingForReturn(): void {
    page?.removeEventListener('resume', onBack)
    window?.removeEventListener('pageshow', onBack)
  }

  /** Nobody loses what they hold by it, unless somebody who knew of nothing was first; then they are told. */
  function onTableGone(): void {
    for (const [key, { line }] of lines) kept.set(key, line)
    for (const key of own.keys()) void tend(key)
  }

  function tell(message: Message): void {
    channel?.post(message)
  }

  /** Whether a claim of another tab is in nobody's way. */
  function isGone({ token, tab: other, isShared, isKept }: Claim): boolean {
    return over.has(token) || isDue({ tab: other }, isShared || isKept ? SILENT_FOR_LONG : SILENT)
  }

  function isDue({ tab: other }: Pick<Claim, 'tab'>, questions: number): boolean {
    return (unanswered.get(other) ?? 0) >= questions
  }

  function isOfOthers(claim: Claim): boolean {
    return claim.tab !== tab
  }

  /** Whether a claim of this tab is to be in the line. What it had there and was taken out is lost, unless it is shared. */
  function isWanted({ isHeld, isShared, isListed }: Own): boolean {
    return isHeld ? away !== 'left' && (isShared || !isListed) : away === undefined
  }

  /** What a line is to be: without those who do not answer, and with what this tab has and wants. Undefined when it is that already. */
  function mended(key: string, line: Line): Line | undefined {
    const mine = new Map(Array.from(own.get(key) ?? [], (one) => [one.token, one]))
    let next: Claim[] = line
      .filter((claim) => (claim.tab === tab ? mine.has(claim.token) : !isGone(claim)))
      .map((claim) => ({ ...claim, isKept: mine.get(claim.token)?.isKept ?? claim.isKept }))
    for (const one of mine.values()) {
      const { token, isShared, isKept, place } = one
      const there = next.findIndex((claim) => claim.token === token)
      if (there >= 0 && away !== undefined && !one.isHeld) next.splice(there, 1)
      if (there >= 0 || !isWanted(one)) continue
      const claim: Claim = { token, tab, isShared, isKept }
      if (place === 'last' || one.isHeld) next.push(claim)
      else if (place === 'first') next = [claim, ...next.slice(next.length === 0 ? 0 : holdersIn(next))]
      else if (next.length === 0 && !one.isProbe) next = [claim]
    }
    const isSame =
      next.length === line.length &&
      next.every(({ token, isKept }, i) => line[i]!.token === token && line[i]!.isKept === isKept)
    return isSame ? undefined : next
  }

  /** Brings the line of a lock in order, and answers those of this tab that wait for it. */
  function tend(key: string): Promise<void> {
    const before = turns.get(key) ?? Promise.resolve()
    const turn = before.then(async () => {
      const at = table
      if (at === undefined) return
      let isNews = false
      const { isStored, ...found } = await at.change(key, lines.get(key), ({ line: there, stamp }) => {
        const line = (stamp === undefined && kept.get(key)) || there
        const next = mended(key, line) ?? (line === there ? undefined : line)
        // Also if it is tried again: the storage may have taken it the first time and not have said so.
        isNews ||= next !== undefined && (next.some(isOfOthers) || line.some(isOfOthers))
        return next
      })
      if (at !== table) return
      if (isStored) {
        owed.delete(key)
        kept.delete(key)
      } else owed.add(key)
      if (isNews && isStored) tell({ type: 'moved', key })
      settle(key, found, isStored)
      watch()
    })
    turns.set(key, turn)
    void turn.then(() => turns.get(key) === turn && turns.delete(key))
    return turn
  }

  function settle(key: string, found: Found, isStored: boolean): void {
    lines.set(key, found)
    const { line } = found
    const holders = new Set(line.slice(0, line.length === 0 ? 0 : holdersIn(line)).map(({ token }) => token))
    for (const one of [...(own.get(key) ?? [])]) {
      const isThere = line.some(({ token }) => token === one.token)
      one.isListed ||= isThere && isStored
      if (one.isHeld) {
        // What is shared again stands behind who came meanwhile; it says no less that somebody is there.
        if (holders.has(one.token) || one.isShared || !(one.isListed || isThere)) continue
        lose(one)
        if (isThere) void tend(key)
      } else if (holders.has(one.token)) {
        one.isHeld = true
        one.answer(true)
      } else if (one.place === 'alone' && !isThere) {
        const isQuiet = line.some((claim) => isOfOthers(claim) && isDue(claim, SILENT))
        if (one.isProbe) {
          if (!isQuiet) drop(one)
        } else if (!mayBeDead(line)) {
          if (isQuiet && ![...(own.get(key) ?? [])].some(({ isProbe }) => isProbe)) probe(one)
          else refuse(one)
        }
      }
    }
    if (!own.has(key)) lines.delete(key)
  }

  /** Whether all who are in the way of somebody who does not wait may be dead, which is asked for a while. */
  function mayBeDead(line: Line): boolean {
    return line.every((claim) => claim.tab !== tab && away === undefined && !isDue(claim, SILENT))
  }

  function add(key: string, more: Pick<Own, 'isShared' | 'place' | 'answer' | 'lose'>): Own {
    enter()
    const one: Own = {
      key,
      token: randomIdentity(surroundings),
      isKept: false,
      isHeld: false,
      isListed: false,
      isProbe: false,
      ...more,
    }
    own.set(key, (own.get(key) ?? new Set<Own>()).add(one))
    return one
  }

  function drop(one: Own): boolean {
    const those = own.get(one.key)
    if (those?.delete(one) !== true) return false
    if (those.size === 0) own.delete(one.key)
    return true
  }

  function lose(one: Own): void {
    if (!drop(one)) return
    one.lose()
    leave()
  }

  function refuse(one: Own): void {
    if (!drop(one) || one.isProbe) return
    one.answer(false)
    leave()
  }

  /** Nobody waits for it any more: it is over with the last who does. */
  function probe(one: Own): void {
    one.isProbe = true
    one.answer(false)
    leave()
  }

  /** Resolves when it is out of the line, or this tab has done what it can. */
  async function remove(one: Own): Promise<void> {
    if (!drop(one)) return
    await tend(one.key)
    leave()
  }

  function ask(
    key: string,
    isShared: boolean,
    place: Own['place'],
    signal?: AbortSignal,
  ): Promise<HeldLock | undefined> {
    return new Promise((resolve, reject) => {
      let lose: () => void
      const lost = new Promise<void>((resolveLost) => (lose = resolveLost))
      let free: () => void
      const freed = new Promise<void>((resolveFreed) => (free = resolveFreed))
      const giveUp = (): void => {
        reject(signal!.reason)
        void remove(one)
      }
      const one = add(key, {
        isShared,
        place,
        answer(isHeld) {
          signal?.removeEventListener('abort', giveUp)
          resolve(isHeld ? held : undefined)
        },
        lose() {
          lose()
          free()
        },
      })
      const held: HeldLock = {
        release: () => void remove(one).then(() => free()),
        keep() {
          one.isKept = true
          void tend(key)
        },
        lost,
        freed,
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      void tend(key)
    })
  }

  /** The claims that are in the way of somebody of this tab, by whose they are. */
  function inTheWay(): Map<string, AskedClaim[]> {
    const others = new Map<string, AskedClaim[]>()
    for (const [key, those] of own) {
      const first = [...those].find(({ isHeld }) => !isHeld)
      if (first === undefined) continue
      for (const { token, tab: other } of lines.get(key)?.line ?? []) {
        if (token === first.token) break
        if (other !== tab) others.set(other, [...(others.get(other) ?? []), { key, token }])
      }
    }
    return others
  }

  /** As long as somebody is in the way they are asked, and as long as something is owed it is tried again. */
  function watch(): void {
    if (cancelAsking !== undefined || away !== undefined) return
    const others = inTheWay()
    if (owed.size === 0 && others.size === 0) return
    for (const [other, those] of others) {
      unanswered.set(other, (unanswered.get(other) ?? 0) + 1)
      const claims = those.filter(({ token }) => !asked.has(token))
      if (claims.length > 0) tell({ type: 'ask', tab: other, claims })
    }
    asked.clear()
    const cancel = surroundings.setTimer(ASK_MS, () => {
      const waited = [...own].filter(([, those]) => [...those].some(({ isHeld }) => !isHeld))
      const keys = new Set([...owed, ...waited.map(([key]) => key)])
      // Nobody is asked again before what they have answered was looked at.
      void Promise.all(Array.from(keys, tend)).then(() => {
        if (cancelAsking !== cancel) return
        cancelAsking = undefined
        watch()
      })
    })
    cancelAsking = cancel
  }

  function hear(message: Message): void {
    switch (message.type) {
      case 'moved':
        if (own.has(message.key)) void tend(message.key)
        return
      case 'ask':
        if (message.tab === tab) answer(message.claims)
        else for (const { token } of message.claims) asked.add(token)
        return
      case 'alive':
        unanswered.delete(message.tab)
        for (const token of message.over) over.add(token)
        for (const [key, those] of [...own]) {
          const theirs = lines.get(key)?.line.filter((claim) => claim.tab === message.tab) ?? []
          if (theirs.some(({ token }) => over.has(token))) void tend(key)
          if (theirs.every(({ token }) => over.has(token))) continue
          for (const one of [...those]) if (one.place === 'alone' && !one.isHeld) refuse(one)
        }
        return
      case 'gone':
        unanswered.set(message.tab, message.isFrozen ? SILENT : SILENT_FOR_LONG)
        for (const [key, { line }] of lines) if (line.some((claim) => claim.tab === message.tab)) void tend(key)
    }
  }

  /** Who has let go of something says so, for the table may not have taken it; and tries again to write it down. */
  function answer(claims: readonly AskedClaim[]): void {
    const those = claims.filter(({ key, token }) => ![...(own.get(key) ?? [])].some((one) => one.token === token))
    tell({ type: 'alive', tab, over: those.map(({ token }) => token) })
    for (const { key } of those) void tend(key)
  }

  /** Lets go of what others may need before the page is back, in this task: afterwards it may not run any more. */
  function goAway(isFrozen: boolean): void {
    if (away !== undefined) return
    away = isFrozen ? 'frozen' : 'left'
    cancelAsking?.()
    cancelAsking = undefined
    for (const [key, found] of lines) {
      const stays = new Set(
        [...(own.get(key) ?? [])].filter((one) => one.isHeld && isFrozen && (one.isShared || one.isKept)).map(tokenOf),
      )
      const next = found.line.filter((claim) => claim.tab !== tab || stays.has(claim.token))
      if (next.length < found.line.length) table!.handOver(key, found, next)
    }
    tell({ type: 'gone', tab, isFrozen })
    for (const those of [...own.values()]) {
      for (const one of [...those]) if (one.isHeld && !one.isShared && !(one.isKept && isFrozen)) lose(one)
    }
  }

  function onFreeze(): void {
    goAway(true)
  }

  function onLeft(): void {
    goAway(false)
  }

  function onBack(): void {
    if (away === undefined) return
    away = undefined
    if (users === 0) stopWaitingForReturn()
    tell({ type: 'alive', tab, over: [] })
    for (const key of own.keys()) void tend(key)
  }

  return {
    async hold(key, signal) {
      signal.throwIfAborted()
      return (await ask(key, false, 'last', signal))!
    },
    async share(key, signal) {
      signal.throwIfAborted()
      return (await ask(key, true, 'last', signal))!
    },
    tryHold: (key) => ask(key, false, 'alone'),
    steal: async (key) => (await ask(key, false, 'first'))!,
  }
}

const tokenOf = ({ token }: Own): string => token

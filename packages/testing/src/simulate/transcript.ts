import { lww } from '@syncline/merge'
import type { Arbiter, Ref, Snapshot, Tx } from '@syncline/stm'
import type { History, ListOp, Transaction } from '../history.ts'
import { createRecorder, type Attempt, type Recorder } from '../recorder.ts'
import type { ActionChance } from './app.ts'
import type { Deed } from './ledger.ts'

/** A list of the simulator that only grows: whoever reads it tells in which order all before were written. */
type Growing<A extends Arbiter> = Ref<readonly string[], { readonly set: readonly string[] }, A>

/** Few, so that transactions get in each other's way. */
const KEYS = ['a', 'b', 'c'] as const

const lists = {
  browser: KEYS.map((key) => lww<readonly string[]>(`simulation_browser:${key}`, [], { arbiter: 'browser' })),
  relay: KEYS.map((key) => lww<readonly string[]>(`simulation_relay:${key}`, [], { arbiter: 'relay' })),
}

/**
 * What transactions that the relay, or a browser, decided about have read and written: of lists of the simulator, which they work on along with
 * what the app does.
 */
export interface Transcript {
  /** Who decides, the relay or this browser, is asked about a deed. */
  begin(arbiter: 'browser' | 'relay', deed: Deed): Testimony
  /** All that was decided about by the relay, or by the browser of this name, and at last what a Snapshot shows. */
  history(by: 'relay' | { readonly browser: string }, last: Snapshot): History<ListOp>
  /** All that was recorded so far, by who decided. Of what is not over by now, nobody will say what became of it. */
  past(): Past
}

export type Past = ReadonlyMap<string, History<ListOp>>

/** Who reads everything when all have come to rest. */
const IN_THE_END = 'in the end'

/**
 * The same where a browser has lost what was not on the disk itself. What its deeds were they say themselves; but that somebody has seen them there in
 * the end, before everything ended, promises nothing either.
 */
export function pastOfLoss(past: Past, browser: string): Past {
  return new Map(
    [...past].map(([by, history]) => [
      by,
      by === browser ? history.filter(({ process }) => process !== IN_THE_END) : history,
    ]),
  )
}

/** What one deed has to do with the lists. */
export interface Testimony {
  /** Runs a body, and works on some lists with it, in the same transaction. */
  onBrowser(tx: Tx<'browser'>, chance: ActionChance, body: () => void | Promise<void>): void | Promise<void>
  onRelay(tx: Tx<'relay'>, chance: ActionChance, body: () => void | Promise<void>): void | Promise<void>
  /** It has committed. */
  ok(): void
  /** It certainly has not. When nobody says anything, nobody knows: a tab that died. */
  fail(): void
}

/** `before`: what was recorded already, of the deeds of a ledger. */
export function createTranscript(before: Past = new Map(), ledger: readonly Deed[] = []): Transcript {
  /** By who decides: the relay, or a browser by its name. */
  const recorders = new Map<string, Recorder<ListOp>>()
  const deeds = new Map(ledger.map((deed) => [processOf(deed), deed]))
  /** Who records what is decided by one goes on where it was left. */
  function recorderOf(by: string): Recorder<ListOp> {
    let recorder = recorders.get(by)
    if (recorder === undefined) {
      let now = Math.max(0, ...(before.get(by) ?? []).map(({ invoked, completed = 0 }) => Math.max(invoked, completed)))
      recorders.set(by, (recorder = createRecorder<ListOp>({ now: () => ++now })))
    }
    return recorder
  }
  const historyOf = (by: string): History<ListOp> => [...(before.get(by) ?? []), ...recorderOf(by).history]

  return {
    begin(arbiter, deed) {
      const by = arbiter === 'relay' ? 'relay' : deed.browser
      const recorder = recorderOf(by)
      const process = processOf(deed)
      deeds.set(process, deed)
      /** The run that was begun last: it is the one that commits, or none does. */
      let latest: Attempt<ListOp> | undefined
      let runs = 0

      function work<A extends 'browser' | 'relay'>(
        own: readonly Growing<A>[],
        tx: Tx<A>,
        chance: ActionChance,
        body: () => void | Promise<void>,
      ): void | Promise<void> {
        // Some transactions are left as they are: what the app writes and reads is then all that there is.
        if (chance.below(4) === 0) return body()
        const first = chance.below(KEYS.length)
        const second = (first + 1 + chance.below(KEYS.length - 1)) % KEYS.length
        // One that reads two and appends to one alone can be part of a write skew; one that appends to both shows whether others see it whole.
        const written = chance.below(3) < 2 ? [first] : [first, second]
        const { ops } = (latest = recorder.begin(process))
        const value = `${deed.number}.${++runs}`
        for (const at of [first, second]) ops.push(['read', KEYS[at]!, tx.get(own[at]!)])
        const append = (): void => {
          for (const at of written) {
            tx.update<readonly string[]>(own[at]!, (list) => [...list, value])
            ops.push(['append', KEYS[at]!, value])
          }
        }
        const done = body()
        return done instanceof Promise ? done.then(append) : append()
      }

      return {
        onBrowser: (tx, chance, body) => work(lists.browser, tx, chance, body),
        onRelay: (tx, chance, body) => work(lists.relay, tx, chance, body),
        ok: () => latest?.ok(),
        fail: () => latest?.fail(),
      }
    },
    history(by, last) {
      const isRelay = by === 'relay'
      const who = isRelay ? 'relay' : by.browser
      const recorder = recorderOf(who)
      const end = recorder.begin(IN_THE_END)
      const own = isRelay ? lists.relay : lists.browser
      for (const [at, key] of KEYS.entries()) end.ops.push(['read', key, last.get(own[at]!)])
      end.ok()
      const runs = new Map<string, number>()
      return historyOf(who).map((transaction) => {
        const process = String(transaction.process)
        const run = (runs.get(process) ?? 0) + 1
        runs.set(process, run)
        const named = { ...transaction, id: run === 1 ? process : `${process} (run ${run})` }
        const deed = deeds.get(process)
        const mayBeGone = isRelay ? deed?.wasOnRelay === true || deed?.isTakenBack === true : deed?.mayBeLost === true
        return mayBeGone ? undecided(named) : named
      })
    },
    past: () => new Map([...new Set([...before.keys(), ...recorders.keys()])].map((by) => [by, historyOf(by)])),
  }
}

const processOf = ({ action, number }: Deed): string => `${action} ${number}`

/**
 * What a loss of power, an old backup of the relay, or what its operator has adopted, may have taken was acknowledged all the same, and nobody can say any more whether it is there: so it counts when somebody who
 * counts has read it, as that of a tab that died. A loss takes the newest, and with each all that had read it, so what is left is a history by itself.
 * A relay keeps what it has accepted, whatever becomes of the machines, but for what a backup of it has not.
 */
function undecided<T extends Transaction<ListOp>>(transaction: T): Transaction<ListOp> {
  if (transaction.outcome !== 'ok') return transaction
  const { completed: _, ...rest } = transaction
  return { ...rest, outcome: 'info' }
}

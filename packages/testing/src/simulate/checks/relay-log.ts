import { decodeChange, decodeHeader } from '@syncline/protocol'
import { changeId, type Basis, type WriterId } from '@syncline/stm'
import type { Failure } from '../failure.ts'
import type { Deed } from '../ledger.ts'
import { isCutOff, SPACE } from '../tab.ts'
import type { World } from '../world.ts'

/** Says what was promised and is not kept, by the relay's log and the lists of what was refused. */
export function brokenPromise({ host, ledger, machines, ...world }: World): Failure | undefined {
  const restorations = world.restorations()
  const { disk } = host
  const times = disk.times(SPACE)
  const { seqs } = disk.counting(SPACE)
  const ids = new Set<string>()
  const lastSeqs = new Map<WriterId, number>()
  for (const [before, record] of disk.records(SPACE).entries()) {
    const { id, writer, seq, meta, deps } = readOnce(record)
    // What somebody joins is of another log, and what is written on it need not be here.
    if (isPiece(record)) {
      for (const [of, upTo] of deps.writers) lastSeqs.set(of, Math.max(upTo, lastSeqs.get(of) ?? 0))
      continue
    }
    const isOfAnother = deps.relaySeq > before && restorations > 0 && disk.holds(SPACE, deps)
    const lacks = lackOf({ writer, seq, deps: isOfAnother ? { ...deps, relaySeq: 0 } : deps }, before, lastSeqs)
    if (lacks !== undefined) {
      const message = `Change ${seq} of ${writer} is number ${before + 1} in the log of the relay, and ${lacks} is not there before it.`
      return { check: 'causality', message }
    }
    lastSeqs.set(writer, seq)
    if (restorations > 0 && !disk.holds(SPACE, deps)) {
      const message = `What somebody did as number ${String(meta)} is in the log of the relay, and what its author had seen is not.`
      return { check: 'causality', message }
    }
    ids.add(id)
  }
  const away = new Set(machines.filter(({ tabs }) => tabs.length === 0).map(({ name }) => name))
  const kept = new Set<unknown>()
  for (const { tabs } of machines) {
    for (const tab of tabs) {
      for (const { change } of tab?.store()?.refused.list() ?? []) {
        kept.add(change.meta)
        if (!ids.has(changeId(change)) && change.seq > (seqs.get(change.writer) ?? 0)) continue
        const what = `${tab!.life.party} lists ${changeId(change)} among what was refused`
        return { check: 'nothing-lost', message: `${what}, and it is in the log of the relay.` }
      }
    }
  }
  /** Tabs that were told that the relay has another log, and the browsers that have such a tab. */
  const cutOff = new Set<string>()
  for (const { name, tabs } of machines) {
    for (const tab of tabs) if (tab !== undefined && isCutOff(tab)) cutOff.add(name).add(tab.life.party)
  }
  for (const deed of ledger.deeds) {
    if (deed.staysInBrowser) continue
    const found = times.get(deed.number) ?? 0
    // What the relay had accepted and lost may have been asked again before it came back: then what was adopted has one of them.
    const mayBeTwice = deed.isAsked && deed.wasOnRelay
    if (found > 1 && !mayBeTwice)
      return { check: 'nothing-lost', message: `${wordsOf(deed)} is ${found} times in the log of the relay.` }
    // It may have been so, and over, more often than once.
    if (found === 1 && deed.isCutOff && cutOff.has(deed.session) && restorations === 1) {
      return { check: 'nothing-lost', message: `${wordsOf(deed)} depends on another log, and is in that of the relay.` }
    }
    if (found > 0 || kept.has(deed.number)) continue
    // What was told before a backup was taken, or after that was brought back, stands.
    if (deed.isSynced && (!deed.wasOnRelay || disk.holds(SPACE, deed.syncedAt!)))
      return { check: 'nothing-lost', message: `${wordsOf(deed)} was told synced, and the relay does not have it.` }
    // What a browser keeps that is cut off, it shows: that is looked at there.
    const isElsewhere = away.has(deed.browser) || cutOff.has(deed.browser)
    if (deed.isDurable && !deed.mayBeLost && !isElsewhere) {
      return {
        check: 'nothing-lost',
        message: `${wordsOf(deed)} was told durable, and is neither on the relay nor among what was refused.`,
      }
    }
  }
  return undefined
}

const pieces = new WeakMap<Uint8Array, boolean>()

/** Whether a record is no Change, but a piece of what somebody has joined. */
function isPiece(record: Uint8Array): boolean {
  let is = pieces.get(record)
  if (is === undefined) pieces.set(record, (is = decodeHeader(record).join !== undefined))
  return is
}

/** What a Change comes after and does not: where so many Changes are before it in the log, each writer's up to some seq. */
function lackOf(
  { writer, seq, deps }: Pick<Stored, 'writer' | 'seq' | 'deps'>,
  before: number,
  lastSeqs: ReadonlyMap<WriterId, number>,
): string | undefined {
  const has = (of: WriterId, upTo: number): boolean => (lastSeqs.get(of) ?? 0) >= upTo
  if (deps.relaySeq > before) return `number ${deps.relaySeq}, which its author had seen,`
  if (!has(writer, seq - 1)) return `its writer's ${seq - 1}`
  const lacking = [...deps.writers].find(([of, upTo]) => !has(of, upTo))
  return lacking === undefined ? undefined : `${lacking[1]} of ${lacking[0]}, which its author had seen,`
}

/** What a record that is stored says of whose it is. */
interface Stored {
  readonly id: string
  readonly writer: WriterId
  readonly seq: number
  readonly meta: unknown
  readonly deps: Basis
}

/** Records that are stored never change, and after each of many ends of a run most are the same. */
const known = new WeakMap<Uint8Array, Stored>()

export function readOnce(record: Uint8Array): Stored {
  let stored = known.get(record)
  if (stored === undefined) {
    const { writer, seq, meta, deps } = decodeChange(record)
    known.set(record, (stored = { id: changeId({ writer, seq }), writer, seq, meta, deps }))
  }
  return stored
}

function wordsOf({ number, action, session }: Deed): string {
  return `What ${session} did as number ${number} ("${action}")`
}

import { counter, lww } from '@syncline/merge'
import type { Decider } from './decider.ts'
import type { Deed } from './ledger.ts'
import type { Op, Readable, Ref, Tx } from '@syncline/stm'

/**
 * What the simulator writes along with each action of a tab, in the same transaction: the number of the action, how many there were, and what
 * the tab had seen of all others. Whoever sees the one without the others has seen half of a Change, or a Change before its cause.
 */
export interface Probe {
  readonly latest: Ref<Latest | null, { readonly set: Latest | null }>
  readonly count: Ref<number, { readonly add: true }>
}

/** Whether an app has written in a Change, and not the simulator alone. */
export function hasAppWritten(ops: readonly Op[]): boolean {
  return ops.some(({ address }) => !address.startsWith('simulation_'))
}

/** The newest action of a session. A type, and no interface: it is plain data. */
type Latest = {
  /** Counts 1, 2, 3 within the session. What comes after one that was refused counts on from what was before that. */
  readonly index: number
  /** The number of its deed, which no other has; it grows within a session. */
  readonly number: number
  readonly seen: Seen
  /** Its newest action that wrote the register of all, if any: which one, and what its author had seen. */
  readonly wrote: { readonly number: number; readonly seen: Seen } | null
}

/** The `number` of each other session that an author had seen. A type, and no interface: it is plain data. */
type Seen = Readonly<Record<string, number>>

/** A register that all write: the session and the number of who wrote it last. */
const ofAll = lww<Writing | null>('simulation_last', null)

/** A write of the register of all. A type, and no interface: it is plain data. */
type Writing = readonly [session: string, number: number]

/** How many actions write it. Not all: of a refused Change only those fall that touch the same. */
const WRITERS = 0.3

/** What a session has done, as far as somebody sees it: the number of its newest action, and how many there were. */
export interface Mark {
  readonly latest: Latest | null
  readonly count: number
}

/** The probe of one session: one tab, from its opening to its end. */
export function probeOf(session: string): Probe {
  const name = session.replaceAll(/\W+/g, '-')
  return { latest: lww<Latest | null>(`simulation_latest:${name}`, null), count: counter(`simulation_count:${name}`) }
}

/** Writes along with an action, of which this is the number. Returns its index, and the number of the action that it counts on from. */
export function leaveMark(
  tx: Tx,
  own: string,
  number: number,
  probes: ReadonlyMap<string, Probe>,
  decider: Decider,
): Pick<Deed, 'index' | 'after'> {
  const seen: Record<string, number> = {}
  for (const [session, { latest }] of probes) {
    const last = session === own ? undefined : tx.peek(latest)?.number
    if (last !== undefined) seen[session] = last
  }
  const probe = probes.get(own)!
  const before = tx.get(probe.latest)
  const index = (before?.index ?? 0) + 1
  const writes = decider.happens(`register of ${own}`, WRITERS)
  if (writes) tx.set(ofAll, [own, number])
  tx.set(probe.latest, { index, number, seen, wrote: writes ? { number, seen } : (before?.wrote ?? null) })
  tx.add(probe.count, 1)
  return { index, after: before?.number }
}

/** What a session has done, as far as a reader shows it. */
export function readMark(reader: { get<V>(readable: Readable<V>): V }, { latest, count }: Probe): Mark {
  return { latest: reader.get(latest), count: reader.get(count) }
}

/** Whose write the register of all shows; undefined when nobody has written it. */
export function lastWriter(reader: { get<V>(readable: Readable<V>): V }): Writing | undefined {
  return reader.get(ofAll) ?? undefined
}

/** Whether this session has written the register of all after it had seen that write of it. */
export function hasOverwritten([session, number]: Writing, by: string, { latest }: Mark): boolean {
  const wrote = latest?.wrote ?? null
  if (wrote === null) return false
  return by === session ? wrote.number > number : (wrote.seen[session] ?? 0) >= number
}

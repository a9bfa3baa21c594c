import { counter, lww } from '@syncline/merge'
import type { Readable, Ref, Tx } from '@syncline/stm'

/**
 * What the simulator writes along with each action of a tab, in the same transaction: the number of the action, how many there were, and what
 * the tab had seen of all others. Whoever sees the one without the others has seen half of a Change, or a Change before its cause.
 */
export interface Probe {
  readonly latest: Ref<Latest | null, { readonly set: Latest | null }>
  readonly count: Ref<number, { readonly add: true }>
}

/** The newest action of a session. A type, and no interface: it is plain data. */
type Latest = {
  /** Counts 1, 2, 3 within the session. */
  readonly index: number
  /** The `index` of each other session that its author had seen. */
  readonly seen: Readonly<Record<string, number>>
}

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

/** Writes along with an action. Returns its index. */
export function leaveMark(tx: Tx, own: string, probes: ReadonlyMap<string, Probe>): number {
  const seen: Record<string, number> = {}
  for (const [session, { latest }] of probes) {
    const index = session === own ? undefined : tx.peek(latest)?.index
    if (index !== undefined) seen[session] = index
  }
  const probe = probes.get(own)!
  const index = (tx.get(probe.latest)?.index ?? 0) + 1
  tx.set(probe.latest, { index, seen })
  tx.add(probe.count, 1)
  return index
}

/** What a session has done, as far as a reader shows it. */
export function readMark(reader: { get<V>(readable: Readable<V>): V }, { latest, count }: Probe): Mark {
  return { latest: reader.get(latest), count: reader.get(count) }
}

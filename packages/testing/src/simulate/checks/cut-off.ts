import type { Machine } from '../machine.ts'
import { isCutOff, SPACE } from '../tab.ts'
import type { World } from '../world.ts'
import type { Comparison, Replica } from './replicas.ts'

/**
 * Says what is wrong with a tab of a browser in which somebody says that the relay has another log. Who says so has to know something that the
 * relay has not, and still shows what is durable (but for what was compacted together with what it cannot take in); who does not say so shows
 * what everybody shows, but for what waits in that browser.
 */
export function checkCutOff(
  { host, tally, checkShown }: World,
  machine: Machine,
  place: number,
  everybody: Replica,
  differ: Comparison,
): string | undefined {
  const replicas = machine.tabs.map((tab): Replica => ({ party: tab!.life.party, snapshot: tab!.store()!.snapshot }))
  const replica = replicas[place]!
  const { basis } = replica.snapshot
  const { refused } = machine.tabs[place]!.store()!
  const isLeftBehind = isCutOff(machine.tabs[place]!) && tally.counts.compaction !== undefined
  checkShown(machine, replica.snapshot, refused.list(), isLeftBehind ? replica.party : undefined)
  if (isCutOff(machine.tabs[place]!)) {
    // One of several may stay so after another one has brought back what it knew.
    const isMended = replicas.length > 1 && host.disk.counting(SPACE).covers.length > 0
    if (!isMended && replicas.every(({ snapshot }) => host.disk.stands(SPACE, snapshot.basis)))
      return `${replica.party} is told that the relay has another log, and nobody in ${machine.name} knows more than that log`
  } else {
    if (!host.disk.stands(SPACE, basis)) return `${replica.party} is online, and knows more than the log of the relay`
    if (machine.tabs[place]!.store()!.status.pending === 0) return differ(everybody, replica, false)
  }
  for (const other of replicas.slice(0, place)) {
    const { epoch, relaySeq } = other.snapshot.basis
    // Of two that know the same of the relay.
    if (epoch !== basis.epoch || relaySeq !== basis.relaySeq) continue
    const message = differ(other, replica, true)
    if (message !== undefined) return message
  }
  return undefined
}
